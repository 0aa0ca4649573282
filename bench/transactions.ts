/**
 * The webhook's transaction as the peers do it, with the driver `postgres`: inbox, history and order, the same rows as
 * ours under the same role and row security.
 *
 *   ordinary       BEGIN, tenant, lock, INSERT, INSERT, UPDATE, COMMIT: what a careful programmer writes
 *   oneStatement   everything in one statement, the tenant set when the connection starts: the least there can be
 */
import postgres from "postgres"
import type { OrderStatus } from "../src/orders/OrderStatus.ts"
import { SHOP_ID } from "./events.ts"

export const CONNECTIONS_MAX = 10

export interface StatusEvent {
  readonly order_id: number
  readonly status: string
  readonly changed_by_id?: number | null
  readonly notes?: string | null
}

export type Answer =
  | { readonly status: "skipped"; readonly reason: string; readonly bitrix_order_id: number }
  | {
      readonly status: "success"
      readonly order_id: number
      readonly railway_order_id: number
      readonly bitrix_order_id: number
      readonly old_status: OrderStatus
      readonly new_status: OrderStatus
      readonly history_recorded: true
    }

export const connect = () =>
  postgres(process.env["DATABASE_URL"] ?? "", {
    max: CONNECTIONS_MAX,
    connection: { "cvety.shop_id": String(SHOP_ID) },
  })

export const ordinary = (sql: postgres.Sql, event: StatusEvent): Promise<Answer> =>
  sql.begin(async (tx) => {
    await tx`SELECT set_config('cvety.shop_id', ${String(SHOP_ID)}, true)`
    const [order] = await tx<Array<{ id: number; status: OrderStatus; status_version: number }>>`
      SELECT id, status, status_version
      FROM "order"
      WHERE shop_id = ${SHOP_ID} AND bitrix_order_id = ${event.order_id}
      FOR NO KEY UPDATE`
    if (order === undefined) return skipped(event, "Order not found in Railway")
    const to = statusByCode[event.status]
    if (to === undefined) return skipped(event, `Unknown status: ${event.status}`)
    if (to === order.status) return skipped(event, "Status unchanged")

    const answer: Answer = {
      status: "success",
      order_id: order.id,
      railway_order_id: order.id,
      bitrix_order_id: event.order_id,
      old_status: order.status,
      new_status: to,
      history_recorded: true,
    }
    const version = order.status_version + 1
    const receivedAt = new Date()
    const [received] = await tx<Array<{ id: string }>>`
      INSERT INTO inbox (id, shop_id, source, subject, payload, answer, state, received_at, settled_at)
      VALUES (uuidv7(), ${SHOP_ID}, 'bitrix.order_status', ${String(event.order_id)}, ${tx.json({ ...event })},
              ${tx.json(answer)}, 'applied', ${receivedAt}, now())
      RETURNING id`
    await tx`
      INSERT INTO order_history (shop_id, order_id, changed_by, field_name, old_value, new_value, status_version,
                                 is_override, notes, bitrix_user_id, inbox_id)
      VALUES (${SHOP_ID}, ${order.id}, 'bitrix', 'status', ${order.status}, ${to}, ${version},
              ${!predecessors[to].includes(order.status)}, ${event.notes ?? null}, ${event.changed_by_id ?? null},
              ${received?.id ?? null})`
    await tx`
      UPDATE "order"
      SET status = ${to}, status_version = ${version}, bitrix_received_at = ${receivedAt}, updated_at = now()
      WHERE shop_id = ${SHOP_ID} AND id = ${order.id}`
    return answer
  }) as Promise<Answer>

export const oneStatement = async (sql: postgres.Sql, event: StatusEvent): Promise<Answer> => {
  const to = statusByCode[event.status]
  if (to === undefined) return skipped(event, `Unknown status: ${event.status}`)
  const [row] = await sql<Array<{ answer: Answer }>>`
    WITH step AS MATERIALIZED (
      SELECT id, status, status_version + 1 AS version, uuidv7() AS inbox_id
      FROM "order"
      WHERE shop_id = ${SHOP_ID} AND bitrix_order_id = ${event.order_id} AND status <> ${to}
      FOR NO KEY UPDATE
    ), received AS (
      INSERT INTO inbox (id, shop_id, source, subject, payload, answer, state, settled_at)
      SELECT inbox_id, ${SHOP_ID}, 'bitrix.order_status', ${String(event.order_id)}, ${sql.json({ ...event })},
             jsonb_build_object('status', 'success', 'order_id', id, 'railway_order_id', id,
               'bitrix_order_id', ${event.order_id}::bigint, 'old_status', status, 'new_status', ${to}::text,
               'history_recorded', true),
             'applied', now()
      FROM step
      RETURNING answer
    ), recorded AS (
      INSERT INTO order_history (shop_id, order_id, changed_by, field_name, old_value, new_value, status_version,
                                 is_override, notes, bitrix_user_id, inbox_id)
      SELECT ${SHOP_ID}, id, 'bitrix', 'status', status, ${to}, version,
             status <> ALL (${predecessors[to]}::text[]), ${event.notes ?? null}, ${event.changed_by_id ?? null},
             inbox_id
      FROM step
    )
    UPDATE "order" o
    SET status = ${to}, status_version = step.version, bitrix_received_at = now(), updated_at = now()
    FROM step
    WHERE o.shop_id = ${SHOP_ID} AND o.id = step.id
    RETURNING (SELECT answer FROM received)`
  return row?.answer ?? skipped(event, "Order not found in Railway, or status unchanged")
}

const skipped = ({ order_id }: StatusEvent, reason: string): Answer => ({
  status: "skipped",
  reason,
  bitrix_order_id: order_id,
})

const statusByCode: Readonly<Record<string, OrderStatus>> = {
  N: "new",
  PD: "paid",
  AP: "accepted",
  CO: "assembled",
  DE: "in_delivery",
  F: "delivered",
  RF: "cancelled",
  UN: "cancelled",
}

/** From where people move an order to a status; from anywhere else it is an override. */
const predecessors: Readonly<Record<OrderStatus, Array<OrderStatus>>> = {
  new: [],
  paid: ["new"],
  accepted: ["new", "paid", "assembled"],
  assembled: ["accepted", "in_delivery"],
  in_delivery: ["assembled"],
  delivered: ["in_delivery"],
  cancelled: ["new", "paid", "accepted", "assembled"],
}
