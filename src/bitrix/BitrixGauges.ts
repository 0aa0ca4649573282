/** Keeps the gauges of every Bitrix: whether this node leaves it alone, and how many conflicts wait for a decision. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Actor from "../platform/Actor.ts"
import { Db } from "../platform/Db.ts"
import type { ShopId } from "../shared/ShopId.ts"
import { BitrixClient } from "./BitrixClient.ts"
import { BitrixConnections } from "./BitrixConnections.ts"
import { ConflictsRepo } from "./ConflictsRepo.ts"

/** Short, because a circuit opens and closes within seconds. */
const PACE_MS = 5_000

export const BitrixGauges = Layer.effectDiscard(
  Effect.gen(function* () {
    const db = yield* Db
    const client = yield* BitrixClient
    const connections = yield* BitrixConnections
    const conflicts = yield* ConflictsRepo
    const seen = new Set<ShopId>()

    const measure = Effect.gen(function* () {
      const [totals] = yield* db.readThrough("across_shops", [conflicts.openTotals()])
      const openByShop = new Map(totals.map(({ shop_id, open }) => [shop_id, open]))
      for (const shopId of openByShop.keys()) seen.add(shopId)
      for (const { shopId } of connections.all()) seen.add(shopId)
      for (const shopId of seen) {
        const shop = String(shopId)
        const { state } = yield* client.circuit(shopId, "push")
        yield* Metric.update(
          Metric.withAttributes(breakerOpen, { shop, target: "bitrix" }),
          state === "closed" ? 0 : 1,
        )
        yield* Metric.update(Metric.withAttributes(conflictsOpen, { shop }), openByShop.get(shopId) ?? 0)
      }
      return 0
    })

    yield* Actor.start({ name: "bitrix_gauges", paceMs: PACE_MS, batch: measure })
  }),
).pipe(Layer.provide(ConflictsRepo.layer))

const breakerOpen = Metric.gauge("outbox_breaker_open", {
  description: "1 while this node leaves the target alone or only tries it",
})
const conflictsOpen = Metric.gauge("bitrix_conflicts_open", {
  description: "Fields that both sides changed, and nobody has chosen yet",
})
