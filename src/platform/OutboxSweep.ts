/** Forgets facts that were delivered more than KEEP_MS ago. What waits or was given up is never forgotten. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Actor from "./Actor.ts"
import { Db } from "./Db.ts"
import { Outbox } from "./Outbox.ts"

const KEEP_MS = 7 * 86_400_000
const PACE_MS = 300_000
const BATCH = 1_000

export const OutboxSweep = Layer.effectDiscard(
  Effect.gen(function* () {
    const db = yield* Db
    const outbox = yield* Outbox

    const sweep = Effect.gen(function* () {
      const before = new Date((yield* Clock.currentTimeMillis) - KEEP_MS)
      return yield* db.transactThrough("across_shops", {
        read: [outbox.sweep(before, BATCH)],
        write: ([forgotten]) => ({ queries: [], answer: forgotten.length }),
      })
    })

    yield* Actor.start({ name: "outbox_sweep", paceMs: PACE_MS, batch: sweep })
  }),
)
