/** Orders put into the database by the witness, each with a Bitrix id that no other test uses. */
import type postgres from "postgres"
import { OTHER_SHOP_ID, SHOP_ID } from "./TestService.ts"

let lastId = 500_000

/** A Bitrix id, an order id and an event id are never given twice in a process. */
export const nextId = (): number => ++lastId

export const insertOrder = async (
  witness: postgres.ISql,
  order: {
    readonly id?: number
    readonly bitrixOrderId?: number | bigint | null
    readonly shopId?: number
  } = {},
) => {
  const id = order.id ?? nextId()
  const bitrixOrderId = order.bitrixOrderId === undefined ? id : order.bitrixOrderId
  await witness`
    INSERT INTO "order" (id, shop_id, tracking_id, order_number, customer_name, phone, subtotal, total, bitrix_order_id)
    VALUES (${id}, ${order.shopId ?? SHOP_ID}, ${String(id).padStart(9, "0")}, ${`#${id}`}, 'Айгерим', '+70000000013',
            0, 0, ${bitrixOrderId === null ? null : String(bitrixOrderId)}::text::bigint)`
  return { id, bitrixOrderId: Number(bitrixOrderId) }
}

export const statusOf = async (witness: postgres.ISql, orderId: number): Promise<string | undefined> => {
  const [row] = await witness`SELECT status FROM "order" WHERE id = ${orderId}`
  return row?.["status"]
}

/** The steps of an order's history, oldest first. */
export const historyOf = async (witness: postgres.ISql, orderId: number) => [
  ...(await witness`
    SELECT old_value, new_value, changed_by, notes, bitrix_user_id
    FROM order_history
    WHERE order_id = ${orderId}
    ORDER BY id`),
]

/** The same as `accepted -> assembled`, for tests that only care for the chain. */
export const chainOf = async (witness: postgres.ISql, orderId: number): Promise<ReadonlyArray<string>> =>
  (await historyOf(witness, orderId)).map((step) => `${step["old_value"]} -> ${step["new_value"]}`)

/** The inbox rows about a Bitrix order, oldest first. */
export const inboxOf = async (witness: postgres.ISql, bitrixOrderId: number | string) => [
  ...(await witness`
    SELECT id::text AS id, state, reason, answer, payload, event_id
    FROM inbox
    WHERE subject = ${String(bitrixOrderId)}
    ORDER BY id`),
]

/** The two shops and their directors, for worlds that are not seeded. */
export const insertShops = (witness: postgres.Sql) =>
  witness.begin(async (transaction) => {
    for (const [userId, shopId] of [
      [1, OTHER_SHOP_ID],
      [2, SHOP_ID],
    ] as const) {
      await transaction`
        INSERT INTO "user" (id, name, phone, role, shop_id, password_hash)
        VALUES (${userId}, 'Директор', ${`+7700000000${userId}`}, 'DIRECTOR', ${shopId}, '!')`
      await transaction`INSERT INTO shop (id, owner_id) VALUES (${shopId}, ${userId})`
    }
  })
