/**
 * What an order-status event does, decided in one place for arrivals, for parked events and for replays.
 *
 *   no such order         --> parked   "Order not found in Railway"   (skipped when no such id can exist)
 *   code not mapped       --> parked   "Unknown status: XX"
 *   older than the last   --> skipped  "Stale event"    (the last event that reached the order, changing it or not)
 *   nothing to change     --> skipped  "Status unchanged"
 *   otherwise             --> applied  one step of the order's status chain
 *
 * The order of the checks and the texts are the wire contract (externals 2.3).
 */
import * as Schema from "effect/Schema"
import type { LockedOrder, StatusChange } from "../orders/Order.ts"
import { changeStatus } from "../orders/Order.ts"
import { OrderStatus } from "../orders/OrderStatus.ts"
import type { InboxState } from "../platform/Inbox.ts"
import type { OrderStatusEvent } from "./OrderStatusEvent.ts"
import { isPossibleId } from "./OrderStatusEvent.ts"

// A number where JSON can carry it exactly.
const BitrixOrderId = Schema.Union([Schema.Int, Schema.String])

export const Applied = Schema.Struct({
  status: Schema.Literal("success"),
  order_id: Schema.Int,
  railway_order_id: Schema.Int,
  bitrix_order_id: BitrixOrderId,
  old_status: OrderStatus,
  new_status: OrderStatus,
  history_recorded: Schema.Literal(true),
})

export const Skipped = Schema.Struct({
  status: Schema.Literal("skipped"),
  reason: Schema.String,
  bitrix_order_id: BitrixOrderId,
  current_status: Schema.optionalKey(OrderStatus),
})

export const OrderStatusAnswer = Schema.Union([Applied, Skipped])
export type OrderStatusAnswer = typeof OrderStatusAnswer.Type

export interface Decision {
  readonly answer: OrderStatusAnswer
  readonly state: InboxState
  /** Why it was not applied; null when it was. */
  readonly reason: string | null
  /** The step to take; null when nothing changes. */
  readonly change: StatusChange | null
  /** The order as it is after the event; null when the event did not reach it. */
  readonly order: LockedOrder | null
}

export interface Arrival {
  readonly event: OrderStatusEvent
  readonly receivedAt: Date
  /** Whether it has waited in the inbox: then a later arrival may have overtaken it. */
  readonly wasParked: boolean
}

export const decide = (
  { event, receivedAt, wasParked }: Arrival,
  order: LockedOrder | undefined,
  mapping: ReadonlyMap<string, OrderStatus>,
): Decision => {
  const bitrix_order_id = toWire(event.order_id)
  const skip = (state: "skipped" | "parked", reason: string, current?: OrderStatus): Decision => ({
    answer: {
      status: "skipped",
      reason,
      bitrix_order_id,
      ...(current === undefined ? {} : { current_status: current }),
    },
    state,
    reason,
    change: null,
    order: null,
  })

  if (order === undefined) {
    return skip(isPossibleId(event.order_id) ? "parked" : "skipped", "Order not found in Railway")
  }
  const status = mapping.get(event.status)
  if (status === undefined) {
    return skip("parked", `Unknown status: ${event.status}`)
  }
  // A clock this far ahead orders nothing: such an event counts as undated.
  const occurredAt = isPlausible(event.occurred_at, receivedAt) ? event.occurred_at : null
  if (isStale(order, occurredAt, wasParked ? receivedAt : null)) {
    return skip("skipped", "Stale event", order.status)
  }
  const seen = {
    ...order,
    bitrix_occurred_at: occurredAt ?? order.bitrix_occurred_at,
    bitrix_received_at: later(receivedAt, order.bitrix_received_at),
  }
  if (status === order.status) {
    return { ...skip("skipped", "Status unchanged", order.status), order: seen }
  }
  const change = changeStatus(order, status)
  return {
    answer: {
      status: "success",
      order_id: order.id,
      railway_order_id: order.id,
      bitrix_order_id,
      old_status: change.from,
      new_status: change.to,
      history_recorded: true,
    },
    state: "applied",
    reason: null,
    change,
    order: { ...seen, status: change.to, status_version: change.version },
  }
}

const isStale = (order: LockedOrder, occurredAt: Date | null, parkedAt: Date | null): boolean =>
  occurredAt !== null && order.bitrix_occurred_at !== null
    ? occurredAt < order.bitrix_occurred_at
    : parkedAt !== null && order.bitrix_received_at !== null && parkedAt < order.bitrix_received_at

const isPlausible = (occurredAt: Date | null | undefined, receivedAt: Date): occurredAt is Date =>
  occurredAt != null && occurredAt.getTime() - receivedAt.getTime() <= CLOCK_AHEAD_MS_MAX

const CLOCK_AHEAD_MS_MAX = 15 * 60_000

const later = (a: Date, b: Date | null): Date => (b === null || a > b ? a : b)

const toWire = (digits: string): number | string =>
  Number.isSafeInteger(Number(digits)) ? Number(digits) : digits
