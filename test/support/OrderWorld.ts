/** Orders in bulk, and what the database says about them afterwards. */
import * as Effect from "effect/Effect"
import type postgres from "postgres"
import { SHOP_ID } from "./TestService.ts"

/** Bitrix ids of `insertOrders` begin above this. */
export const BITRIX_BASE = 5_000_000

/** A shop and its director, for worlds that are not seeded. */
export const insertShop = (witness: postgres.Sql, shopId: number) =>
  witness.begin(async (sql) => {
    await sql`
      INSERT INTO "user" (id, name, phone, role, shop_id, password_hash)
      VALUES (${shopId}, 'Директор', '+7' || lpad(${shopId}::text, 10, '0'), 'DIRECTOR', ${shopId}, '!')`
    await sql`INSERT INTO shop (id, name, owner_id) VALUES (${shopId}, 'Магазин', ${shopId})`
  })

/** New orders `BITRIX_BASE + from` to `BITRIX_BASE + to` of the production shop. */
export const insertOrders = (witness: postgres.Sql, from: number, to: number) =>
  witness`
    INSERT INTO "order" (shop_id, tracking_id, order_number, customer_name, phone, subtotal, total, bitrix_order_id)
    SELECT ${SHOP_ID}, n::text, 'T-' || n, 'Айгерим', '+70000000013', 1200000, 1200000, ${BITRIX_BASE} + n
    FROM generate_series(${from}::integer, ${to}::integer) AS n`

/**
 * Orders whose history is not one unbroken chain: versions 1, 2, 3, ... each beginning where the last ended, the first
 * at `new`, the last at the status of the order.
 */
export const findBrokenChains = async (witness: postgres.Sql): Promise<ReadonlyArray<number>> => {
  const orders = await witness<Array<{ id: number }>>`
    SELECT o.id
    FROM "order" o
    LEFT JOIN LATERAL (
      SELECT count(*) AS steps,
             bool_and(status_version = place AND old_value = earlier) AS is_whole,
             max(new_value) FILTER (WHERE later IS NULL) AS ending
      FROM (
        SELECT h.status_version, h.old_value, h.new_value,
               row_number() OVER chain AS place,
               lag(h.new_value, 1, 'new') OVER chain AS earlier,
               lead(h.id) OVER chain AS later
        FROM order_history h
        WHERE h.shop_id = o.shop_id AND h.order_id = o.id AND h.field_name = 'status'
        WINDOW chain AS (ORDER BY h.id)
      ) step
    ) history ON true
    WHERE o.status_version <> history.steps
       OR o.status <> coalesce(history.ending, 'new')
       OR history.is_whole IS FALSE
    ORDER BY o.id`
  return orders.map(({ id }) => id)
}

/** Events by event id: the answer that is kept, and how many rows it and its change have. */
export const findEvents = async (witness: postgres.Sql) => {
  const events = await witness<Array<{ event_id: string; answer: unknown; rows: number; steps: number }>>`
    SELECT i.event_id, i.answer, count(DISTINCT i.id)::integer AS rows, count(h.id)::integer AS steps
    FROM inbox i
    LEFT JOIN order_history h ON h.shop_id = i.shop_id AND h.inbox_id = i.id
    WHERE i.event_id IS NOT NULL
    GROUP BY i.event_id, i.answer`
  return new Map(events.map((event) => [event.event_id, event]))
}

/** Waits until a transaction of the service waits for another one. */
export const untilLockIsAwaited = Effect.fnUntraced(function* (witness: postgres.Sql) {
  const waiting = Effect.promise(
    () => witness`
      SELECT
      FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'cvety' AND wait_event_type = 'Lock'`,
  )
  while ((yield* waiting).length === 0) yield* Effect.sleep(10)
})
