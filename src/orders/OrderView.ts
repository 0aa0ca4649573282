/**
 * How orders look on the wire: the old clients own these shapes, mixed spelling included.
 * Money is in tiyn. Times carry no offset: moments are in UTC, the date of delivery is the shop's wall clock.
 */
import * as Schema from "effect/Schema"
import { Tiyn } from "../shared/Tiyn.ts"
import { SHOP_ZONE, toWallClock, toWireTime } from "../shared/WireTime.ts"
import type { Order, OrderHistoryEntry, OrderItem } from "./Order.ts"
import { ExternalId, OrderId } from "./Order.ts"
import { OrderStatus, PublicOrderStatus, toPublic } from "./OrderStatus.ts"
import type { OrderWithItems } from "./Orders.ts"

const Text = Schema.NullOr(Schema.String)
const Time = Schema.String.annotate({ description: "ISO 8601 without an offset" })
const Money = Tiyn.annotate({ description: "Tiyn, 1/100 tenge" })

export const OrderItemRead = Schema.Struct({
  order_id: OrderId,
  product_id: Schema.Int,
  product_name: Schema.String,
  product_price: Money,
  quantity: Schema.Int,
  item_total: Money,
  special_requests: Text,
  id: Schema.Int,
  created_at: Time,
  updated_at: Time,
})

export const OrderRead = Schema.Struct({
  id: OrderId,
  tracking_id: Schema.String,
  orderNumber: Schema.String,
  customerName: Schema.String,
  phone: Schema.String,
  customer_email: Text,
  delivery_address: Text,
  delivery_date: Schema.NullOr(Time),
  delivery_notes: Text,
  subtotal: Money,
  delivery_cost: Money,
  total: Money,
  status: OrderStatus,
  notes: Text,
  telegram_user_id: Text,
  bitrix_order_id: Schema.NullOr(ExternalId),
  recipient_name: Text,
  recipient_phone: Text,
  sender_phone: Text,
  pickup_address: Text,
  delivery_type: Text,
  scheduled_time: Text,
  payment_method: Text,
  order_comment: Text,
  bonus_points: Schema.Int,
  kaspi_payment_id: Text,
  kaspi_payment_status: Text,
  kaspi_payment_created_at: Schema.NullOr(Time),
  kaspi_payment_completed_at: Schema.NullOr(Time),
  ask_delivery_address: Schema.Boolean,
  ask_delivery_time: Schema.Boolean,
  created_at: Time,
  updated_at: Time,
  items: Schema.Array(OrderItemRead),
  photos: Schema.Array(Schema.Never).annotate({ description: "Always empty until photos arrive" }),
})

export const OrderHistoryRead = Schema.Struct({
  id: Schema.Int,
  order_id: OrderId,
  changed_by: Schema.String.annotate({ description: "A role-like word: bitrix, admin, customer" }),
  field_name: Schema.String,
  old_value: Text,
  new_value: Text,
  notes: Text,
  bitrix_user_id: Schema.NullOr(ExternalId).annotate({ description: "Who changed it in Bitrix" }),
  is_override: Schema.Boolean.annotate({ description: "Outside the path that people follow" }),
  changed_at: Schema.String.annotate({ description: "ISO 8601 in UTC" }),
})

export const PublicStatus = Schema.Struct({
  tracking_id: Schema.String,
  order_number: Schema.String,
  status: PublicOrderStatus,
  recipient: Schema.Struct({ name: Schema.String, phone: Schema.String }),
  pickup_address: Schema.String,
  delivery_address: Schema.String,
  delivery_date: Schema.NullOr(Time),
  date_time: Schema.String,
  sender: Schema.Struct({ phone: Schema.String }),
  photos: Schema.Array(Schema.Never),
  photo_feedback: Text,
  photo_feedback_comment: Text,
  items: Schema.Array(Schema.Struct({ name: Schema.String, price: Money })).annotate({
    description: "The price is that of the whole line",
  }),
  delivery_cost: Money,
  delivery_type: Schema.String,
  total: Money,
  bonus_points: Schema.Int,
  payment_method: Text,
  kaspi_payment_id: Text,
  kaspi_payment_status: Text,
  kaspi_payment_created_at: Schema.NullOr(Time),
})

export const toOrderRead = ({ order, items }: OrderWithItems): typeof OrderRead.Type => {
  const { order_number, customer_name, ...same } = order
  return {
    ...same,
    orderNumber: order_number,
    customerName: customer_name,
    delivery_date: orNull(order.delivery_date, toWallClock),
    kaspi_payment_created_at: orNull(order.kaspi_payment_created_at, toWireTime),
    kaspi_payment_completed_at: orNull(order.kaspi_payment_completed_at, toWireTime),
    created_at: toWireTime(order.created_at),
    updated_at: toWireTime(order.updated_at),
    items: items.map(toOrderItemRead),
    photos: [],
  }
}

const toOrderItemRead = (item: OrderItem): typeof OrderItemRead.Type => ({
  ...item,
  created_at: toWireTime(item.created_at),
  updated_at: toWireTime(item.updated_at),
})

export const toOrderHistoryRead = (entry: OrderHistoryEntry): typeof OrderHistoryRead.Type => ({
  ...entry,
  changed_at: entry.changed_at.toISOString(),
})

export const toPublicStatus = ({ order, items }: OrderWithItems): typeof PublicStatus.Type => ({
  tracking_id: order.tracking_id,
  order_number: order.order_number,
  status: toPublic(order.status),
  recipient: {
    name: order.recipient_name ?? order.customer_name,
    phone: order.recipient_phone ?? order.phone,
  },
  pickup_address: order.pickup_address ?? "Store address not specified",
  delivery_address: order.delivery_address ?? "Not specified",
  delivery_date: orNull(order.delivery_date, toWallClock),
  date_time: spoken(order.delivery_date ?? order.created_at),
  sender: { phone: order.sender_phone ?? order.phone },
  photos: [],
  photo_feedback: null,
  photo_feedback_comment: null,
  items: items.map(({ product_name, item_total }) => ({ name: product_name, price: item_total })),
  delivery_cost: order.delivery_cost,
  delivery_type: deliveryTypeText(order),
  total: order.total,
  bonus_points: order.bonus_points,
  payment_method: order.payment_method,
  kaspi_payment_id: order.kaspi_payment_id,
  kaspi_payment_status: order.kaspi_payment_status,
  kaspi_payment_created_at: orNull(order.kaspi_payment_created_at, toWireTime),
})

const deliveryTypeText = ({ delivery_type, scheduled_time }: Order): string => {
  switch (delivery_type) {
    case "express":
      return "Express 30 min"
    case "scheduled":
      return `Scheduled: ${scheduled_time ?? "Not specified"}`
    case "pickup":
      return "Self Pickup"
    default:
      return "Standard Delivery"
  }
}

const orNull = <A, B>(value: A | null, render: (value: A) => B): B | null =>
  value === null ? null : render(value)

const shopWords = new Intl.DateTimeFormat("en-GB", {
  weekday: "long",
  day: "numeric",
  month: "long",
  hour: "2-digit",
  minute: "2-digit",
  timeZone: SHOP_ZONE,
})
const spoken = (date: Date): string => {
  const parts = Object.fromEntries(shopWords.formatToParts(date).map(({ type, value }) => [type, value]))
  return `${parts["weekday"]} ${parts["day"]} ${parts["month"]}, ${parts["hour"]}:${parts["minute"]}`
}
