import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

/**
 * Who did what to which record of which shop, from where, with the changed fields before and after.
 *
 *   row of an audited table changes --> (at commit) record_audit --> audit
 *                                                                     seq n, hash = sha256(hash of n - 1, entry n)
 *
 * Triggers write it, so no path can forget to. They run at the end of the transaction, where the lock that keeps the
 * chain of a shop single is held for as short as can be. `cvety.caller` says who asks; without it the actor is `system`.
 * The chain of what belongs to no shop has the number 0. Triggers name the schema of `audit`, because a temporary table
 * of that name would come first. Working roles may append and read, nothing else.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`
    CREATE TABLE audit (
      shop_id       integer NOT NULL CHECK (shop_id >= 0),
      seq           bigint NOT NULL CHECK (seq > 0),
      at            timestamptz NOT NULL,
      actor_kind    text NOT NULL CHECK (actor_kind <> ''),
      actor_id      text,
      action        text,
      address       text,
      request_id    text,
      operation     text NOT NULL CHECK (operation IN ('insert', 'update', 'delete')),
      record_type   text NOT NULL,
      record_id     text NOT NULL,
      before        jsonb,
      after         jsonb,
      previous_hash bytea,
      hash          bytea NOT NULL,
      PRIMARY KEY (shop_id, seq)
    )`
  yield* sql`CREATE INDEX audit_record ON audit (shop_id, record_type, record_id, seq DESC)`
  yield* sql`CREATE INDEX audit_actor ON audit (shop_id, actor_kind, actor_id, seq DESC)`

  // The text whose hash an entry carries. Times in whole microseconds, so that no setting of a session changes it.
  yield* sql`
    CREATE FUNCTION audit_text(entry audit) RETURNS text
    LANGUAGE sql STABLE
    RETURN jsonb_build_array(
      encode(entry.previous_hash, 'hex'), entry.shop_id, entry.seq,
      (extract(epoch FROM entry.at) * 1000000)::bigint, entry.actor_kind, entry.actor_id, entry.action,
      entry.address, entry.request_id, entry.operation, entry.record_type, entry.record_id, entry.before,
      entry.after)::text`

  yield* sql`
    CREATE FUNCTION extend_audit_chain() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_advisory_xact_lock(7007, NEW.shop_id);
      NEW.at := clock_timestamp();
      SELECT seq + 1, hash INTO NEW.seq, NEW.previous_hash
      FROM public.audit
      WHERE shop_id = NEW.shop_id
      ORDER BY seq DESC
      LIMIT 1;
      NEW.seq := coalesce(NEW.seq, 1);
      NEW.hash := sha256(convert_to(audit_text(NEW), 'UTF8'));
      RETURN NEW;
    END
    $$`
  yield* sql`
    CREATE TRIGGER audit_extends_chain BEFORE INSERT ON audit
    FOR EACH ROW EXECUTE FUNCTION extend_audit_chain()`

  // Arguments: the column of the shop, columns whose values stay secret, columns that are no news.
  yield* sql`
    CREATE FUNCTION record_audit() RETURNS trigger
    LANGUAGE plpgsql AS $$
    DECLARE
      caller  jsonb := NULLIF(current_setting('cvety.caller', true), '')::jsonb;
      secret  text[] := TG_ARGV[1];
      no_news text[] := TG_ARGV[2];
      old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) - no_news END;
      new_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) - no_news END;
      whole   jsonb := coalesce(new_row, old_row);
      before  jsonb;
      after   jsonb;
    BEGIN
      SELECT jsonb_object_agg(key, CASE WHEN key = ANY (secret) THEN '"***"' ELSE old_row -> key END)
               FILTER (WHERE old_row ->> key IS NOT NULL OR TG_OP = 'UPDATE'),
             jsonb_object_agg(key, CASE WHEN key = ANY (secret) THEN '"***"' ELSE new_row -> key END)
               FILTER (WHERE new_row ->> key IS NOT NULL OR TG_OP = 'UPDATE')
      INTO before, after
      FROM jsonb_object_keys(whole) AS key
      WHERE old_row -> key IS DISTINCT FROM new_row -> key;
      IF before IS NULL AND after IS NULL THEN
        RETURN NULL;
      END IF;
      INSERT INTO public.audit (shop_id, actor_kind, actor_id, action, address, request_id, operation, record_type,
                                record_id, before, after)
      VALUES (coalesce((whole ->> TG_ARGV[0])::integer, 0), coalesce(caller ->> 'kind', 'system'), caller ->> 'id',
              caller ->> 'action', caller ->> 'address', caller ->> 'request_id', lower(TG_OP), TG_TABLE_NAME,
              whole ->> 'id', CASE WHEN TG_OP <> 'INSERT' THEN before END,
              CASE WHEN TG_OP <> 'DELETE' THEN after END);
      RETURN NULL;
    END
    $$`

  yield* sql`
    CREATE FUNCTION audit_table(audited regclass, shop_column name, secret text[], no_news text[]) RETURNS void
    LANGUAGE plpgsql AS $$
    BEGIN
      EXECUTE format(
        'CREATE CONSTRAINT TRIGGER is_audited AFTER INSERT OR UPDATE OR DELETE ON %s '
        'DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION record_audit(%L, %L, %L)',
        audited, shop_column, secret, no_news);
    END
    $$`
  yield* sql`REVOKE EXECUTE ON FUNCTION audit_table FROM PUBLIC`

  yield* sql`SELECT protect_tenant_table('audit', 'shop_id')`
  yield* sql`CREATE POLICY identity ON audit TO cvety_identity USING (true) WITH CHECK (true)`
  yield* sql`GRANT SELECT, INSERT ON audit TO cvety_app, cvety_identity`
  yield* sql`GRANT SELECT ON audit TO cvety_across_shops`

  yield* sql`SELECT audit_table('shop', 'id', '{}', '{updated_at,review_count,rating_sum}')`
  yield* sql`SELECT audit_table('"user"', 'shop_id', '{password_hash}', '{updated_at,token_version}')`
  yield* sql`SELECT audit_table('team_invitation', 'shop_id', '{invitation_code}', '{updated_at,wrong_codes}')`
  yield* sql`SELECT audit_table('service_credential', 'shop_id', '{secret_hash}', '{last_used_at,slot}')`

  // Orders have a history of their own, which Bitrix writes too; here stands what somebody did who asked by name.
  yield* sql`
    CREATE CONSTRAINT TRIGGER is_audited AFTER INSERT OR UPDATE OR DELETE ON "order"
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (current_setting('cvety.caller', true) <> '')
    EXECUTE FUNCTION record_audit('shop_id', '{}', '{updated_at,status_version,status_history_version}')`

  yield* sql`
    CREATE FUNCTION role_rank(role text) RETURNS integer
    LANGUAGE sql IMMUTABLE
    RETURN array_position('{COURIER,FLORIST,MANAGER,ADMIN,DIRECTOR,SUPERADMIN}', role)`
  yield* sql`
    CREATE FUNCTION refuse_own_promotion() RETURNS trigger
    LANGUAGE plpgsql AS $$
    DECLARE
      caller jsonb := NULLIF(current_setting('cvety.caller', true), '')::jsonb;
    BEGIN
      IF caller ->> 'kind' = 'user' AND caller ->> 'id' = OLD.id::text THEN
        RAISE EXCEPTION 'user % cannot raise their own role', OLD.id
          USING ERRCODE = 'check_violation', CONSTRAINT = 'user_raises_no_own_role';
      END IF;
      RETURN NEW;
    END
    $$`
  yield* sql`
    CREATE TRIGGER user_raises_no_own_role
    BEFORE UPDATE OF role, is_superadmin ON "user"
    FOR EACH ROW
    WHEN (role_rank(NEW.role) > role_rank(OLD.role) OR (NEW.is_superadmin AND NOT OLD.is_superadmin))
    EXECUTE FUNCTION refuse_own_promotion()`
})
