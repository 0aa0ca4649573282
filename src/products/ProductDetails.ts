/** The page of a product: itself, what belongs to it, and what its own shop says of itself. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Db } from "../platform/Db.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { Shop } from "../shops/Shop.ts"
import { Shops } from "../shops/Shops.ts"
import type { ProductId } from "./Product.ts"
import { ProductNotFound } from "./Product.ts"
import type { ProductDetail } from "./ProductDetail.ts"
import { ProductDetailsRepo } from "./ProductDetailsRepo.ts"
import { ProductsRepo } from "./ProductsRepo.ts"

export class ProductDetails extends Context.Service<
  ProductDetails,
  {
    /** Of what is for sale, for anybody. */
    readonly get: (id: ProductId) => Effect.Effect<ProductDetail, ProductNotFound | DatabaseUnavailable>
    /** Of any product of the shop, for its people. */
    readonly getOwn: (
      id: ProductId,
    ) => Effect.Effect<ProductDetail, ProductNotFound | DatabaseUnavailable, TenantContext>
  }
>()("cvety/products/ProductDetails") {
  static readonly layerNoDeps = Layer.effect(
    ProductDetails,
    Effect.gen(function* () {
      const db = yield* Db
      const products = yield* ProductsRepo
      const repo = yield* ProductDetailsRepo
      const shops = yield* Shops

      const find = Effect.fnUntraced(function* (id: ProductId) {
        const { shopId } = yield* TenantContext
        const [[product], [shop], variants, addons, bundled, boughtTogether, companyRatings, companyReviews] =
          yield* db.read([
            products.findById(shopId, id),
            shops.find(shopId),
            repo.findVariants(shopId, id),
            repo.findAddons(shopId, id),
            repo.findBundled(shopId, id),
            repo.findBoughtTogether(shopId, id),
            repo.countRatings(shopId),
            repo.findNewestReviews(shopId),
          ])
        if (product === undefined || shop === undefined) return yield* new ProductNotFound()
        return {
          isForSale: product.enabled && shop.is_active,
          detail: {
            product,
            variants,
            addons,
            companions: bundled.length === 0 ? boughtTogether : bundled,
            addresses: addressesOf(shop),
            companyRatings,
            companyReviews,
          } satisfies ProductDetail,
        }
      })

      const get: ProductDetails["Service"]["get"] = Effect.fn("ProductDetails.get")(function* (id) {
        const [[owned]] = yield* db.readThrough("across_shops", [products.findShopOfForSale(id)])
        if (owned === undefined) return yield* new ProductNotFound()
        const { isForSale, detail } = yield* Effect.provideService(find(id), TenantContext, {
          shopId: owned.shop_id,
        })
        if (!isForSale) return yield* new ProductNotFound()
        return detail
      })

      const getOwn: ProductDetails["Service"]["getOwn"] = Effect.fn("ProductDetails.getOwn")((id) =>
        Effect.map(find(id), ({ detail }) => detail),
      )

      return { get, getOwn }
    }),
  )

  static readonly layer = ProductDetails.layerNoDeps.pipe(
    Layer.provide([ProductsRepo.layer, ProductDetailsRepo.layer, Shops.layer]),
  )
}

const addressesOf = ({ pickup_available, address }: Shop): ReadonlyArray<string> =>
  pickup_available && address !== null && address !== "" ? [address] : []
