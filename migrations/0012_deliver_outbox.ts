import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

/**
 * What delivering facts needs: which shops have somebody who takes them, who holds a fact at the moment, and a word to
 * whoever waits.
 *
 * An aggregate has one open fact per target. While it is held, a newer change raises its generation, so that whoever
 * delivers the former state knows that there is more to tell. `available_at` of `epoch` means at once; while a fact is
 * held it is the end of the lease.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`
    CREATE TABLE outbox_route (
      shop_id           integer NOT NULL,
      target            text NOT NULL CHECK (target <> ''),
      last_delivered_at timestamptz,
      PRIMARY KEY (shop_id, target)
    )`
  yield* sql`SELECT protect_tenant_table('outbox_route', 'shop_id')`
  yield* sql`GRANT SELECT, INSERT, UPDATE, DELETE ON outbox_route TO cvety_app`
  yield* sql`GRANT SELECT ON outbox_route TO cvety_across_shops`

  yield* sql`
    ALTER TABLE outbox
      DROP COLUMN leased_until,
      ADD COLUMN before jsonb NOT NULL DEFAULT '{}',
      ADD COLUMN generation integer NOT NULL DEFAULT 1 CHECK (generation > 0),
      ADD COLUMN lease uuid,
      ADD COLUMN pending_since timestamptz NOT NULL DEFAULT now(),
      ADD CHECK (lease IS NULL OR state = 'pending')`
  yield* sql`ALTER TABLE outbox ALTER COLUMN available_at SET DEFAULT 'epoch'`
  yield* sql`UPDATE outbox SET available_at = 'epoch', pending_since = created_at WHERE state = 'pending'`

  yield* sql`DROP INDEX outbox_one_pending`
  yield* sql`DROP INDEX outbox_available`
  yield* sql`
    CREATE UNIQUE INDEX outbox_one_open ON outbox (shop_id, target, aggregate_type, aggregate_id)
    WHERE state <> 'delivered'`
  yield* sql`CREATE INDEX outbox_available ON outbox (shop_id, target, available_at, id) WHERE state = 'pending'`
  yield* sql`CREATE INDEX outbox_lease ON outbox (lease) WHERE lease IS NOT NULL`
  yield* sql`CREATE INDEX outbox_parked ON outbox (shop_id, target, settled_at, id) WHERE state = 'parked'`
  yield* sql`CREATE INDEX outbox_delivered ON outbox (settled_at) WHERE state = 'delivered'`
  yield* sql`GRANT DELETE ON outbox TO cvety_across_shops`

  // A word per shop and transaction: identical ones are sent once.
  yield* sql`
    CREATE FUNCTION tell_of_outbox() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_notify('cvety_outbox', NEW.target || ' ' || NEW.shop_id);
      RETURN NULL;
    END
    $$`
  yield* sql`
    CREATE TRIGGER tells_of_new AFTER INSERT ON outbox
    FOR EACH ROW WHEN (NEW.state = 'pending') EXECUTE FUNCTION tell_of_outbox()`
  yield* sql`
    CREATE TRIGGER tells_of_newer AFTER UPDATE OF generation ON outbox
    FOR EACH ROW WHEN (NEW.state = 'pending' AND NEW.lease IS NULL) EXECUTE FUNCTION tell_of_outbox()`
})
