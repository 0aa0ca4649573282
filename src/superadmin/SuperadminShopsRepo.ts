/** What the operators read of shops, through their door. Writing is for `shops/ShopBlocking.ts`. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { User } from "../auth/User.ts"
import { userColumns } from "../auth/userColumns.ts"
import type { Query } from "../platform/Query.ts"
import { rows, sql } from "../platform/Query.ts"
import type { ShopId } from "../shared/ShopId.ts"
import { Shop } from "../shops/Shop.ts"
import { shopColumns } from "../shops/shopColumns.ts"
import type { Page } from "./Page.ts"

export class SuperadminShopsRepo extends Context.Service<
  SuperadminShopsRepo,
  {
    /** Newest first. */
    readonly find: (filter: Page & { readonly isActive: boolean | null }) => Query<ReadonlyArray<Shop>>
    readonly findById: (id: ShopId) => Query<ReadonlyArray<Shop>>
    readonly findOwner: (id: ShopId) => Query<ReadonlyArray<User>>
    readonly findUsers: (id: ShopId) => Query<ReadonlyArray<User>>
    readonly countOf: (id: ShopId) => Query<ReadonlyArray<typeof ShopCounts.Type>>
  }
>()("cvety/superadmin/SuperadminShopsRepo") {
  static readonly layer = Layer.succeed(SuperadminShopsRepo, {
    find: ({ isActive, skip, limit }) =>
      rows(
        Shop,
        sql`
          SELECT ${shopColumns}
          FROM shop s
          WHERE ${isActive}::boolean IS NULL OR is_active = ${isActive}::boolean
          ORDER BY created_at DESC, id DESC
          LIMIT ${limit} OFFSET ${skip}`,
      ),
    findById: (id) => rows(Shop, sql`SELECT ${shopColumns} FROM shop s WHERE s.id = ${id}`),
    findOwner: (id) =>
      rows(
        User,
        sql`
          SELECT ${users}
          FROM "user"
          WHERE id = (SELECT owner_id FROM shop WHERE id = ${id})`,
      ),
    findUsers: (id) =>
      rows(
        User,
        sql`
          SELECT ${users}
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
  })
}

const USERS_MAX = 1_000

export const ShopCounts = Schema.Struct({
  products_count: Schema.Int,
  orders_count: Schema.Int,
  users_count: Schema.Int,
})

const users = userColumns('"user"')
