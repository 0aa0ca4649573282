/** The only SQL on orders, their lines and their history. Every query names the shop; row security is the second lock. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Query } from "../platform/Query.ts"
import { command, rows, sql } from "../platform/Query.ts"
import { ShopId } from "../shared/ShopId.ts"
import type { LockedStatus, StatusChangeRecord, TrackingId } from "./Order.ts"
import { LockedOrder, NumberedOrder, Order, OrderHistoryEntry, OrderId, OrderItem } from "./Order.ts"

export class OrdersRepo extends Context.Service<
  OrdersRepo,
  {
    readonly findById: (shopId: ShopId, id: OrderId) => Query<ReadonlyArray<Order>>
    readonly findItems: (shopId: ShopId, id: OrderId) => Query<ReadonlyArray<OrderItem>>
    /** Newest first, at most `HISTORY_MAX`. */
    readonly findHistory: (shopId: ShopId, id: OrderId) => Query<ReadonlyArray<OrderHistoryEntry>>
    /** For the door across shops: whose order a tracking id names. */
    readonly findByTrackingId: (trackingId: TrackingId) => Query<ReadonlyArray<typeof OwnedOrder.Type>>
    readonly lockById: (shopId: ShopId, id: OrderId) => Query<ReadonlyArray<NumberedOrder>>
    /** Locks the orders in the order of their ids, so that two transactions cannot wait for each other. */
    readonly lockByBitrixOrderIds: (
      shopId: ShopId,
      bitrixOrderIds: ReadonlyArray<string>,
    ) => Query<ReadonlyArray<LockedOrder>>
    /** Locks those that nobody else holds, without waiting; `findBitrixOrderIds` tells what was left out. */
    readonly lockFreeByBitrixOrderIds: (
      shopId: ShopId,
      bitrixOrderIds: ReadonlyArray<string>,
    ) => Query<ReadonlyArray<LockedOrder>>
    /** Which of the ids have an order. */
    readonly findBitrixOrderIds: (
      shopId: ShopId,
      bitrixOrderIds: ReadonlyArray<string>,
    ) => Query<ReadonlyArray<{ readonly bitrix_order_id: string }>>
    /** Appends steps to the histories; comes before `saveLocked`, whose keys look for them. */
    readonly insertStatusChanges: (shopId: ShopId, changes: ReadonlyArray<StatusChangeRecord>) => Query<void>
    /** Writes back orders that were locked: their status and what Bitrix last said. */
    readonly saveLocked: (shopId: ShopId, orders: ReadonlyArray<LockedStatus>) => Query<void>
  }
>()("cvety/orders/OrdersRepo") {
  static readonly layer = Layer.succeed(OrdersRepo, {
    findById: (shopId, id) =>
      rows(
        Order,
        sql`
          SELECT id, tracking_id, order_number, customer_name, phone, customer_email,
                 delivery_address, delivery_date, delivery_notes, subtotal, delivery_cost, total, status, notes,
                 telegram_user_id, bitrix_order_id, recipient_name, recipient_phone, sender_phone, pickup_address,
                 delivery_type, scheduled_time, payment_method, order_comment, bonus_points,
                 kaspi_payment_id, kaspi_payment_status, kaspi_payment_created_at, kaspi_payment_completed_at,
                 ask_delivery_address, ask_delivery_time, created_at, updated_at
          FROM "order"
          WHERE shop_id = ${shopId} AND id = ${id}`,
      ),
    findItems: (shopId, id) =>
      rows(
        OrderItem,
        sql`
          SELECT id, order_id, product_id, product_name, product_price, quantity, item_total, special_requests,
                 created_at, updated_at
          FROM order_item
          WHERE shop_id = ${shopId} AND order_id = ${id}
          ORDER BY id
          LIMIT ${ITEMS_MAX}`,
      ),
    findHistory: (shopId, id) =>
      rows(
        OrderHistoryEntry,
        sql`
          SELECT id, order_id, changed_by, field_name, old_value, new_value, is_override, notes, bitrix_user_id,
                 changed_at
          FROM order_history
          WHERE shop_id = ${shopId} AND order_id = ${id}
          ORDER BY id DESC
          LIMIT ${HISTORY_MAX}`,
      ),
    findByTrackingId: (trackingId) =>
      rows(
        OwnedOrder,
        sql`
          SELECT id, shop_id
          FROM "order"
          WHERE tracking_id = ${trackingId}`,
      ),
    lockById: (shopId, id) =>
      rows(
        NumberedOrder,
        sql`
          SELECT id, order_number, status, status_version, bitrix_occurred_at, bitrix_received_at
          FROM "order"
          WHERE shop_id = ${shopId} AND id = ${id}
          FOR NO KEY UPDATE`,
      ),
    lockByBitrixOrderIds: (shopId, bitrixOrderIds) =>
      rows(
        LockedOrder,
        sql`
          SELECT ${lockedColumns}
          FROM "order"
          WHERE shop_id = ${shopId} AND bitrix_order_id = ANY (${bitrixOrderIds}::bigint[])
          ORDER BY id
          FOR NO KEY UPDATE`,
      ),
    lockFreeByBitrixOrderIds: (shopId, bitrixOrderIds) =>
      rows(
        LockedOrder,
        sql`
          SELECT ${lockedColumns}
          FROM "order"
          WHERE shop_id = ${shopId} AND bitrix_order_id = ANY (${bitrixOrderIds}::bigint[])
          FOR NO KEY UPDATE SKIP LOCKED`,
      ),
    findBitrixOrderIds: (shopId, bitrixOrderIds) =>
      rows(
        BitrixOrderId,
        sql`
          SELECT bitrix_order_id::text AS bitrix_order_id
          FROM "order"
          WHERE shop_id = ${shopId} AND bitrix_order_id = ANY (${bitrixOrderIds}::bigint[])`,
      ),
    insertStatusChanges: (shopId, changes) =>
      command(sql`
        INSERT INTO order_history (shop_id, order_id, changed_by, field_name, old_value, new_value,
                                   status_version, is_override, notes, bitrix_user_id, inbox_id)
        SELECT ${shopId}, step."orderId", step."changedBy", 'status', step."from", step."to",
               step."version", step."isOverride", step."notes", step."bitrixUserId", step."inboxId"
        FROM jsonb_to_recordset(${JSON.stringify(changes)}::jsonb) AS step(
          "orderId" integer, "changedBy" text, "from" text, "to" text, "version" integer,
          "isOverride" boolean, "notes" text, "bitrixUserId" bigint, "inboxId" uuid)`),
    saveLocked: (shopId, orders) =>
      command(sql`
        UPDATE "order" o
        SET status = locked.status,
            status_version = locked.status_version,
            bitrix_occurred_at = locked.bitrix_occurred_at,
            bitrix_received_at = locked.bitrix_received_at,
            updated_at = CASE WHEN o.status = locked.status THEN o.updated_at ELSE now() END
        FROM jsonb_to_recordset(${JSON.stringify(orders)}::jsonb) AS locked(
          id integer, status text, status_version integer,
          bitrix_occurred_at timestamptz, bitrix_received_at timestamptz)
        WHERE o.shop_id = ${shopId} AND o.id = locked.id`),
  })
}

const ITEMS_MAX = 500
const HISTORY_MAX = 1_000

const lockedColumns = sql.literal(
  "id, bitrix_order_id::text AS bitrix_order_id, status, status_version, bitrix_occurred_at, bitrix_received_at",
)

const BitrixOrderId = Schema.Struct({ bitrix_order_id: Schema.String })

const OwnedOrder = Schema.Struct({ id: OrderId, shop_id: ShopId })
