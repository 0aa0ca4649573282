/** The SQL of the operators on shops: lists through their door, which only reads, and the one change they make. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { User } from "../auth/User.ts"
import type { Query } from "../platform/Query.ts"
import { rows, sql } from "../platform/Query.ts"
import { ShopId } from "../shared/ShopId.ts"
import type { Page } from "./Page.ts"
import { SuperadminShop } from "./SuperadminShop.ts"

export class SuperadminShopsRepo extends Context.Service<
  SuperadminShopsRepo,
  {
    /** Newest first. */
    readonly find: (
      filter: Page & { readonly isActive: boolean | null },
    ) => Query<ReadonlyArray<SuperadminShop>>
    readonly findById: (id: ShopId) => Query<ReadonlyArray<SuperadminShop>>
    readonly findOwner: (id: ShopId) => Query<ReadonlyArray<User>>
    readonly findUsers: (id: ShopId) => Query<ReadonlyArray<User>>
    readonly countOf: (id: ShopId) => Query<ReadonlyArray<typeof ShopCounts.Type>>
    /** In the tenant of the shop. */
    readonly setActive: (id: ShopId, isActive: boolean) => Query<ReadonlyArray<SuperadminShop>>
    /** In the tenant of the shop: a row the first time, none ever after. */
    readonly markOpened: (id: ShopId) => Query<ReadonlyArray<{ readonly shop_id: ShopId }>>
  }
>()("cvety/superadmin/SuperadminShopsRepo") {
  static readonly layer = Layer.succeed(SuperadminShopsRepo, {
    find: ({ isActive, skip, limit }) =>
      rows(
        SuperadminShop,
        sql`
          SELECT ${columns}
          FROM shop
          WHERE ${isActive}::boolean IS NULL OR is_active = ${isActive}::boolean
          ORDER BY created_at DESC, id DESC
          LIMIT ${limit} OFFSET ${skip}`,
      ),
    findById: (id) => rows(SuperadminShop, sql`SELECT ${columns} FROM shop WHERE id = ${id}`),
    findOwner: (id) =>
      rows(
        User,
        sql`
          SELECT ${userColumns}
          FROM "user"
          WHERE id = (SELECT owner_id FROM shop WHERE id = ${id})`,
      ),
    findUsers: (id) =>
      rows(
        User,
        sql`
          SELECT ${userColumns}
          FROM "user"
          WHERE shop_id = ${id}
          ORDER BY created_at DESC, id DESC
          LIMIT ${USERS_MAX}`,
      ),
    countOf: (id) =>
      rows(
        ShopCounts,
        sql`
          SELECT (SELECT count(*) FROM product WHERE shop_id = ${id} AND deleted_at IS NULL)::integer AS products_count,
                 (SELECT count(*) FROM "order" WHERE shop_id = ${id})::integer AS orders_count,
                 (SELECT count(*) FROM "user" WHERE shop_id = ${id})::integer AS users_count`,
      ),
    setActive: (id, isActive) =>
      rows(
        SuperadminShop,
        sql`
          UPDATE shop
          SET is_active = ${isActive},
              updated_at = CASE WHEN is_active = ${isActive} THEN updated_at ELSE now() END
          WHERE id = ${id}
          RETURNING ${columns}`,
      ),
    markOpened: (id) =>
      rows(
        Schema.Struct({ shop_id: ShopId }),
        sql`
          INSERT INTO shop_milestone AS m (shop_id, shop_opened_at)
          SELECT id, now() FROM shop WHERE id = ${id}
          ON CONFLICT (shop_id) DO UPDATE
          SET shop_opened_at = now(), updated_at = now()
          WHERE m.shop_opened_at IS NULL
          RETURNING m.shop_id`,
      ),
  })
}

const USERS_MAX = 1_000

export const ShopCounts = Schema.Struct({
  products_count: Schema.Int,
  orders_count: Schema.Int,
  users_count: Schema.Int,
})

const columns = sql.literal(
  `id, name, owner_id, phone, address, city, to_char(weekday_start, 'HH24:MI') AS weekday_start,
   to_char(weekday_end, 'HH24:MI') AS weekday_end, weekday_closed, to_char(weekend_start, 'HH24:MI') AS weekend_start,
   to_char(weekend_end, 'HH24:MI') AS weekend_end, weekend_closed, delivery_cost, free_delivery_amount,
   pickup_available, delivery_available, is_active, created_at, updated_at`,
)
const userColumns = sql.literal(
  "id, name, phone, role, is_active, is_superadmin, invited_by, shop_id, created_at, updated_at",
)
