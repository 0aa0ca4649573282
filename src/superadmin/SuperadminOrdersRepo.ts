/** What the operators read of orders, through their door. Writing is for `orders/Orders.ts`. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { OrderId } from "../orders/Order.ts"
import { OrderStatus } from "../orders/OrderStatus.ts"
import type { Query } from "../platform/Query.ts"
import { rows, sql } from "../platform/Query.ts"
import { TiynColumn } from "../shared/BigIntColumn.ts"
import { ShopId } from "../shared/ShopId.ts"
import { SHOP_ZONE } from "../shared/WireTime.ts"
import type { DateBound } from "./DateBound.ts"
import type { Page } from "./Page.ts"

export class SuperadminOrdersRepo extends Context.Service<
  SuperadminOrdersRepo,
  {
    /** Newest first. */
    readonly find: (
      filter: Page & {
        readonly shopId: ShopId | null
        readonly status: OrderStatus | null
        readonly from: DateBound | null
        /** Its day or moment is included. */
        readonly to: DateBound | null
      },
    ) => Query<ReadonlyArray<ListedOrder>>
    readonly findShopOf: (id: OrderId) => Query<ReadonlyArray<typeof ShopOfOrder.Type>>
  }
>()("cvety/superadmin/SuperadminOrdersRepo") {
  static readonly layer = Layer.succeed(SuperadminOrdersRepo, {
    find: ({ shopId, status, from, to, skip, limit }) =>
      rows(
        ListedOrder,
        sql`
          SELECT o.id, o.tracking_id, o.order_number, o.customer_name, o.phone, o.total, o.status, o.shop_id,
                 s.name AS shop_name, o.created_at, o.delivery_date
          FROM "order" o
          JOIN shop s ON s.id = o.shop_id
          WHERE ${sql.and([
            sql`true`,
            ...(shopId === null ? [] : [sql`o.shop_id = ${shopId}`]),
            ...(status === null ? [] : [sql`o.status = ${status}`]),
            ...(from === null ? [] : [sql`o.created_at >= ${startOf(from)}`]),
            ...(to === null ? [] : [isUpTo(to)]),
          ])}
          ORDER BY o.created_at DESC, o.id DESC
          LIMIT ${limit} OFFSET ${skip}`,
      ),
    findShopOf: (id) =>
      rows(
        ShopOfOrder,
        sql`
          SELECT s.id, s.name
          FROM "order" o
          JOIN shop s ON s.id = o.shop_id
          WHERE o.id = ${id}`,
      ),
  })
}

const startOf = ({ kind, text }: DateBound) =>
  kind === "day" ? sql`(${text}::date::timestamp AT TIME ZONE ${SHOP_ZONE})` : sql`${text}::timestamptz`

const isUpTo = ({ kind, text }: DateBound) =>
  kind === "day"
    ? sql`o.created_at < ((${text}::date + 1)::timestamp AT TIME ZONE ${SHOP_ZONE})`
    : sql`o.created_at <= ${text}::timestamptz`

const ListedOrder = Schema.Struct({
  id: OrderId,
  tracking_id: Schema.String,
  order_number: Schema.String,
  customer_name: Schema.String,
  phone: Schema.String,
  total: TiynColumn,
  status: OrderStatus,
  shop_id: ShopId,
  shop_name: Schema.String,
  created_at: Schema.Date,
  delivery_date: Schema.NullOr(Schema.Date),
})
export type ListedOrder = typeof ListedOrder.Type

const ShopOfOrder = Schema.Struct({ id: ShopId, name: Schema.String })
