/**
 * Delivers the facts of one shop to one target, many at a time, each at its own speed.
 *
 *   turn:  | settle what ended, claim what is due and may go |   one transaction of two round trips
 *             ^ ended                          | facts
 *             '------------ deliver <----------'               at most `inFlightMax`, in fibers of their own
 *
 * - A turn is taken when a fact was recorded, when a delivery ended, and when something is due. Under load it carries
 *   all that came together meanwhile.
 * - A slow delivery holds its place and nothing else.
 * - A lease is renewed until its fact is settled, so it means that its node lives: of a node that dies, others claim
 *   what it held after LEASE_MS. What ends after its lease was lost settles nothing.
 * - The target says how many it would take now: none while its circuit is open, one when it is tried again.
 * - `perSecondMax` bounds what leaves this node.
 * - A failure is tried again by `scheduleMs`, with jitter and at least after what the target asked for; the end of the
 *   schedule parks the fact. A failure while the target as a whole is in trouble does not count against the fact.
 */
import { randomUUID } from "node:crypto"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { ShopId } from "../shared/ShopId.ts"
import type { Actors } from "./Actor.ts"
import * as Actor from "./Actor.ts"
import { Db } from "./Db.ts"
import { Outbox } from "./Outbox.ts"
import type { ClaimedFact, OutboxTarget } from "./OutboxFact.ts"
import type { Delivered, Ended } from "./OutboxOutcome.ts"
import { count, toSettled } from "./OutboxOutcome.ts"
import type { Query } from "./Query.ts"
import { TenantContext } from "./TenantContext.ts"
import * as TokenBucket from "./TokenBucket.ts"
import { parentSpan } from "./traceParent.ts"

export interface Options<R, M, P> {
  readonly name: string
  readonly shopId: ShopId
  readonly target: OutboxTarget
  readonly inFlightMax: number
  readonly perSecondMax: number
  /** How many the target would take now, and when to ask again if none. */
  readonly admission: Effect.Effect<{ readonly places: number; readonly waitMs: number }>
  /** Reads, under lock, the records that the facts of this lease tell of, and what the edge remembers of each. */
  readonly load: (lease: string) => readonly [records: Query<R>, memory: Query<M>]
  /** Reads, under lock, what the edge remembers of these. */
  readonly loadEnded: (ended: ReadonlyArray<Ended<P>>) => Query<M>
  /** Makes a parcel of each fact that could be read, and says what to write before they leave. */
  readonly pack: (
    facts: ReadonlyArray<ClaimedFact>,
    records: R,
    memory: M,
  ) => { readonly parcels: ReadonlyMap<number, P>; readonly queries: ReadonlyArray<Query<unknown>> }
  readonly deliver: (parcel: P, fact: ClaimedFact) => Effect.Effect<Delivered>
  /** What to write besides the outcome of the fact itself; not asked about facts whose lease was lost. */
  readonly settle: (ended: ReadonlyArray<Ended<P>>, memory: M) => ReadonlyArray<Query<unknown>>
}

const LEASE_MS = 10_000
const RENEW_MS = 3_000
const SWEEP_MS = 60_000
const CLAIM_MAX = 64
/** What is due and in the hands of another transaction is looked at again after this. */
const PAUSE_MS = 20
const RELEASED: Delivered = { kind: "released" }

/** Offer to the returned queue when a fact was recorded. */
export const start = <R, M, P>(
  options: Options<R, M, P>,
): Effect.Effect<Queue.Enqueue<void>, never, Db | Outbox | Actors | Scope.Scope> =>
  Effect.gen(function* () {
    const work: Work<P> = { held: new Map(), ended: [], wakeUp: () => undefined }
    const turn = yield* makeTurn(options, work)
    const renew = yield* makeRenewal(options, work)
    yield* renew.pipe(Effect.delay(RENEW_MS), Effect.forever, Effect.forkScoped)
    const wake = yield* Actor.start({ name: options.name, paceMs: SWEEP_MS, batch: turn })
    work.wakeUp = () => {
      Queue.offerUnsafe(wake, undefined)
    }
    return wake
  })

interface Work<P> {
  /** Leases of the facts in our hands, by the fact. */
  readonly held: Map<number, string>
  /** What is to be settled in the next turn. */
  ended: Array<Ended<P>>
  wakeUp: () => void
}

const makeTurn = Effect.fnUntraced(function* <R, M, P>(options: Options<R, M, P>, work: Work<P>) {
  const exchange = yield* makeExchange(options, work)
  const send = yield* makeSend(options, work)
  const wakeAfter = yield* makeAlarm(work)
  const bucket = TokenBucket.make(options.perSecondMax)
  const { held } = work

  return Effect.gen(function* () {
    const nowMs = yield* Clock.currentTimeMillis
    const { places, waitMs } = yield* options.admission
    const free = Math.max(0, Math.min(CLAIM_MAX, options.inFlightMax - held.size + work.ended.length, places))
    const limit = bucket.take(nowMs, free)
    // With every place taken, whoever ends wakes the next turn.
    if (places === 0) yield* wakeAfter(waitMs)
    else if (limit === 0 && free > 0) yield* wakeAfter(bucket.waitMs(nowMs))
    const settling = work.ended
    if (limit === 0 && settling.length === 0) return 0
    work.ended = []
    const taken = yield* Effect.onError(exchange(nowMs, limit, settling), () =>
      Effect.sync(() => {
        work.ended = [...settling, ...work.ended]
        bucket.giveBack(limit)
      }),
    )
    for (const { fact } of settling) held.delete(fact.id)
    bucket.giveBack(limit - taken.facts.length)
    yield* count(options.target, settling, nowMs)
    for (const fact of taken.facts) yield* send(fact, taken.parcels.get(fact.id), taken.lease, nowMs)
    if (taken.facts.length < limit && taken.nextDueMs !== null) yield* wakeAfter(taken.nextDueMs - nowMs)
    return taken.facts.length + settling.length
  })
})

