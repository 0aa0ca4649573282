/** Keeps the gauges of what waits to leave, for every shop and target that somebody delivers to. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Actor from "./Actor.ts"
import { Db } from "./Db.ts"
import { Outbox } from "./Outbox.ts"

const PACE_MS = 15_000

export const OutboxGauges = Layer.effectDiscard(
  Effect.gen(function* () {
    const db = yield* Db
    const outbox = yield* Outbox
    const seen = new Set<string>()

    const measure = Effect.gen(function* () {
      const [totals] = yield* db.readThrough("across_shops", [outbox.totals()])
      const nowMs = yield* Clock.currentTimeMillis
      const byRoute = new Map(totals.map((total) => [`${total.shop_id} ${total.target}`, total]))
      for (const key of byRoute.keys()) seen.add(key)
      for (const key of seen) {
        const [shop = "", target = ""] = key.split(" ")
        const total = byRoute.get(key)
        const since = total?.oldest_pending_since?.getTime() ?? nowMs
        yield* Metric.update(Metric.withAttributes(pending, { shop, target }), total?.pending ?? 0)
        yield* Metric.update(
          Metric.withAttributes(oldest, { shop, target }),
          Math.max(0, nowMs - since) / 1_000,
        )
        yield* Metric.update(Metric.withAttributes(parked, { shop, target }), total?.parked ?? 0)
      }
      return 0
    })

    yield* Actor.start({ name: "outbox_gauges", paceMs: PACE_MS, batch: measure })
  }),
)

const pending = Metric.gauge("outbox_pending", { description: "Facts that wait to be delivered" })
const oldest = Metric.gauge("outbox_oldest_seconds", {
  description: "Since when the oldest of them has something to tell",
})
const parked = Metric.gauge("outbox_parked", { description: "Facts that were given up" })
