/**
 * Repeating and bounding an attempt, for the innermost path of every request. They do what `Effect.retry` and
 * `Effect.timeoutOrElse` do, at a fraction of the cost when nothing goes wrong: no schedule, no race of two fibers.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/** Makes the attempt again, at once and at most so often, while a failure is worth it. */
export const again =
  <E>(times: number, isWorthIt: (error: E) => boolean) =>
  <A, R>(attempt: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    times === 0
      ? attempt
      : Effect.catch(attempt, (error) =>
          isWorthIt(error) ? again(times - 1, isWorthIt)(attempt) : Effect.fail(error),
        )

/** Interrupts the effect when it takes longer, and fails once that is done. The time is the machine's. */
export const within =
  <E2>(timeoutMs: number, onTimeout: () => E2) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | E2, R> =>
    Effect.contextWith((context) =>
      Effect.callback<A, E | E2>((resume) => {
        const fiber = Effect.runForkWith(context)(effect)
        const timer = setTimeout(
          () =>
            resume(
              Effect.andThen(
                Fiber.interrupt(fiber),
                Effect.suspend(() => Effect.fail(onTimeout())),
              ),
            ),
          timeoutMs,
        )
        fiber.addObserver((exit) => {
          clearTimeout(timer)
          resume(exit)
        })
        return Effect.suspend(() => {
          clearTimeout(timer)
          return Fiber.interrupt(fiber)
        })
      }),
    )
