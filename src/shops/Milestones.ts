/**
 * The steps of opening a shop, each reached once.
 *
 *   name given --\
 *   city given ---+--> onboarding completed
 *   product ------|
 *   opened ------/        address given, first order: noted, not waited for
 *
 * A step counts as reached when the shop is seen in that state, under the lock of its rows: whoever changes a shop
 * asks here, in the same transaction, what that has reached and whom to tell. `lock` comes after the lock of the shop.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Query } from "../platform/Query.ts"
import type { ReachedAt } from "./MilestonesRepo.ts"
import { MilestonesRepo } from "./MilestonesRepo.ts"
import type { LockedShop, Shop } from "./Shop.ts"
import { DEFAULT_NAME } from "./Shop.ts"
import type { Told } from "./ShopNotifications.ts"
import { ShopNotifications } from "./ShopNotifications.ts"

interface Seen {
  /** As it was locked. */
  readonly before: LockedShop
  /** As this transaction leaves it. */
  readonly after: Shop
  readonly reachedAt: ReachedAt | undefined
  readonly traceParent: string | null
}

export class Milestones extends Context.Service<
  Milestones,
  {
    /** The row of a new shop. */
    readonly begin: MilestonesRepo["Service"]["insert"]
    readonly lock: MilestonesRepo["Service"]["lock"]
    /** What to write for the steps that the settings of the shop have reached. */
    readonly markSettings: (seen: Seen) => ReadonlyArray<Query<void>>
    /** The same, for a shop that is let in by an operator of the platform. */
    readonly markOpened: (seen: Seen) => ReadonlyArray<Query<void>>
    /** The same, for a shop that has a product now. */
    readonly markProduct: (seen: Seen) => ReadonlyArray<Query<void>>
  }
>()("cvety/shops/Milestones") {
  static readonly layerNoDeps = Layer.effect(
    Milestones,
    Effect.gen(function* () {
      const repo = yield* MilestonesRepo
      const notifications = yield* ShopNotifications

      const mark = (event: Event | null, { before, after, reachedAt, traceParent }: Seen) => {
        if (reachedAt === undefined) return []
        const reached = reach(reachedAt, after, event, before.now)
        const isNew = (step: keyof ReachedAt) => reachedAt[step] === null && reached[step] !== null
        if (!steps.some(isNew)) return []
        const told: Told = {
          shop: after,
          owner: { name: before.owner_name, phone: before.owner_phone },
          at: before.now,
          traceParent,
        }
        return [
          repo.save(after.id, reached),
          // A shop that had its name before its steps were noted is no news.
          ...(isNew("name_customized_at") && before.name !== after.name
            ? [notifications.named(told, before.name)]
            : []),
          ...(isNew("shop_opened_at") ? [notifications.opened(told)] : []),
          ...(isNew("onboarding_completed_at") ? [notifications.completed(told)] : []),
        ]
      }

      return {
        begin: repo.insert,
        lock: repo.lock,
        markSettings: (seen) => mark(null, seen),
        markOpened: (seen) => mark("opened", seen),
        markProduct: (seen) => mark("product", seen),
      }
    }),
  )

  static readonly layer = Milestones.layerNoDeps.pipe(
    Layer.provide([MilestonesRepo.layer, ShopNotifications.layer]),
  )
}

/** What the row of a shop does not show. */
type Event = "opened" | "product"

const steps = [
  "name_customized_at",
  "city_added_at",
  "address_added_at",
  "first_product_added_at",
  "shop_opened_at",
  "onboarding_completed_at",
] as const satisfies ReadonlyArray<keyof ReachedAt>

const reach = (reachedAt: ReachedAt, shop: Shop, event: Event | null, now: Date): ReachedAt => {
  const when = (known: Date | null, isReached: boolean) => known ?? (isReached ? now : null)
  const reached = {
    ...reachedAt,
    name_customized_at: when(reachedAt.name_customized_at, shop.name !== DEFAULT_NAME),
    city_added_at: when(reachedAt.city_added_at, shop.city !== null),
    address_added_at: when(reachedAt.address_added_at, (shop.address ?? "") !== ""),
    first_product_added_at: when(reachedAt.first_product_added_at, event === "product"),
    shop_opened_at: when(reachedAt.shop_opened_at, event === "opened"),
  }
  const isComplete =
    reached.name_customized_at !== null &&
    reached.city_added_at !== null &&
    reached.first_product_added_at !== null &&
    reached.shop_opened_at !== null
  return {
    ...reached,
    onboarding_completed_at: when(reachedAt.onboarding_completed_at, isComplete),
  }
}
