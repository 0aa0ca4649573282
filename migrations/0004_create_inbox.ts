import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

/**
 * What arrives from outside, kept as it was understood, with the first answer that was given to it.
 * `subject` names what the event is about in the sender's own terms (a Bitrix order id as text, because senders
 * may name ids that fit no column of ours). There is no key to the shop: an event may arrive before its shop does, and
 * nothing that arrives is dropped.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`
    CREATE TABLE inbox (
      id           uuid PRIMARY KEY,
      shop_id      integer NOT NULL,
      source       text NOT NULL CHECK (source IN ('bitrix.order_status')),
      subject      text NOT NULL,
      event_id     varchar(200) CHECK (event_id <> ''),
      occurred_at  timestamptz,
      payload      jsonb NOT NULL,
      answer       jsonb NOT NULL,
      state        text NOT NULL CHECK (state IN ('applied', 'skipped', 'parked')),
      reason       text CHECK (reason <> ''),
      trace_parent text,
      received_at  timestamptz NOT NULL DEFAULT now(),
      settled_at   timestamptz,
      CONSTRAINT inbox_event_once UNIQUE (shop_id, source, event_id),
      CHECK ((state = 'parked') = (settled_at IS NULL)),
      CHECK ((state = 'applied') = (reason IS NULL))
    )`
  yield* sql`CREATE INDEX inbox_parked ON inbox (shop_id, source, subject) WHERE state = 'parked'`
  yield* sql`CREATE INDEX inbox_received ON inbox (received_at DESC, id DESC)`

  yield* sql`SELECT protect_tenant_table('inbox', 'shop_id')`
  yield* sql`GRANT SELECT, INSERT, UPDATE (state, reason, settled_at) ON inbox TO cvety_app`
  yield* sql`GRANT SELECT ON inbox TO cvety_across_shops`

  // Wakes whoever applies parked events. Only a hint: a parked event that commits at the same moment is found
  // by the next sweep.
  yield* sql`
    CREATE FUNCTION wake_parked_order_events() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
      IF EXISTS (
        SELECT FROM inbox
        WHERE shop_id = NEW.shop_id
          AND source = 'bitrix.order_status'
          AND subject = NEW.bitrix_order_id::text
          AND state = 'parked'
      ) THEN
        PERFORM pg_notify('cvety_inbox_parked', NEW.shop_id::text);
      END IF;
      RETURN NULL;
    END
    $$`
  yield* sql`
    CREATE TRIGGER order_wakes_parked_events
    AFTER INSERT OR UPDATE OF bitrix_order_id ON "order"
    FOR EACH ROW WHEN (NEW.bitrix_order_id IS NOT NULL)
    EXECUTE FUNCTION wake_parked_order_events()`
})
