/**
 * Applies parked order-status events once their order (or a mapping for their code) has appeared. Woken by the
 * database when an order gets a Bitrix id that parked events wait for; sweeps at its own pace for what a wake-up
 * missed, such as an event parked in the same moment or a code that a new release maps.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Actor from "../platform/Actor.ts"
import { Db } from "../platform/Db.ts"
import { OrderStatusReplay } from "./OrderStatusReplay.ts"

const SWEEP_MS = 5_000
const CHANNEL = "cvety_inbox_parked"

export const ParkedOrderEvents = Layer.effectDiscard(
  Effect.gen(function* () {
    const db = yield* Db
    const { applyParked } = yield* OrderStatusReplay
    const wake = yield* Actor.start({ name: "parked_order_events", paceMs: SWEEP_MS, batch: applyParked })

    // A lost connection may have swallowed a notification, so subscribing again is a wake-up too.
    yield* Effect.scoped(
      Effect.gen(function* () {
        const notifications = yield* db.listen(CHANNEL)
        yield* Queue.offer(wake, undefined)
        return yield* Effect.forever(Effect.andThen(Queue.take(notifications), Queue.offer(wake, undefined)))
      }),
    ).pipe(Effect.ignore, Effect.repeat(Schedule.jittered(Schedule.spaced("1 second"))), Effect.forkScoped)
  }),
)
