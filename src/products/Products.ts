/** Goods of the shop of `TenantContext`. A product of another shop does not exist, and neither does a deleted one. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Db, refuse } from "../platform/Db.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { Tiyn } from "../shared/Tiyn.ts"
import { ShopNotFound } from "../shops/Shop.ts"
import { Shops } from "../shops/Shops.ts"
import type { Product, ProductId } from "./Product.ts"
import { ProductNotFound } from "./Product.ts"
import type { ProductChange } from "./ProductsRepo.ts"
import { ProductsRepo } from "./ProductsRepo.ts"

type Found<A> = Effect.Effect<A, ProductNotFound | DatabaseUnavailable, TenantContext>

export class Products extends Context.Service<
  Products,
  {
    /** What the shop sells, newest first, for anybody; a blocked shop does not exist. */
    readonly findForSale: (page: {
      readonly skip: number
      readonly limit: number
    }) => Effect.Effect<ReadonlyArray<Product>, ShopNotFound | DatabaseUnavailable, TenantContext>
    readonly getById: (id: ProductId) => Found<Product>
    readonly update: (id: ProductId, change: ProductChange) => Found<Product>
    /** Takes it off the shelf, or puts it back. */
    readonly toggle: (id: ProductId) => Found<Product>
    /** The row stays, because orders name it. */
    readonly remove: (id: ProductId) => Found<Product>
  }
>()("cvety/products/Products") {
  static readonly layerNoDeps = Layer.effect(
    Products,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* ProductsRepo
      const shops = yield* Shops

      const findForSale: Products["Service"]["findForSale"] = Effect.fn("Products.findForSale")(
        function* (page) {
          const { shopId } = yield* TenantContext
          const [[shop], products] = yield* db.read([shops.find(shopId), repo.findEnabled(shopId, page)])
          if (shop === undefined || !shop.is_active) return yield* new ShopNotFound()
          return products
        },
      )

      const getById: Products["Service"]["getById"] = Effect.fn("Products.getById")(function* (id) {
        const { shopId } = yield* TenantContext
        const [[product]] = yield* db.read([repo.findById(shopId, id)])
        if (product === undefined) return yield* new ProductNotFound()
        return product
      })

      const change = Effect.fnUntraced(function* (id: ProductId, changed: (product: Product) => Product) {
        const { shopId } = yield* TenantContext
        return yield* db.transact({
          read: [repo.lockById(shopId, id)],
          write: ([[product]]) => {
            if (product === undefined) return refuse(new ProductNotFound())
            const answer = changed(product)
            return { queries: [repo.save(answer)], answer }
          },
        })
      })

      const update: Products["Service"]["update"] = Effect.fn("Products.update")((id, given) =>
        change(id, (product) => ({
          ...product,
          name: given.name ?? product.name,
          price: given.price === undefined ? product.price : Tiyn.make(given.price),
          description: given.description === undefined ? product.description : given.description,
          enabled: given.enabled ?? product.enabled,
        })),
      )

      const toggle: Products["Service"]["toggle"] = Effect.fn("Products.toggle")((id) =>
        change(id, (product) => ({ ...product, enabled: !product.enabled })),
      )

      const remove: Products["Service"]["remove"] = Effect.fn("Products.remove")(function* (id) {
        const { shopId } = yield* TenantContext
        return yield* db.transact({
          read: [repo.lockById(shopId, id)],
          write: ([[product]]) =>
            product === undefined
              ? refuse(new ProductNotFound())
              : { queries: [repo.remove(shopId, id)], answer: product },
        })
      })

      return { findForSale, getById, update, toggle, remove }
    }),
  )

  static readonly layer = Products.layerNoDeps.pipe(Layer.provide([ProductsRepo.layer, Shops.layer]))
}
