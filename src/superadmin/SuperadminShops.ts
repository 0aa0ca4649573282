/** Shops of the whole platform, for its operators. A blocked shop is closed to the public and to its own people. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { User } from "../auth/User.ts"
import { Db } from "../platform/Db.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { Shop } from "../shops/Shop.ts"
import { ShopNotFound } from "../shops/Shop.ts"
import { ShopBlocking } from "../shops/ShopBlocking.ts"
import type { ShopCounts } from "./SuperadminShopsRepo.ts"
import { SuperadminShopsRepo } from "./SuperadminShopsRepo.ts"

export interface ShopInFull {
  readonly shop: Shop
  readonly owner: User | null
  readonly users: ReadonlyArray<User>
  readonly counts: typeof ShopCounts.Type
}

export class SuperadminShops extends Context.Service<
  SuperadminShops,
  {
    readonly find: (
      filter: Parameters<SuperadminShopsRepo["Service"]["find"]>[0],
    ) => Effect.Effect<ReadonlyArray<Shop>, DatabaseUnavailable>
    readonly getById: (id: ShopId) => Effect.Effect<ShopInFull, ShopNotFound | DatabaseUnavailable>
    readonly block: ShopBlocking["Service"]["block"]
    readonly unblock: ShopBlocking["Service"]["unblock"]
  }
>()("cvety/superadmin/SuperadminShops") {
  static readonly layerNoDeps = Layer.effect(
    SuperadminShops,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* SuperadminShopsRepo
      const blocking = yield* ShopBlocking

      const find: SuperadminShops["Service"]["find"] = Effect.fn("SuperadminShops.find")(function* (filter) {
        const [shops] = yield* db.readThrough("superadmin", [repo.find(filter)])
        return shops
      })

      const getById: SuperadminShops["Service"]["getById"] = Effect.fn("SuperadminShops.getById")(
        function* (id) {
          const [[shop], [owner], users, [counts]] = yield* db.readThrough("superadmin", [
            repo.findById(id),
            repo.findOwner(id),
            repo.findUsers(id),
            repo.countOf(id),
          ])
          if (shop === undefined || counts === undefined) return yield* new ShopNotFound()
          return { shop, owner: owner ?? null, users, counts }
        },
      )

      return { find, getById, block: blocking.block, unblock: blocking.unblock }
    }),
  )

  static readonly layer = SuperadminShops.layerNoDeps.pipe(
    Layer.provide([SuperadminShopsRepo.layer, ShopBlocking.layer]),
  )
}
