/**
 * A background activity: a supervised fiber that does one bounded batch at a time, at its own pace.
 *
 *   run one batch --> did something --> run again
 *        |        \-> nothing to do --> wait for a wake-up, at most PACE --> run again
 *        \-> failed --> back-off with jitter, at most BACK_OFF_MAX --> run again
 *
 * Correctness lives in the rows it works on: killing it anywhere loses nothing and doubles nothing. Its last success
 * and its failures in a row are metrics and part of `/ready`, for as long as it runs.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"

const BACK_OFF_MIN_MS = 200
const BACK_OFF_MAX_MS = 15_000

export interface ActorState {
  lastSuccessAtMs: number | null
  failuresInARow: number
}

/** The actors of this process by name. */
export class Actors extends Context.Service<Actors, Map<string, ActorState>>()("cvety/platform/Actors") {
  static readonly layer = Layer.sync(Actors, () => new Map<string, ActorState>())
}

/** Starts the actor; offer to the returned queue to wake it before its pace is over. */
export const start = <E>(options: {
  readonly name: string
  /** The longest wait between two batches. */
  readonly paceMs: number
  /** Says how many rows it settled: more than none means there may be more. */
  readonly batch: Effect.Effect<number, E>
}): Effect.Effect<Queue.Enqueue<void>, never, Actors | Scope.Scope> =>
  Effect.gen(function* () {
    const state: ActorState = { lastSuccessAtMs: null, failuresInARow: 0 }
    const actors = yield* Actors
    actors.set(options.name, state)
    yield* Effect.addFinalizer(() =>
      Effect.andThen(
        Effect.sync(() => actors.delete(options.name)),
        Metric.update(Metric.withAttributes(lastSuccess, { actor: options.name }), Number.NaN),
      ),
    )
    const wake = yield* Queue.sliding<void>(1)
    const attributes = { actor: options.name }

    const rest = (ms: number) => Effect.timeoutOption(Queue.take(wake), ms)

    const succeeded = (settled: number) =>
      Effect.gen(function* () {
        state.lastSuccessAtMs = yield* Clock.currentTimeMillis
        state.failuresInARow = 0
        yield* Metric.update(Metric.withAttributes(lastSuccess, attributes), state.lastSuccessAtMs / 1e3)
        yield* Metric.update(Metric.withAttributes(settledRows, attributes), settled)
        if (settled === 0) yield* rest(options.paceMs)
      })

    const failed = Effect.fnUntraced(function* (cause: unknown) {
      state.failuresInARow += 1
      yield* Metric.update(Metric.withAttributes(failures, attributes), 1)
      yield* Effect.logWarning("actor failed", cause).pipe(Effect.annotateLogs(attributes))
      const ceilingMs = Math.min(BACK_OFF_MAX_MS, BACK_OFF_MIN_MS * 2 ** (state.failuresInARow - 1))
      const jitter = yield* Random.next
      yield* Effect.sleep(ceilingMs * (0.5 + jitter / 2))
    })

    yield* Effect.matchCauseEffect(options.batch, { onSuccess: succeeded, onFailure: failed }).pipe(
      Effect.forever,
      Effect.forkScoped,
    )
    return wake
  })

const lastSuccess = Metric.gauge("actor_last_success_timestamp_seconds", {
  description: "When the actor last finished a batch",
})
const settledRows = Metric.counter("actor_rows_total", {
  description: "Rows the actor settled",
  incremental: true,
})
const failures = Metric.counter("actor_failures_total", {
  description: "Batches that failed",
  incremental: true,
})
