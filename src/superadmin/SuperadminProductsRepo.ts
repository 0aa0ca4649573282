/** What the operators read of goods, through their door. Writing is for `products/Products.ts`. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Query } from "../platform/Query.ts"
import { rows, sql } from "../platform/Query.ts"
import type { ProductId } from "../products/Product.ts"
import { Product } from "../products/Product.ts"
import { containing } from "../shared/LikePattern.ts"
import { ShopId } from "../shared/ShopId.ts"
import type { Page } from "./Page.ts"

export class SuperadminProductsRepo extends Context.Service<
  SuperadminProductsRepo,
  {
    /** Newest first. */
    readonly find: (
      filter: Page & {
        readonly shopId: ShopId | null
        readonly enabled: boolean | null
        readonly search: string | null
      },
    ) => Query<ReadonlyArray<ListedProduct>>
    readonly findShopOf: (id: ProductId) => Query<ReadonlyArray<{ readonly shop_id: ShopId }>>
  }
>()("cvety/superadmin/SuperadminProductsRepo") {
  static readonly layer = Layer.succeed(SuperadminProductsRepo, {
    find: ({ shopId, enabled, search, skip, limit }) =>
      rows(
        ListedProduct,
        sql`
          SELECT p.id, p.name, p.price, p.type, p.description, p.enabled, p.shop_id, s.name AS shop_name,
                 p.created_at, p.image
          FROM product p
          JOIN shop s ON s.id = p.shop_id
          WHERE ${sql.and([
            sql`p.deleted_at IS NULL`,
            ...(shopId === null ? [] : [sql`p.shop_id = ${shopId}`]),
            ...(enabled === null ? [] : [sql`p.enabled = ${enabled}`]),
            ...(search === null ? [] : [sql`p.name ILIKE ${containing(search)}`]),
          ])}
          ORDER BY p.created_at DESC, p.id DESC
          LIMIT ${limit} OFFSET ${skip}`,
      ),
    findShopOf: (id) =>
      rows(
        Schema.Struct({ shop_id: ShopId }),
        sql`SELECT shop_id FROM product WHERE id = ${id} AND deleted_at IS NULL`,
      ),
  })
}

const { id, name, price, type, description, enabled, shop_id, created_at, image } = Product.fields
const ListedProduct = Schema.Struct({
  id,
  name,
  price,
  type,
  description,
  enabled,
  shop_id,
  shop_name: Schema.String,
  created_at,
  image,
})
export type ListedProduct = typeof ListedProduct.Type
