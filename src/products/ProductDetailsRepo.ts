/** The SQL on what belongs to a product, and on what its page tells of its shop. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type { Query } from "../platform/Query.ts"
import { rows, sql } from "../platform/Query.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { ProductId } from "./Product.ts"
import { Companion, CompanyReview, ProductAddon, ProductVariant, RatingCount } from "./ProductDetail.ts"

export class ProductDetailsRepo extends Context.Service<
  ProductDetailsRepo,
  {
    /** Sizes that can be bought, the cheapest first. */
    readonly findVariants: (shopId: ShopId, id: ProductId) => Query<ReadonlyArray<ProductVariant>>
    readonly findAddons: (shopId: ShopId, id: ProductId) => Query<ReadonlyArray<ProductAddon>>
    /** What the shop sells with it, in the order that the shop chose. */
    readonly findBundled: (shopId: ShopId, id: ProductId) => Query<ReadonlyArray<Companion>>
    /** What stood with it in the same orders most often, of the newest that had it. */
    readonly findBoughtTogether: (shopId: ShopId, id: ProductId) => Query<ReadonlyArray<Companion>>
    readonly countRatings: (shopId: ShopId) => Query<ReadonlyArray<RatingCount>>
    readonly findNewestReviews: (shopId: ShopId) => Query<ReadonlyArray<CompanyReview>>
  }
>()("cvety/products/ProductDetailsRepo") {
  static readonly layer = Layer.succeed(ProductDetailsRepo, {
    findVariants: (shopId, id) =>
      rows(
        ProductVariant,
        sql`
          SELECT id, product_id, size, price, enabled, created_at
          FROM product_variant
          WHERE shop_id = ${shopId} AND product_id = ${id} AND enabled
          ORDER BY price, id
          LIMIT ${PARTS_MAX}`,
      ),
    findAddons: (shopId, id) =>
      rows(
        ProductAddon,
        sql`
          SELECT id, product_id, name, description, price, is_default, enabled, created_at
          FROM product_addon
          WHERE shop_id = ${shopId} AND product_id = ${id} AND enabled
          ORDER BY id
          LIMIT ${PARTS_MAX}`,
      ),
    findBundled: (shopId, id) =>
      rows(
        Companion,
        sql`
          SELECT p.id, p.name, p.price, p.image
          FROM product_bundle b
          JOIN product p ON p.shop_id = b.shop_id AND p.id = b.bundled_product_id
          WHERE b.shop_id = ${shopId} AND b.main_product_id = ${id} AND b.enabled
            AND p.enabled AND p.deleted_at IS NULL
          ORDER BY b.display_order, b.id
          LIMIT ${COMPANIONS_MAX}`,
      ),
    findBoughtTogether: (shopId, id) =>
      rows(
        Companion,
        sql`
          SELECT p.id, p.name, p.price, p.image
          FROM (
            SELECT order_id
            FROM order_item
            WHERE shop_id = ${shopId} AND product_id = ${id}
            ORDER BY order_id DESC
            LIMIT ${ORDERS_MAX}
          ) had
          JOIN "order" o ON o.shop_id = ${shopId} AND o.id = had.order_id AND o.status <> 'cancelled'
          JOIN order_item i ON i.shop_id = ${shopId} AND i.order_id = o.id AND i.product_id <> ${id}
          JOIN product p ON p.shop_id = i.shop_id AND p.id = i.product_id AND p.enabled AND p.deleted_at IS NULL
          GROUP BY p.shop_id, p.id
          ORDER BY count(DISTINCT o.id) DESC, p.id DESC
          LIMIT ${COMPANIONS_MAX}`,
      ),
    countRatings: (shopId) =>
      rows(
        RatingCount,
        sql`
          SELECT rating, count(*)::integer AS count
          FROM company_review
          WHERE shop_id = ${shopId}
          GROUP BY rating`,
      ),
    findNewestReviews: (shopId) =>
      rows(
        CompanyReview,
        sql`
          SELECT id, author_name, rating, text, likes, dislikes, shop_id, created_at
          FROM company_review
          WHERE shop_id = ${shopId}
          ORDER BY created_at DESC, id DESC
          LIMIT ${REVIEWS_MAX}`,
      ),
  })
}

const PARTS_MAX = 50
const COMPANIONS_MAX = 5
/** Orders that are looked at for what was bought together. */
const ORDERS_MAX = 500
const REVIEWS_MAX = 5
