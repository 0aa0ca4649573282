/**
 * The gallery of a product of the shop of `TenantContext`. At most one image is primary, and there are few: both rules
 * hold under the lock of the product's row.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Db, refuse } from "../platform/Db.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { toWireTime } from "../shared/WireTime.ts"
import type { ProductId, ProductImage, ProductImageId } from "./Product.ts"
import { IMAGES_MAX, ProductImageNotFound, ProductImagesTooMany, ProductNotFound } from "./Product.ts"
import { ProductsRepo } from "./ProductsRepo.ts"

export class ProductImages extends Context.Service<
  ProductImages,
  {
    /** A primary one takes the place of the former. */
    readonly add: (
      id: ProductId,
      image: Pick<ProductImage, "url" | "order" | "is_primary">,
    ) => Effect.Effect<
      ProductImage,
      ProductNotFound | ProductImagesTooMany | DatabaseUnavailable,
      TenantContext
    >
    readonly remove: (
      id: ProductId,
      imageId: ProductImageId,
    ) => Effect.Effect<void, ProductNotFound | ProductImageNotFound | DatabaseUnavailable, TenantContext>
  }
>()("cvety/products/ProductImages") {
  static readonly layerNoDeps = Layer.effect(
    ProductImages,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* ProductsRepo

      const add: ProductImages["Service"]["add"] = Effect.fn("ProductImages.add")(function* (id, given) {
        const { shopId } = yield* TenantContext
        return yield* db.transact({
          read: [repo.lockById(shopId, id), repo.findById(shopId, id), repo.nextImageId()],
          write: ([[locked], [product], [numbered]]) => {
            if (locked === undefined || product === undefined || numbered === undefined) {
              return refuse(new ProductNotFound())
            }
            if (product.images.length >= IMAGES_MAX) return refuse(new ProductImagesTooMany())
            const image = { ...given, id: numbered.id, product_id: id }
            return {
              queries: [
                ...(image.is_primary ? [repo.clearPrimaryImage(shopId, id)] : []),
                repo.insertImage(shopId, image),
              ],
              answer: { ...image, created_at: toWireTime(locked.now) },
            }
          },
        })
      })

      const remove: ProductImages["Service"]["remove"] = Effect.fn("ProductImages.remove")(
        function* (id, imageId) {
          const { shopId } = yield* TenantContext
          return yield* db.transact({
            read: [repo.lockById(shopId, id), repo.findById(shopId, id)],
            write: ([[locked], [product]]) => {
              if (locked === undefined || product === undefined) return refuse(new ProductNotFound())
              if (!product.images.some((image) => image.id === imageId)) {
                return refuse(new ProductImageNotFound())
              }
              return { queries: [repo.removeImage(shopId, imageId)], answer: undefined }
            },
          })
        },
      )

      return { add, remove }
    }),
  )

  static readonly layer = ProductImages.layerNoDeps.pipe(Layer.provide(ProductsRepo.layer))
}
