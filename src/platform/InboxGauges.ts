/** Keeps the gauges of what waits in the inbox: how many events are parked, and for how long the oldest has been. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Actor from "./Actor.ts"
import { Db } from "./Db.ts"
import { Inbox } from "./Inbox.ts"

const PACE_MS = 15_000

export const InboxGauges = Layer.effectDiscard(
  Effect.gen(function* () {
    const db = yield* Db
    const inbox = yield* Inbox
    const seen = new Set<string>()

    const measure = Effect.gen(function* () {
      const [totals] = yield* db.readThrough("across_shops", [inbox.parkedTotals()])
      const bySource = new Map(totals.map((total) => [`${total.shop_id} ${total.source}`, total]))
      for (const key of bySource.keys()) seen.add(key)
      for (const key of seen) {
        const [shop = "", source = ""] = key.split(" ")
        const total = bySource.get(key)
        yield* Metric.update(Metric.withAttributes(parked, { shop, source }), total?.parked ?? 0)
        yield* Metric.update(Metric.withAttributes(oldest, { shop, source }), total?.oldest_seconds ?? 0)
      }
      return 0
    })

    yield* Actor.start({ name: "inbox_gauges", paceMs: PACE_MS, batch: measure })
  }),
)

const parked = Metric.gauge("inbox_parked", { description: "Events that wait for something to appear" })
const oldest = Metric.gauge("inbox_parked_oldest_seconds", { description: "Age of the oldest parked event" })