/** Settles and claims in one transaction. */
const makeExchange = Effect.fnUntraced(function* <R, M, P>(options: Options<R, M, P>, { held }: Work<P>) {
  const db = yield* Db
  const outbox = yield* Outbox
  const { shopId, target } = options

  return Effect.fnUntraced(
    function* (nowMs: number, limit: number, settling: ReadonlyArray<Ended<P>>) {
      const lease = randomUUID()
      const until = new Date(nowMs + LEASE_MS)
      const settled = yield* Effect.forEach(settling, (one) => toSettled(one, nowMs))
      const carried = settling.filter(({ parcel }) => parcel !== undefined)
      return yield* db.transact({
        read: [
          outbox.claim(shopId, target, {
            lease,
            limit,
            now: new Date(nowMs),
            until,
            held: [...held.keys()],
          }),
          ...options.load(lease),
          options.loadEnded(carried),
          outbox.settle(shopId, settled),
          outbox.findNextDue(shopId, target),
        ],
        write: ([facts, records, memory, endedMemory, stillHeld, [due]]) => {
          const heldIds = new Set(stillHeld.map(({ id }) => id))
          const closed = carried.filter(({ fact }) => heldIds.has(fact.id))
          const packed = options.pack(facts, records, memory)
          return {
            queries: [
              ...(facts.length > 0 ? packed.queries : []),
              ...(closed.length > 0 ? options.settle(closed, endedMemory) : []),
              ...(settling.some(({ delivered }) => delivered.kind === "delivered")
                ? [outbox.noteDelivered(shopId, target)]
                : []),
            ],
            answer: { facts, lease, parcels: packed.parcels, nextDueMs: due?.at?.getTime() ?? null },
          }
        },
      })
    },
    Effect.provideService(TenantContext, { shopId }),
  )
})

/** Starts a delivery in a fiber of its own, which ends with the scope. */
const makeSend = Effect.fnUntraced(function* <R, M, P>(options: Options<R, M, P>, work: Work<P>) {
  const deliveries = yield* FiberSet.make<void>()

  return (fact: ClaimedFact, parcel: P | undefined, lease: string, nowMs: number) => {
    work.held.set(fact.id, lease)
    const end = (delivered: Delivered) => {
      work.ended.push({ fact, parcel, lease, delivered })
      work.wakeUp()
    }
    if (parcel === undefined) return Effect.sync(() => end(RELEASED))
    return FiberSet.run(
      deliveries,
      options.deliver(parcel, fact).pipe(
        Effect.withSpan(`outbox.${options.target}`, {
          ...parentSpan(fact.trace_parent),
          kind: "producer",
          attributes: {
            "outbox.aggregate": fact.aggregate_id,
            "outbox.attempt": fact.attempts + 1,
            "outbox.waited_ms": nowMs - fact.pending_since.getTime(),
          },
        }),
        Effect.matchCause({
          onSuccess: end,
          onFailure: () =>
            end({ kind: "failed", error: "The delivery died", retryAfterMs: null, isOutage: false }),
        }),
      ),
    )
  }
})

/** Wakes the next turn at the earliest of the times that were asked for. */
const makeAlarm = Effect.fnUntraced(function* <P>(work: Work<P>) {
  const scope = yield* Effect.scope
  let timerAtMs = Number.POSITIVE_INFINITY

  return Effect.fnUntraced(function* (ms: number) {
    const atMs = (yield* Clock.currentTimeMillis) + ms
    if (ms >= SWEEP_MS || atMs >= timerAtMs) return
    timerAtMs = atMs
    yield* Effect.sleep(Math.max(PAUSE_MS, ms)).pipe(
      Effect.andThen(
        Effect.sync(() => {
          timerAtMs = Number.POSITIVE_INFINITY
          work.wakeUp()
        }),
      ),
      Effect.forkIn(scope),
    )
  })
})

const makeRenewal = Effect.fnUntraced(function* <R, M, P>({ shopId }: Options<R, M, P>, { held }: Work<P>) {
  const db = yield* Db
  const outbox = yield* Outbox

  return Effect.gen(function* () {
    if (held.size === 0) return
    const until = new Date((yield* Clock.currentTimeMillis) + LEASE_MS)
    yield* db.transact({
      read: [],
      write: () => ({
        queries: [
          outbox.extend(
            shopId,
            [...held].map(([id, lease]) => ({ id, lease })),
            until,
          ),
        ],
        answer: undefined,
      }),
    })
  }).pipe(
    Effect.provideService(TenantContext, { shopId }),
    Effect.catchCause((cause) => Effect.logWarning("leases were not renewed", cause)),
  )
})
