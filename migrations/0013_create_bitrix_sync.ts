import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

/**
 * What keeps goods here and in Bitrix the same.
 *
 * `bitrix_product` remembers per field what both sides last agreed on: `ours` as it stood here, `theirs` as Bitrix
 * said it. `sent` holds the pushes whose coming back may still be met, newest last; `blurred` names the fields that stand
 * there in a form that we cannot repeat. `sync_conflict` keeps the value
 * that lost when both sides had changed a field. `bitrix_pass` is where the walk through Bitrix's list stands. A
 * connection's `id` is there for the audit, which names records by it.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`
    CREATE TABLE bitrix_connection (
      shop_id                 integer PRIMARY KEY REFERENCES shop (id),
      id                      integer NOT NULL GENERATED ALWAYS AS (shop_id) STORED,
      base_url                text NOT NULL CHECK (base_url ~ '^https?://[^?#]+[^/?#]$'),
      update_path             text NOT NULL DEFAULT 'products/update-from-railway/{id}'
                              CHECK (update_path <> '' AND update_path !~ '^/'),
      sealed_token            bytea NOT NULL,
      webhook_secret_hash     bytea NOT NULL CHECK (octet_length(webhook_secret_hash) = 32),
      previous_secret_hash    bytea CHECK (octet_length(previous_secret_hash) = 32),
      requests_per_second_max integer NOT NULL DEFAULT 20 CHECK (requests_per_second_max BETWEEN 1 AND 10000),
      enabled                 boolean NOT NULL DEFAULT true,
      created_at              timestamptz NOT NULL DEFAULT now(),
      updated_at              timestamptz NOT NULL DEFAULT now()
    )`
  yield* sql`CREATE UNIQUE INDEX bitrix_connection_secret ON bitrix_connection (webhook_secret_hash)`
  yield* sql`SELECT protect_tenant_table('bitrix_connection', 'shop_id')`
  yield* sql`GRANT SELECT, INSERT, UPDATE ON bitrix_connection TO cvety_app`
  yield* sql`GRANT SELECT ON bitrix_connection TO cvety_across_shops`
  yield* sql`
    SELECT audit_table('bitrix_connection', 'shop_id',
                       '{sealed_token,webhook_secret_hash,previous_secret_hash}', '{updated_at}')`

  yield* sql`
    CREATE TABLE bitrix_product (
      shop_id        integer NOT NULL,
      product_id     integer NOT NULL,
      ours           jsonb NOT NULL DEFAULT '{}',
      theirs         jsonb NOT NULL DEFAULT '{}',
      sent           jsonb NOT NULL DEFAULT '[]',
      blurred        jsonb NOT NULL DEFAULT '[]',
      version        integer NOT NULL DEFAULT 0,
      last_event_at  timestamptz,
      last_pulled_at timestamptz,
      last_pushed_at timestamptz,
      seen_in_pass   integer NOT NULL DEFAULT 0,
      PRIMARY KEY (shop_id, product_id),
      FOREIGN KEY (shop_id, product_id) REFERENCES product (shop_id, id)
    )`
  yield* sql`SELECT protect_tenant_table('bitrix_product', 'shop_id')`
  yield* sql`GRANT SELECT, INSERT, UPDATE ON bitrix_product TO cvety_app`

  yield* sql`
    CREATE TABLE sync_conflict (
      id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      shop_id     integer NOT NULL,
      product_id  integer NOT NULL,
      field       text NOT NULL CHECK (field <> ''),
      ours        jsonb NOT NULL,
      theirs      jsonb NOT NULL,
      chosen      text CHECK (chosen IN ('ours', 'bitrix')),
      resolved_by integer,
      created_at  timestamptz NOT NULL DEFAULT now(),
      resolved_at timestamptz,
      FOREIGN KEY (shop_id, product_id) REFERENCES product (shop_id, id),
      CHECK ((chosen IS NULL) = (resolved_at IS NULL))
    )`
  yield* sql`
    CREATE UNIQUE INDEX sync_conflict_open ON sync_conflict (shop_id, product_id, field) WHERE chosen IS NULL`
  yield* sql`CREATE INDEX sync_conflict_newest ON sync_conflict (shop_id, id DESC)`
  yield* sql`SELECT protect_tenant_table('sync_conflict', 'shop_id')`
  yield* sql`GRANT SELECT, INSERT, UPDATE ON sync_conflict TO cvety_app`
  yield* sql`GRANT SELECT ON sync_conflict TO cvety_across_shops`

  // One walk per shop at a time; whoever holds the lease goes on from `next_offset`.
  yield* sql`
    CREATE TABLE bitrix_pass (
      shop_id              integer PRIMARY KEY,
      number               integer NOT NULL DEFAULT 1,
      next_offset          integer NOT NULL DEFAULT 0 CHECK (next_offset >= 0),
      lease                uuid,
      leased_until         timestamptz,
      started_at           timestamptz NOT NULL DEFAULT now(),
      seen                 integer NOT NULL DEFAULT 0,
      differences          integer NOT NULL DEFAULT 0,
      repaired             integer NOT NULL DEFAULT 0,
      unrepaired           integer NOT NULL DEFAULT 0,
      oldest_difference_at timestamptz,
      last_finished_at     timestamptz,
      last_seen            integer,
      last_differences     integer,
      last_repaired        integer,
      last_unrepaired      integer
    )`
  yield* sql`SELECT protect_tenant_table('bitrix_pass', 'shop_id')`
  yield* sql`GRANT SELECT, INSERT, UPDATE ON bitrix_pass TO cvety_app`
  yield* sql`GRANT SELECT ON bitrix_pass TO cvety_across_shops`

  yield* sql`
    ALTER TABLE inbox
      DROP CONSTRAINT inbox_source_check,
      ADD CONSTRAINT inbox_source_check CHECK (source IN ('bitrix.order_status', 'bitrix.product'))`

  // What Bitrix does to goods stands in the inbox; here stands what somebody did who asked by name.
  for (const table of ["product", "product_image"]) {
    yield* sql.unsafe(`DROP TRIGGER is_audited ON ${table}`)
    yield* sql.unsafe(`
      CREATE CONSTRAINT TRIGGER is_audited AFTER INSERT OR UPDATE OR DELETE ON ${table}
      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (current_setting('cvety.caller', true) <> '')
      EXECUTE FUNCTION record_audit('shop_id', '{}', '{updated_at,search}')`)
  }
})
