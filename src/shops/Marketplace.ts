/** The shops that customers may choose from: those that are not blocked. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Db } from "../platform/Db.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { Shop } from "./Shop.ts"
import { ShopNotFound } from "./Shop.ts"
import { ShopsRepo } from "./ShopsRepo.ts"

export class Marketplace extends Context.Service<
  Marketplace,
  {
    /** Newest first. */
    readonly find: (
      filter: Parameters<ShopsRepo["Service"]["findActive"]>[0],
    ) => Effect.Effect<ReadonlyArray<Shop>, DatabaseUnavailable>
    readonly get: (shopId: ShopId) => Effect.Effect<Shop, ShopNotFound | DatabaseUnavailable>
  }
>()("cvety/shops/Marketplace") {
  static readonly layerNoDeps = Layer.effect(
    Marketplace,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* ShopsRepo

      const find: Marketplace["Service"]["find"] = Effect.fn("Marketplace.find")(function* (filter) {
        const [shops] = yield* db.readThrough("across_shops", [repo.findActive(filter)])
        return shops
      })

      const get = Effect.fn("Marketplace.get")(function* (shopId: ShopId) {
        const [[shop]] = yield* Effect.provideService(db.read([repo.find(shopId)]), TenantContext, { shopId })
        if (shop === undefined || !shop.is_active) return yield* new ShopNotFound()
        return shop
      })

      return { find, get }
    }),
  )

  static readonly layer = Marketplace.layerNoDeps.pipe(Layer.provide(ShopsRepo.layer))
}
