/** Keeps the gauges of how far here and Bitrix are apart, as the walks through its list found it. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Actor from "../platform/Actor.ts"
import { Db } from "../platform/Db.ts"
import { Outbox } from "../platform/Outbox.ts"
import type { ShopId } from "../shared/ShopId.ts"
import { BitrixConnections } from "./BitrixConnections.ts"
import { BitrixPassRepo } from "./BitrixPassRepo.ts"

const PACE_MS = 5_000

export const BitrixDriftGauges = Layer.effectDiscard(
  Effect.gen(function* () {
    const db = yield* Db
    const outbox = yield* Outbox
    const passes = yield* BitrixPassRepo
    const connections = yield* BitrixConnections
    const seen = new Set<ShopId>()

    const measure = Effect.gen(function* () {
      const [drifts, totals] = yield* db.readThrough("across_shops", [passes.drifts(), outbox.totals()])
      const nowMs = yield* Clock.currentTimeMillis
      const connected = drifts.filter(({ shop_id }) => connections.find(shop_id) !== undefined)
      const driftsByShop = new Map(connected.map((one) => [one.shop_id, one]))
      const pendingByShop = new Map(
        totals.flatMap((one) => (one.target === "bitrix" ? [[one.shop_id, one.oldest_pending_since]] : [])),
      )
      for (const shopId of [...driftsByShop.keys(), ...pendingByShop.keys()]) seen.add(shopId)
      for (const shopId of seen) {
        const attributes = { shop: String(shopId) }
        const one = driftsByShop.get(shopId)
        // The pass under way may have met again what the last one could not repair.
        const apart = Math.max(one?.last_unrepaired ?? 0, one?.unrepaired ?? 0)
        const since = [one?.oldest_difference_at, pendingByShop.get(shopId)].flatMap(
          (at) => at?.getTime() ?? [],
        )
        yield* Metric.update(Metric.withAttributes(drift, attributes), apart)
        yield* Metric.update(
          Metric.withAttributes(oldest, attributes),
          since.length === 0 ? 0 : Math.max(0, nowMs - Math.min(...since)) / 1_000,
        )
        yield* Metric.update(
          Metric.withAttributes(finished, attributes),
          (one?.last_finished_at?.getTime() ?? 0) / 1_000,
        )
      }
      return 0
    })

    yield* Actor.start({ name: "bitrix_drift_gauges", paceMs: PACE_MS, batch: measure })
  }),
).pipe(Layer.provide(BitrixPassRepo.layer))

const drift = Metric.gauge("bitrix_drift", {
  description:
    "Products that differ from Bitrix and could not be repaired, and pages of its list that cannot be read",
})
const oldest = Metric.gauge("bitrix_oldest_difference_seconds", {
  description:
    "For how long there has been a difference: one that could not be repaired, or one not told yet",
})
const finished = Metric.gauge("bitrix_pass_finished_timestamp_seconds", {
  description: "When the last walk through Bitrix's list ended; 0 before the first",
})
