/**
 * Decides a batch of order-status events against the locked orders and says what to write. Pure: the same events in
 * the same order give the same chain, in one batch or in many.
 */
import * as Schema from "effect/Schema"
import type { LockedOrder, StatusChange, StatusChangeRecord } from "../orders/Order.ts"
import type { OrderStatus } from "../orders/OrderStatus.ts"
import type { InboxRecord } from "../platform/Inbox.ts"
import type { Arrival, Decision } from "./OrderStatusDecision.ts"
import { decide, OrderStatusAnswer } from "./OrderStatusDecision.ts"
import type { OrderStatusEvent } from "./OrderStatusEvent.ts"
import * as Event from "./OrderStatusEvent.ts"

/** The inbox source of these events. */
export const SOURCE = "bitrix.order_status"

/** An event on its way into the inbox. */
export interface Delivery extends Arrival {
  readonly id: string
  readonly traceParent: string | null
}

export interface Batch {
  /** One per delivery, in order; undefined for one whose order somebody else holds: nothing was decided. */
  readonly answers: ReadonlyArray<OrderStatusAnswer | undefined>
  readonly records: ReadonlyArray<InboxRecord>
  readonly changes: ReadonlyArray<StatusChangeRecord>
  /** The orders that were reached, as they are after the batch. */
  readonly orders: ReadonlyArray<LockedOrder>
}

/** Each delivery sees the orders as the ones before it left them; a repeated event id gets its first answer. */
export const decideBatch = (
  deliveries: ReadonlyArray<Delivery>,
  locked: ReadonlyArray<LockedOrder>,
  given: ReadonlyArray<{ readonly event_id: string; readonly answer: unknown }>,
  mapping: ReadonlyMap<string, OrderStatus>,
  heldBitrixIds: ReadonlySet<string> = new Set(),
): Batch => {
  const ordersByBitrixId = new Map(locked.map((order) => [order.bitrix_order_id, order]))
  const answersByEventId = new Map(given.map(({ event_id, answer }) => [event_id, decodeAnswer(answer)]))
  const reached = new Map<string, LockedOrder>()
  const answers: Array<OrderStatusAnswer | undefined> = []
  const records: Array<InboxRecord> = []
  const changes: Array<StatusChangeRecord> = []

  for (const delivery of deliveries) {
    const { event } = delivery
    const eventId = event.event_id ?? null
    const repeated = eventId === null ? undefined : answersByEventId.get(eventId)
    if (repeated !== undefined || heldBitrixIds.has(event.order_id)) {
      answers.push(repeated)
      continue
    }
    const decision = decide(delivery, ordersByBitrixId.get(event.order_id), mapping)
    answers.push(decision.answer)
    records.push(toRecord(delivery, decision))
    if (eventId !== null) answersByEventId.set(eventId, decision.answer)
    if (decision.change !== null) changes.push(toChangeRecord(delivery.id, event, decision.change))
    if (decision.order !== null) {
      ordersByBitrixId.set(event.order_id, decision.order)
      reached.set(event.order_id, decision.order)
    }
  }
  return { answers, records, changes, orders: [...reached.values()] }
}

/** Orders that exist but are locked by another transaction, here or elsewhere. */
export const heldIds = (
  existing: ReadonlyArray<{ readonly bitrix_order_id: string }>,
  locked: ReadonlyArray<{ readonly bitrix_order_id: string }>,
): ReadonlySet<string> => {
  const held = new Set(existing.map((order) => order.bitrix_order_id))
  for (const order of locked) held.delete(order.bitrix_order_id)
  return held
}

const toRecord = ({ id, event, receivedAt, traceParent }: Delivery, decision: Decision): InboxRecord => ({
  id,
  subject: event.order_id,
  eventId: event.event_id ?? null,
  occurredAt: event.occurred_at ?? null,
  receivedAt,
  payload: encodeEvent(event),
  answer: decision.answer,
  state: decision.state,
  reason: decision.reason,
  traceParent,
})

export const toChangeRecord = (
  inboxId: string,
  event: OrderStatusEvent,
  change: StatusChange,
): StatusChangeRecord => ({
  ...change,
  changedBy: "bitrix",
  notes: event.notes ?? null,
  bitrixUserId:
    event.changed_by_id != null && Event.isPossibleId(event.changed_by_id) ? event.changed_by_id : null,
  inboxId,
})

const encodeEvent = Schema.encodeSync(Event.OrderStatusEvent)
const decodeAnswer = Schema.decodeUnknownSync(OrderStatusAnswer)
