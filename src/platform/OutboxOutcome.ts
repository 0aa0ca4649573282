/** What becomes of a fact after an attempt to deliver it. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import type { ClaimedFact, OutboxTarget, Settled } from "./OutboxFact.ts"

/** How an attempt ended, as the edge sees it. */
export type Delivered =
  | { readonly kind: "delivered" }
  | {
      readonly kind: "failed"
      readonly error: string
      readonly retryAfterMs: number | null
      /** The target as a whole is in trouble: does not count against the fact. */
      readonly isOutage: boolean
    }
  /** No attempt will ever succeed. */
  | { readonly kind: "refused"; readonly error: string }
  /** Was not tried. */
  | { readonly kind: "released" }

export interface Ended<P> {
  readonly fact: ClaimedFact
  /** None for a fact that could not be read when it was claimed. */
  readonly parcel: P | undefined
  readonly lease: string
  readonly delivered: Delivered
}

/** How long after which failure in a row a fact is tried again; one failure more parks it. */
export const scheduleMs = [1_000, 4_000, 15_000, 60_000, 180_000, 600_000, 1_800_000] as const
const OUTAGE_PAUSE_MS = 1_000
const RELEASE_PAUSE_MS = 50
const RETRY_AFTER_MS_MAX = 3_600_000
const ERROR_CHARS_MAX = 500

export const toSettled = <P>({ fact, lease, delivered }: Ended<P>, nowMs: number): Effect.Effect<Settled> =>
  Effect.map(Random.next, (random): Settled => {
    const { id, generation, attempts } = fact
    const held = { id, generation, lease }
    const later = (ms: number) => new Date(nowMs + ms)
    switch (delivered.kind) {
      case "delivered":
        return { ...held, outcome: { kind: "delivered" } }
      case "released":
        return { ...held, outcome: { kind: "released", at: later(RELEASE_PAUSE_MS * (0.5 + random)) } }
      case "refused":
        return { ...held, outcome: { kind: "parked", error: cut(delivered.error) } }
      case "failed": {
        const error = cut(delivered.error)
        const pauseMs = delivered.isOutage ? OUTAGE_PAUSE_MS : scheduleMs[attempts]
        if (pauseMs === undefined) return { ...held, outcome: { kind: "parked", error } }
        const askedMs = Math.min(RETRY_AFTER_MS_MAX, delivered.retryAfterMs ?? 0)
        const at = later(Math.max(askedMs, pauseMs * (0.75 + random / 2)))
        return {
          ...held,
          outcome: { kind: "failed", at, error, attempts: delivered.isOutage ? attempts : attempts + 1 },
        }
      }
    }
  })

const cut = (text: string): string => text.toWellFormed().replaceAll("\u0000", "").slice(0, ERROR_CHARS_MAX)

/** Counts how deliveries ended, and how long those that arrived had waited. */
export const count = <P>(
  target: OutboxTarget,
  ended: ReadonlyArray<Ended<P>>,
  nowMs: number,
): Effect.Effect<void> =>
  Effect.forEach(
    ended,
    ({ fact, delivered }) =>
      Effect.andThen(
        Metric.update(Metric.withAttributes(deliveries, { target, outcome: delivered.kind }), 1),
        delivered.kind === "delivered"
          ? Metric.update(
              Metric.withAttributes(lag, { target }),
              Math.max(0, nowMs - fact.pending_since.getTime()) / 1_000,
            )
          : Effect.void,
      ),
    { discard: true },
  )

const deliveries = Metric.counter("outbox_deliveries_total", {
  description: "Attempts to deliver a fact, by how they ended",
  incremental: true,
})
const lag = Metric.histogram("outbox_delivery_lag_seconds", {
  description: "From the first change that was not told yet to the moment its delivery was known",
  boundaries: [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120, 600, 3_600, 86_400],
})
