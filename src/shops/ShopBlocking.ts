/** Shutting a shop and letting it in again, for the operators of the platform. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Db, refuse } from "../platform/Db.ts"
import { currentTrace } from "../platform/Outbox.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { ShopId } from "../shared/ShopId.ts"
import { Milestones } from "./Milestones.ts"
import type { Shop } from "./Shop.ts"
import { ShopNotFound } from "./Shop.ts"
import { ShopsRepo } from "./ShopsRepo.ts"

export class ShopBlocking extends Context.Service<
  ShopBlocking,
  {
    /** Its people can do nothing from then on, and the marketplace does not know it. */
    readonly block: (shopId: ShopId) => Effect.Effect<Shop, ShopNotFound | DatabaseUnavailable>
    /** The first time is the opening of the shop, which the operators are told of. */
    readonly unblock: (shopId: ShopId) => Effect.Effect<Shop, ShopNotFound | DatabaseUnavailable>
  }
>()("cvety/shops/ShopBlocking") {
  static readonly layerNoDeps = Layer.effect(
    ShopBlocking,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* ShopsRepo
      const milestones = yield* Milestones

      const save = (shopId: ShopId, isActive: boolean) =>
        Effect.gen(function* () {
          const traceParent = yield* currentTrace
          return yield* db.transact({
            read: [repo.lock(shopId), milestones.lock(shopId)],
            write: ([[before], [reachedAt]]) => {
              if (before === undefined) return refuse(new ShopNotFound())
              const after: Shop =
                before.is_active === isActive
                  ? before
                  : { ...before, is_active: isActive, updated_at: before.now }
              return {
                queries: [
                  ...(after === before ? [] : [repo.saveActive(shopId, isActive)]),
                  ...(isActive ? milestones.markOpened({ before, after, reachedAt, traceParent }) : []),
                ],
                answer: after,
              }
            },
          })
        }).pipe(Effect.provideService(TenantContext, { shopId }))

      return {
        block: Effect.fn("ShopBlocking.block")((shopId: ShopId) => save(shopId, false)),
        unblock: Effect.fn("ShopBlocking.unblock")((shopId: ShopId) => save(shopId, true)),
      }
    }),
  )

  static readonly layer = ShopBlocking.layerNoDeps.pipe(Layer.provide([ShopsRepo.layer, Milestones.layer]))
}
