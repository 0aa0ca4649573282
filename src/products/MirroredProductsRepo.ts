/** Goods as an edge mirrors them: read under lock whole, deleted ones too, and written as the other side says. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { leasedIds } from "../platform/leasedIds.ts"
import type { Query } from "../platform/Query.ts"
import { command, rows, sql } from "../platform/Query.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { MirroredState } from "./MirroredProduct.ts"
import { MirroredProduct } from "./MirroredProduct.ts"
import { ProductId } from "./Product.ts"

export class MirroredProductsRepo extends Context.Service<
  MirroredProductsRepo,
  {
    /** Comes before `find`, which then reads what nobody else changes, pictures included. */
    readonly lock: (shopId: ShopId, ids: ReadonlyArray<ProductId>) => Query<void>
    /** Those that nobody else holds; they are locked from then on. */
    readonly lockFree: (
      shopId: ShopId,
      ids: ReadonlyArray<ProductId>,
    ) => Query<ReadonlyArray<{ readonly id: ProductId }>>
    readonly find: (shopId: ShopId, ids: ReadonlyArray<ProductId>) => Query<ReadonlyArray<MirroredProduct>>
    /** Those that facts of this lease tell of, without pictures; what somebody else holds is left out. */
    readonly lockLeased: (shopId: ShopId, lease: string) => Query<ReadonlyArray<MirroredProduct>>
    readonly insert: (shopId: ShopId, product: MirroredState) => Query<void>
    readonly save: (shopId: ShopId, product: MirroredState) => Query<void>
    readonly replaceImages: (shopId: ShopId, product: MirroredState) => ReadonlyArray<Query<void>>
  }
>()("cvety/products/MirroredProductsRepo") {
  static readonly layer = Layer.succeed(MirroredProductsRepo, {
    lock: (shopId, ids) =>
      command(sql`
        SELECT
        FROM product
        WHERE shop_id = ${shopId} AND id = ANY (${ids}::integer[])
        ORDER BY id
        FOR NO KEY UPDATE`),
    lockFree: (shopId, ids) =>
      rows(
        Locked,
        sql`
          SELECT id
          FROM product
          WHERE shop_id = ${shopId} AND id = ANY (${ids}::integer[])
          ORDER BY id
          FOR NO KEY UPDATE SKIP LOCKED`,
      ),
    find: (shopId, ids) =>
      rows(
        MirroredProduct,
        sql`
          SELECT ${columns},
                 ARRAY(SELECT i.url::text
                       FROM product_image i
                       WHERE i.shop_id = p.shop_id AND i.product_id = p.id
                       ORDER BY i."order", i.id) AS images
          FROM product p
          WHERE p.shop_id = ${shopId} AND p.id = ANY (${ids}::integer[])`,
      ),
    lockLeased: (shopId, lease) =>
      rows(
        MirroredProduct,
        sql`
          SELECT ${columns}, '{}'::text[] AS images
          FROM product p
          WHERE p.shop_id = ${shopId} AND p.id = ANY (${leasedIds(shopId, lease, "product")})
          FOR NO KEY UPDATE OF p SKIP LOCKED`,
      ),
    insert: (shopId, product) =>
      command(sql`
        INSERT INTO product (id, shop_id, name, price, description, image, enabled, type, width, height)
        VALUES (${product.id}, ${shopId}, ${product.name}, ${product.price}, ${product.description}::text,
                ${product.image}::text, ${product.enabled}, ${product.type}, ${product.width}::integer,
                ${product.height}::integer)`),
    save: (shopId, product) =>
      command(sql`
        UPDATE product
        SET name = ${product.name}, price = ${product.price}, description = ${product.description}::text,
            image = ${product.image}::text, enabled = ${product.enabled}, type = ${product.type},
            width = ${product.width}::integer, height = ${product.height}::integer, updated_at = now()
        WHERE shop_id = ${shopId} AND id = ${product.id}`),
    replaceImages: (shopId, { id, images }) => [
      command(sql`
        DELETE FROM product_image
        WHERE shop_id = ${shopId} AND product_id = ${id}`),
      command(sql`
        INSERT INTO product_image (shop_id, product_id, url, "order", is_primary)
        SELECT ${shopId}, ${id}, url, place - 1, place = 1
        FROM unnest(${images}::text[]) WITH ORDINALITY AS given(url, place)`),
    ],
  })
}

const Locked = Schema.Struct({ id: ProductId })

const columns = sql.literal(
  `p.id, p.name, p.price, p.description, p.image, p.enabled, p.type, p.width, p.height,
   p.deleted_at IS NOT NULL AS is_deleted`,
)
