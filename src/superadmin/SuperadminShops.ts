/** Shops of the whole platform, for its operators. A blocked shop is closed to the public and to its own people. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { User } from "../auth/User.ts"
import { Db, Refusal } from "../platform/Db.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import { ShopNotFound } from "../products/ShopNotFound.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { SuperadminShop } from "./SuperadminShop.ts"
import type { ShopCounts } from "./SuperadminShopsRepo.ts"
import { SuperadminShopsRepo } from "./SuperadminShopsRepo.ts"

export interface ShopInFull {
  readonly shop: SuperadminShop
  readonly owner: User | null
  readonly users: ReadonlyArray<User>
  readonly counts: typeof ShopCounts.Type
}

export class SuperadminShops extends Context.Service<
  SuperadminShops,
  {
    readonly find: (
      filter: Parameters<SuperadminShopsRepo["Service"]["find"]>[0],
    ) => Effect.Effect<ReadonlyArray<SuperadminShop>, DatabaseUnavailable>
    readonly getById: (id: ShopId) => Effect.Effect<ShopInFull, ShopNotFound | DatabaseUnavailable>
    readonly block: (id: ShopId) => Effect.Effect<SuperadminShop, ShopNotFound | DatabaseUnavailable>
    /** The first time is the opening of the shop. */
    readonly unblock: (id: ShopId) => Effect.Effect<SuperadminShop, ShopNotFound | DatabaseUnavailable>
  }
>()("cvety/superadmin/SuperadminShops") {
  static readonly layerNoDeps = Layer.effect(
    SuperadminShops,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* SuperadminShopsRepo

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

      const block: SuperadminShops["Service"]["block"] = Effect.fn("SuperadminShops.block")((id) =>
        db
          .transact({
            read: [repo.setActive(id, false)],
            write: ([[shop]]) => ({ queries: [], answer: shop ?? new Refusal(new ShopNotFound()) }),
          })
          .pipe(Effect.provideService(TenantContext, { shopId: id })),
      )

      const unblock: SuperadminShops["Service"]["unblock"] = Effect.fn("SuperadminShops.unblock")(
        function* (id) {
          const { shop, isOpening } = yield* db
            .transact({
              read: [repo.setActive(id, true), repo.markOpened(id)],
              write: ([[shop], opened]) => ({
                queries: [],
                answer:
                  shop === undefined
                    ? new Refusal(new ShopNotFound())
                    : { shop, isOpening: opened.length > 0 },
              }),
            })
            .pipe(Effect.provideService(TenantContext, { shopId: id }))
          if (isOpening) yield* Effect.logInfo("a shop was opened").pipe(Effect.annotateLogs({ shop_id: id }))
          return shop
        },
      )

      return { find, getById, block, unblock }
    }),
  )

  static readonly layer = SuperadminShops.layerNoDeps.pipe(Layer.provide(SuperadminShopsRepo.layer))
}
