import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

/**
 * Facts for systems outside, recorded in the transaction of the change. At most one undelivered fact per
 * aggregate and target: a newer state replaces the older one.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`
    CREATE TABLE outbox (
      id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      shop_id        integer NOT NULL REFERENCES shop (id),
      target         text NOT NULL CHECK (target <> ''),
      aggregate_type text NOT NULL CHECK (aggregate_type <> ''),
      aggregate_id   text NOT NULL CHECK (aggregate_id <> ''),
      payload        jsonb NOT NULL,
      trace_parent   text,
      state          text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'parked')),
      attempts       integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
      available_at   timestamptz NOT NULL DEFAULT now(),
      leased_until   timestamptz,
      last_error     text,
      created_at     timestamptz NOT NULL DEFAULT now(),
      settled_at     timestamptz,
      CHECK ((state = 'pending') = (settled_at IS NULL))
    )`
  yield* sql`
    CREATE UNIQUE INDEX outbox_one_pending ON outbox (shop_id, target, aggregate_type, aggregate_id)
    WHERE state = 'pending'`
  yield* sql`CREATE INDEX outbox_available ON outbox (target, available_at) WHERE state = 'pending'`

  yield* sql`SELECT protect_tenant_table('outbox', 'shop_id')`
  yield* sql`GRANT SELECT, INSERT, UPDATE ON outbox TO cvety_app`
  yield* sql`GRANT SELECT, UPDATE ON outbox TO cvety_across_shops`
})
