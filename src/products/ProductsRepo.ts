/** The only SQL on goods. A deleted product keeps its row and is found by nothing here. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type { Query } from "../platform/Query.ts"
import { command, rows, sql } from "../platform/Query.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { ProductId } from "./Product.ts"
import { Product } from "./Product.ts"

export interface ProductChange {
  readonly name?: string | undefined
  readonly price?: number | undefined
  readonly description?: string | null | undefined
  readonly enabled?: boolean | undefined
}

export class ProductsRepo extends Context.Service<
  ProductsRepo,
  {
    /** Goods that are for sale, newest first. */
    readonly findEnabled: (
      shopId: ShopId,
      page: { readonly skip: number; readonly limit: number },
    ) => Query<ReadonlyArray<Product>>
    readonly findById: (shopId: ShopId, id: ProductId) => Query<ReadonlyArray<Product>>
    readonly lockById: (shopId: ShopId, id: ProductId) => Query<ReadonlyArray<Product>>
    readonly save: (product: Product) => Query<void>
    readonly remove: (shopId: ShopId, id: ProductId) => Query<void>
  }
>()("cvety/products/ProductsRepo") {
  static readonly layer = Layer.succeed(ProductsRepo, {
    findEnabled: (shopId, { skip, limit }) =>
      rows(
        Product,
        sql`
          SELECT ${columns}
          FROM product
          WHERE shop_id = ${shopId} AND enabled AND deleted_at IS NULL
          ORDER BY created_at DESC, id DESC
          LIMIT ${limit} OFFSET ${skip}`,
      ),
    findById: (shopId, id) =>
      rows(
        Product,
        sql`
          SELECT ${columns}
          FROM product
          WHERE shop_id = ${shopId} AND id = ${id} AND deleted_at IS NULL`,
      ),
    lockById: (shopId, id) =>
      rows(
        Product,
        sql`
          SELECT ${columns}
          FROM product
          WHERE shop_id = ${shopId} AND id = ${id} AND deleted_at IS NULL
          FOR NO KEY UPDATE`,
      ),
    save: ({ id, shop_id, name, price, description, enabled }) =>
      command(sql`
        UPDATE product
        SET name = ${name}, price = ${price}, description = ${description}::text, enabled = ${enabled},
            updated_at = now()
        WHERE shop_id = ${shop_id} AND id = ${id}`),
    remove: (shopId, id) =>
      command(sql`
        UPDATE product
        SET deleted_at = now(), updated_at = now()
        WHERE shop_id = ${shopId} AND id = ${id}`),
  })
}

const columns = sql.literal(
  `id, shop_id, name, price, type, description, manufacturing_time, width, height, shelf_life, enabled, is_featured,
   colors, occasions, cities, tags, image, created_at, updated_at`,
)
