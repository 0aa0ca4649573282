/**
 * What the people and machines of a shop read and change of it.
 *
 * A change is made under the lock of the shop's row, of those fields only that it names: two at the same time both
 * count. The change, the milestones that it reaches and what the operators are told of them are one transaction.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Db, refuse } from "../platform/Db.ts"
import { currentTrace } from "../platform/Outbox.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { ShopId } from "../shared/ShopId.ts"
import { Milestones } from "./Milestones.ts"
import type { LockedShop, Settings, Shop } from "./Shop.ts"
import { AmountNegative, FulfilmentMissing, HoursInvalid, ShopNotFound } from "./Shop.ts"
import * as ShopHours from "./ShopHours.ts"
import { ShopsRepo } from "./ShopsRepo.ts"

export class ShopSettings extends Context.Service<
  ShopSettings,
  {
    readonly get: Effect.Effect<Shop, ShopNotFound | DatabaseUnavailable, TenantContext>
    /** What everybody may see of a shop, blocked or not. */
    readonly getPublic: (shopId: ShopId) => Effect.Effect<Shop, ShopNotFound | DatabaseUnavailable>
    readonly update: (
      change: Partial<Settings>,
    ) => Effect.Effect<
      Shop,
      ShopNotFound | HoursInvalid | FulfilmentMissing | AmountNegative | DatabaseUnavailable,
      TenantContext
    >
  }
>()("cvety/shops/ShopSettings") {
  static readonly layerNoDeps = Layer.effect(
    ShopSettings,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* ShopsRepo
      const milestones = yield* Milestones

      const get = Effect.gen(function* () {
        const { shopId } = yield* TenantContext
        const [[shop]] = yield* db.read([repo.find(shopId)])
        if (shop === undefined) return yield* new ShopNotFound()
        return shop
      }).pipe(Effect.withSpan("ShopSettings.get"))

      const getPublic = Effect.fn("ShopSettings.getPublic")((shopId: ShopId) =>
        Effect.provideService(get, TenantContext, { shopId }),
      )

      const update: ShopSettings["Service"]["update"] = Effect.fn("ShopSettings.update")(function* (change) {
        const { shopId } = yield* TenantContext
        const traceParent = yield* currentTrace
        return yield* db.transact({
          read: [repo.lock(shopId), milestones.lock(shopId)],
          write: ([[before], [reachedAt]]) => {
            if (before === undefined) return refuse(new ShopNotFound())
            const after = changed(before, change)
            const refusal = refusalOf(after)
            if (refusal !== undefined) return refuse(refusal)
            return {
              queries: [
                ...(after.updated_at === before.updated_at ? [] : [repo.save(shopId, after)]),
                ...milestones.markSettings({ before, after, reachedAt, traceParent }),
              ],
              answer: after,
            }
          },
        })
      })

      return { get, getPublic, update }
    }),
  )

  static readonly layer = ShopSettings.layerNoDeps.pipe(Layer.provide([ShopsRepo.layer, Milestones.layer]))
}

const changed = (before: LockedShop, change: Partial<Settings>): Shop => {
  const isNews = Object.entries(change).some(([field, value]) => before[field as keyof Settings] !== value)
  return isNews ? { ...before, ...change, updated_at: before.now } : before
}

const refusalOf = (shop: Shop): HoursInvalid | FulfilmentMissing | AmountNegative | undefined => {
  if (!ShopHours.areHours(shop)) {
    return new HoursInvalid({ detail: "Working hours should begin and end at different times" })
  }
  if (!shop.pickup_available && !shop.delivery_available) return new FulfilmentMissing()
  return shop.delivery_cost < 0 || shop.free_delivery_amount < 0 ? new AmountNegative() : undefined
}
