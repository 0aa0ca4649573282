/**
 * A clock that stands still until it is made to jump. Whoever sleeps wakes once at the end of the jump, in the order of
 * their times, so a day costs one look of everybody and not one for each of their paces.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

interface Sleeper {
  readonly atMs: number
  readonly wake: () => void
}

export interface JumpClock {
  readonly jump: (ms: number) => Effect.Effect<void>
  readonly nowMs: () => number
  /** By the clock of the machine. */
  readonly live: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** By this clock. */
  readonly ruled: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** Begins at the time of the machine, which is that of the database. */
export const make: Effect.Effect<JumpClock> = Clock.clockWith((machine) =>
  Effect.sync(() => {
    const startMs = Date.now()
    let nowMs = startMs
    const sleepers = new Set<Sleeper>()
    const nanos = () => BigInt(nowMs) * 1_000_000n
    const clock: Clock.Clock = {
      currentTimeMillisUnsafe: () => nowMs,
      currentTimeMillis: Effect.sync(() => nowMs),
      currentTimeNanosUnsafe: nanos,
      currentTimeNanos: Effect.sync(nanos),
      monotonicTimeNanosUnsafe: () => BigInt(nowMs - startMs) * 1_000_000n,
      monotonicTimeNanos: Effect.sync(() => BigInt(nowMs - startMs) * 1_000_000n),
      sleep: (duration) =>
        Effect.callback<void>((resume) => {
          const ms = Duration.toMillis(duration)
          if (ms <= 0) return resume(Effect.void)
          const sleeper = { atMs: nowMs + ms, wake: () => resume(Effect.void) }
          sleepers.add(sleeper)
          return Effect.sync(() => sleepers.delete(sleeper))
        }),
    }
    return {
      jump: (ms) =>
        Effect.sync(() => {
          nowMs += Math.ceil(ms)
          const due = [...sleepers].filter(({ atMs }) => atMs <= nowMs).sort((a, b) => a.atMs - b.atMs)
          for (const sleeper of due) {
            sleepers.delete(sleeper)
            sleeper.wake()
          }
        }),
      nowMs: () => nowMs,
      live: Effect.provideService(Clock.Clock, machine),
      ruled: Effect.provideService(Clock.Clock, clock),
    }
  }),
)
