/** How the operators see orders. Money is in tiyn; moments are in UTC, the date of delivery is the shop's wall clock. */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type { NumberedOrder } from "../orders/Order.ts"
import { OrderId } from "../orders/Order.ts"
import { OrderStatus } from "../orders/OrderStatus.ts"
import { OrderItemRead, OrderRead, toOrderRead } from "../orders/OrderView.ts"
import { ShopId } from "../shared/ShopId.ts"
import { toWallClock, toWireTime } from "../shared/WireTime.ts"
import type { OrderOfShop } from "./SuperadminOrders.ts"
import type { ListedOrder } from "./SuperadminOrdersRepo.ts"

export const isStatus = Schema.is(OrderStatus)

export const toWord = (text: string): string => text.trim().toLowerCase()

/** In any letter case. */
export const StatusFilter = Schema.String.pipe(
  Schema.decode(SchemaTransformation.transform({ decode: toWord, encode: (word) => word })),
  Schema.decodeTo(OrderStatus),
)

const { id, tracking_id, orderNumber, customerName, phone, total, status, created_at, delivery_date } =
  OrderRead.fields

export const SuperadminOrderRead = Schema.Struct({
  id,
  tracking_id,
  orderNumber,
  customerName,
  phone,
  total,
  status,
  shop_id: ShopId,
  shop_name: Schema.String,
  created_at,
  delivery_date,
})

export const SuperadminOrderInFull = Schema.Struct({
  order: Schema.Struct({
    id,
    tracking_id,
    orderNumber,
    customerName,
    phone,
    delivery_address: OrderRead.fields.delivery_address,
    delivery_date,
    scheduled_time: OrderRead.fields.scheduled_time,
    subtotal: OrderRead.fields.subtotal,
    delivery_cost: OrderRead.fields.delivery_cost,
    total,
    status,
    notes: OrderRead.fields.notes,
    created_at,
  }),
  shop: Schema.NullOr(Schema.Struct({ id: ShopId, name: Schema.String })),
  items: Schema.Array(
    Schema.Struct({
      id: OrderItemRead.fields.id,
      product_name: OrderItemRead.fields.product_name,
      product_price: OrderItemRead.fields.product_price,
      quantity: OrderItemRead.fields.quantity,
      item_total: OrderItemRead.fields.item_total,
    }),
  ),
})

export const ChangedOrder = Schema.Struct({ id: OrderId, orderNumber: Schema.String, status: OrderStatus })

export const toSuperadminOrderRead = (order: ListedOrder): typeof SuperadminOrderRead.Type => {
  const { order_number, customer_name, ...same } = order
  return {
    ...same,
    orderNumber: order_number,
    customerName: customer_name,
    created_at: toWireTime(order.created_at),
    delivery_date: order.delivery_date === null ? null : toWallClock(order.delivery_date),
  }
}

export const toSuperadminOrderInFull = (found: OrderOfShop): typeof SuperadminOrderInFull.Type => {
  const order = toOrderRead(found)
  return {
    order: {
      id: order.id,
      tracking_id: order.tracking_id,
      orderNumber: order.orderNumber,
      customerName: order.customerName,
      phone: order.phone,
      delivery_address: order.delivery_address,
      delivery_date: order.delivery_date,
      scheduled_time: order.scheduled_time,
      subtotal: order.subtotal,
      delivery_cost: order.delivery_cost,
      total: order.total,
      status: order.status,
      notes: order.notes,
      created_at: order.created_at,
    },
    shop: found.shop,
    items: order.items.map(({ id, product_name, product_price, quantity, item_total }) => ({
      id,
      product_name,
      product_price,
      quantity,
      item_total,
    })),
  }
}

export const toChangedOrder = ({ id, order_number, status }: NumberedOrder): typeof ChangedOrder.Type => ({
  id,
  orderNumber: order_number,
  status,
})
