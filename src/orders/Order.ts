import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { BigIntColumn, TiynColumn } from "../shared/BigIntColumn.ts"
import { fault } from "../shared/Fault.ts"
import type { OrderStatus } from "./OrderStatus.ts"
import * as Status from "./OrderStatus.ts"

export const OrderId = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2_147_483_647 })).pipe(
  Schema.brand("OrderId"),
)
export type OrderId = typeof OrderId.Type

/** Nine digits, hard to guess: holding it is a customer's right to follow the order. */
export const TrackingId = Schema.String.check(Schema.isMaxLength(9)).pipe(Schema.brand("TrackingId"))
export type TrackingId = typeof TrackingId.Type

/** Whether an order with this tracking id can exist at all. */
export const isTrackingId = (text: string): text is TrackingId => /^[0-9]{9}$/.test(text)

/** An id of somebody else's: a number where JavaScript can hold it exactly, decimal text where it cannot. */
export const ExternalId = Schema.Union([Schema.Int, Schema.String])
const ExternalIdColumn = Schema.BigInt.pipe(
  Schema.decodeTo(
    ExternalId,
    SchemaTransformation.transform({
      decode: (id) => (Number.isSafeInteger(Number(id)) ? Number(id) : String(id)),
      encode: BigInt,
    }),
  ),
)

/** A line of an order; prices are those at the moment of ordering. */
export const OrderItem = Schema.Struct({
  id: Schema.Int,
  order_id: OrderId,
  product_id: Schema.Int,
  product_name: Schema.String,
  product_price: TiynColumn,
  quantity: Schema.Int,
  item_total: TiynColumn,
  special_requests: Schema.NullOr(Schema.String),
  created_at: Schema.Date,
  updated_at: Schema.Date,
})
export type OrderItem = typeof OrderItem.Type

/** An order as its row reads, without its lines. */
export const Order = Schema.Struct({
  id: OrderId,
  tracking_id: TrackingId,
  order_number: Schema.String,
  customer_name: Schema.String,
  phone: Schema.String,
  customer_email: Schema.NullOr(Schema.String),
  delivery_address: Schema.NullOr(Schema.String),
  delivery_date: Schema.NullOr(Schema.Date),
  delivery_notes: Schema.NullOr(Schema.String),
  subtotal: TiynColumn,
  delivery_cost: TiynColumn,
  total: TiynColumn,
  status: Status.OrderStatus,
  notes: Schema.NullOr(Schema.String),
  telegram_user_id: Schema.NullOr(Schema.String),
  bitrix_order_id: Schema.NullOr(ExternalIdColumn),
  recipient_name: Schema.NullOr(Schema.String),
  recipient_phone: Schema.NullOr(Schema.String),
  sender_phone: Schema.NullOr(Schema.String),
  pickup_address: Schema.NullOr(Schema.String),
  delivery_type: Schema.NullOr(Schema.String),
  scheduled_time: Schema.NullOr(Schema.String),
  payment_method: Schema.NullOr(Schema.String),
  order_comment: Schema.NullOr(Schema.String),
  bonus_points: Schema.Int,
  kaspi_payment_id: Schema.NullOr(Schema.String),
  kaspi_payment_status: Schema.NullOr(Schema.String),
  kaspi_payment_created_at: Schema.NullOr(Schema.Date),
  kaspi_payment_completed_at: Schema.NullOr(Schema.Date),
  ask_delivery_address: Schema.Boolean,
  ask_delivery_time: Schema.Boolean,
  created_at: Schema.Date,
  updated_at: Schema.Date,
})
export type Order = typeof Order.Type

/** One change of one field of an order: who, what, old, new, and what they said about it. */
export const OrderHistoryEntry = Schema.Struct({
  id: BigIntColumn,
  order_id: OrderId,
  changed_by: Schema.String,
  field_name: Schema.String,
  old_value: Schema.NullOr(Schema.String),
  new_value: Schema.NullOr(Schema.String),
  is_override: Schema.Boolean,
  notes: Schema.NullOr(Schema.String),
  bitrix_user_id: Schema.NullOr(ExternalIdColumn),
  changed_at: Schema.Date,
})
export type OrderHistoryEntry = typeof OrderHistoryEntry.Type

/** What must be known, under the lock of its row, to change an order's status. */
const LockedStatus = Schema.Struct({
  id: OrderId,
  status: Status.OrderStatus,
  status_version: Schema.Int,
  bitrix_occurred_at: Schema.NullOr(Schema.Date),
  bitrix_received_at: Schema.NullOr(Schema.Date),
})
export type LockedStatus = typeof LockedStatus.Type

/** The same of an order that Bitrix knows. */
export const LockedOrder = Schema.Struct({ ...LockedStatus.fields, bitrix_order_id: Schema.String })
export type LockedOrder = typeof LockedOrder.Type

/** The same of any order, for whoever asks by its id. */
export const NumberedOrder = Schema.Struct({ ...LockedStatus.fields, order_number: Schema.String })
export type NumberedOrder = typeof NumberedOrder.Type

/** A step of the status chain, ready to be written. */
export interface StatusChange {
  readonly orderId: OrderId
  readonly from: OrderStatus
  readonly to: OrderStatus
  /** Number of this step in the chain of its order, from 1. */
  readonly version: number
  readonly isOverride: boolean
}

/** A step of the status chain with who made it and why. */
export interface StatusChangeRecord extends StatusChange {
  readonly changedBy: string
  readonly notes: string | null
  readonly bitrixUserId: string | null
  readonly inboxId: string | null
}

export const changeStatus = (order: LockedStatus, to: OrderStatus): StatusChange => ({
  orderId: order.id,
  from: order.status,
  to,
  version: order.status_version + 1,
  isOverride: Status.isOverride(order.status, to),
})

export class OrderNotFound extends Schema.Error<OrderNotFound>("OrderNotFound")(
  fault("OrderNotFound", "Order not found"),
  { httpApiStatus: 404 },
) {}

export class OrderCancelled extends Schema.Error<OrderCancelled>("OrderCancelled")(
  fault("OrderCancelled", "Order is already cancelled"),
  { httpApiStatus: 400 },
) {}

export class OrderDelivered extends Schema.Error<OrderDelivered>("OrderDelivered")(
  fault("OrderDelivered", "Cannot cancel delivered order"),
  { httpApiStatus: 400 },
) {}
