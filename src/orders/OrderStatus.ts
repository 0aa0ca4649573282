/**
 * The one state machine of an order's status.
 *
 *   new --> paid --> accepted <--> assembled <--> in_delivery --> delivered
 *    |        |          |             |
 *    +--------+----------+-------------+--> cancelled
 *
 * (`new` may also go straight to `accepted`.) Bitrix is the master of an order's status and may move it anywhere,
 * also out of a final state; such a move is an override and its history row says so.
 */
import * as Schema from "effect/Schema"

export const OrderStatus = Schema.Literals([
  "new",
  "paid",
  "accepted",
  "assembled",
  "in_delivery",
  "delivered",
  "cancelled",
])
export type OrderStatus = typeof OrderStatus.Type

const successors: Record<OrderStatus, ReadonlyArray<OrderStatus>> = {
  new: ["paid", "accepted", "cancelled"],
  paid: ["accepted", "cancelled"],
  accepted: ["assembled", "cancelled"],
  assembled: ["in_delivery", "accepted", "cancelled"],
  in_delivery: ["delivered", "assembled"],
  delivered: [],
  cancelled: [],
}

/** Whether a change goes outside the path that people follow. */
export const isOverride = (from: OrderStatus, to: OrderStatus): boolean => !successors[from].includes(to)

/** The three words that customers see; cancelled reads as confirmed, as the tracking page has always shown it. */
export const PublicOrderStatus = Schema.Literals(["confirmed", "preparing", "delivering"])

export const toPublic = (status: OrderStatus): typeof PublicOrderStatus.Type => {
  switch (status) {
    case "assembled":
      return "preparing"
    case "in_delivery":
    case "delivered":
      return "delivering"
    default:
      return "confirmed"
  }
}
