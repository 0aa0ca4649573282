/**
 * The SQL by which goods of one shop are read by id and changed. A deleted product keeps its row and is found no more.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Query } from "../platform/Query.ts"
import { command, rows, sql } from "../platform/Query.ts"
import { ShopId } from "../shared/ShopId.ts"
import { listed, pageColumns } from "./ListedProductsRepo.ts"
import type { ListedProduct, Product, ProductDraft, ProductImage } from "./Product.ts"
import { ProductId, ProductImageId } from "./Product.ts"

export class ProductsRepo extends Context.Service<
  ProductsRepo,
  {
    readonly findById: (shopId: ShopId, id: ProductId) => Query<ReadonlyArray<ListedProduct>>
    /** Comes before `findById`, which then reads what nobody else changes. */
    readonly lockById: (shopId: ShopId, id: ProductId) => Query<ReadonlyArray<typeof Locked.Type>>
    /** Through the door across shops: whose product it is, when anybody may see it. */
    readonly findShopOfForSale: (id: ProductId) => Query<ReadonlyArray<typeof Owned.Type>>
    /** An id that no product has had, how many the shop has, and whether a Bitrix is told of them. */
    readonly nextId: (shopId: ShopId) => Query<ReadonlyArray<typeof Numbered.Type>>
    readonly insert: (shopId: ShopId, id: ProductId, draft: ProductDraft) => Query<void>
    readonly save: (product: Product) => Query<void>
    readonly remove: (shopId: ShopId, id: ProductId) => Query<void>
    readonly nextImageId: () => Query<ReadonlyArray<typeof NumberedImage.Type>>
    readonly insertImage: (shopId: ShopId, image: Omit<ProductImage, "created_at">) => Query<void>
    /** Leaves a product without a primary image. */
    readonly clearPrimaryImage: (shopId: ShopId, id: ProductId) => Query<void>
    readonly removeImage: (shopId: ShopId, imageId: ProductImage["id"]) => Query<void>
  }
>()("cvety/products/ProductsRepo") {
  static readonly layer = Layer.succeed(ProductsRepo, {
    findById: (shopId, id) =>
      listed(sql`
        SELECT ${pageColumns}
        FROM product p
        WHERE p.shop_id = ${shopId} AND p.id = ${id} AND p.deleted_at IS NULL
        LIMIT 1`),
    lockById: (shopId, id) =>
      rows(
        Locked,
        sql`
          SELECT now() AS now
          FROM product
          WHERE shop_id = ${shopId} AND id = ${id} AND deleted_at IS NULL
          FOR NO KEY UPDATE`,
      ),
    findShopOfForSale: (id) =>
      rows(
        Owned,
        sql`
          SELECT p.shop_id
          FROM product p
          JOIN shop s ON s.id = p.shop_id
          WHERE p.id = ${id} AND p.enabled AND p.deleted_at IS NULL AND s.is_active`,
      ),
    nextId: (shopId) =>
      rows(
        Numbered,
        sql`
          SELECT nextval('product_id_seq')::integer AS id, count(*)::integer AS product_count,
                 EXISTS (SELECT FROM outbox_route WHERE shop_id = ${shopId} AND target = 'bitrix') AS is_told
          FROM product
          WHERE shop_id = ${shopId} AND deleted_at IS NULL`,
      ),
    insert: (shopId, id, draft) =>
      command(sql`
        INSERT INTO product (id, shop_id, origin, name, price, type, description, manufacturing_time, width, height,
                             shelf_life, enabled, is_featured, colors, occasions, cities, tags, image)
        VALUES (${id}, ${shopId}, 'here', ${draft.name}, ${draft.price}, ${draft.type}, ${draft.description},
                ${draft.manufacturing_time}, ${draft.width}, ${draft.height}, ${draft.shelf_life}, ${draft.enabled},
                ${draft.is_featured}, ${draft.colors}::text[], ${draft.occasions}::text[], ${draft.cities}::text[],
                ${draft.tags}::text[], ${draft.image})`),
    save: ({ id, shop_id, ...draft }) =>
      command(sql`
        UPDATE product
        SET name = ${draft.name},
            price = ${draft.price},
            type = ${draft.type},
            description = ${draft.description},
            manufacturing_time = ${draft.manufacturing_time},
            width = ${draft.width},
            height = ${draft.height},
            shelf_life = ${draft.shelf_life},
            enabled = ${draft.enabled},
            is_featured = ${draft.is_featured},
            colors = ${draft.colors}::text[],
            occasions = ${draft.occasions}::text[],
            cities = ${draft.cities}::text[],
            tags = ${draft.tags}::text[],
            image = ${draft.image},
            updated_at = now()
        WHERE shop_id = ${shop_id} AND id = ${id}`),
    remove: (shopId, id) =>
      command(sql`
        UPDATE product
        SET deleted_at = now(), updated_at = now()
        WHERE shop_id = ${shopId} AND id = ${id}`),
    nextImageId: () => rows(NumberedImage, sql`SELECT nextval('product_image_id_seq')::integer AS id`),
    insertImage: (shopId, { id, product_id, url, order, is_primary }) =>
      command(sql`
        INSERT INTO product_image (id, shop_id, product_id, url, "order", is_primary)
        VALUES (${id}, ${shopId}, ${product_id}, ${url}, ${order}, ${is_primary})`),
    clearPrimaryImage: (shopId, id) =>
      command(sql`
        UPDATE product_image
        SET is_primary = false
        WHERE shop_id = ${shopId} AND product_id = ${id} AND is_primary`),
    removeImage: (shopId, imageId) =>
      command(sql`
        DELETE FROM product_image
        WHERE shop_id = ${shopId} AND id = ${imageId}`),
  })
}

const Locked = Schema.Struct({ now: Schema.Date })
const Owned = Schema.Struct({ shop_id: ShopId })
const Numbered = Schema.Struct({ id: ProductId, product_count: Schema.Int, is_told: Schema.Boolean })
const NumberedImage = Schema.Struct({ id: ProductImageId })
