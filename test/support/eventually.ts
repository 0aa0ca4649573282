import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

const PACE_MS = 20

/** Waits until the condition holds; fails the test when it does not within the time. */
export const eventually = <R>(
  condition: Effect.Effect<boolean, never, R>,
  within: Duration.Input,
): Effect.Effect<void, never, R> =>
  Effect.gen(function* () {
    while (!(yield* condition)) yield* Effect.sleep(PACE_MS)
  }).pipe(
    Effect.timeoutOrElse({
      duration: within,
      orElse: () =>
        Effect.die(
          new Error(`did not come true within ${Duration.format(Duration.fromInputUnsafe(within))}`),
        ),
    }),
  )
