/** Goods of every shop, for the operators of the platform. A change is made in the tenant of the product's shop. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Db } from "../platform/Db.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { Product, ProductId } from "../products/Product.ts"
import { ProductNotFound } from "../products/Product.ts"
import { Products } from "../products/Products.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { ListedProduct } from "./SuperadminProductsRepo.ts"
import { SuperadminProductsRepo } from "./SuperadminProductsRepo.ts"

type Changed = Effect.Effect<Product, ProductNotFound | DatabaseUnavailable>

export class SuperadminProducts extends Context.Service<
  SuperadminProducts,
  {
    readonly find: (
      filter: Parameters<SuperadminProductsRepo["Service"]["find"]>[0],
    ) => Effect.Effect<ReadonlyArray<ListedProduct>, DatabaseUnavailable>
    readonly update: (id: ProductId, change: Parameters<Products["Service"]["update"]>[1]) => Changed
    readonly toggle: (id: ProductId) => Changed
    readonly remove: (id: ProductId) => Changed
  }
>()("cvety/superadmin/SuperadminProducts") {
  static readonly layerNoDeps = Layer.effect(
    SuperadminProducts,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* SuperadminProductsRepo
      const products = yield* Products

      const find: SuperadminProducts["Service"]["find"] = Effect.fn("SuperadminProducts.find")(
        function* (filter) {
          const [found] = yield* db.readThrough("superadmin", [repo.find(filter)])
          return found
        },
      )

      const inItsShop = Effect.fnUntraced(function* (
        id: ProductId,
        change: Effect.Effect<Product, ProductNotFound | DatabaseUnavailable, TenantContext>,
      ) {
        const [[owned]] = yield* db.readThrough("superadmin", [repo.findShopOf(id)])
        if (owned === undefined) return yield* new ProductNotFound()
        return yield* Effect.provideService(change, TenantContext, { shopId: owned.shop_id })
      })

      return {
        find,
        update: (id, change) => inItsShop(id, products.update(id, change)),
        toggle: (id) => inItsShop(id, products.toggle(id)),
        remove: (id) => inItsShop(id, products.remove(id)),
      }
    }),
  )

  static readonly layer = SuperadminProducts.layerNoDeps.pipe(Layer.provide(SuperadminProductsRepo.layer))
}
