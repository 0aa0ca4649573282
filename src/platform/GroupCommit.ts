/**
 * Work that waits together commits together, and work on one thing stays in order.
 *
 *   submit --> waiting --> | those whose key is free, at most BATCH_MAX | --> commit --> answers
 *                 ^ ^                                                          |
 *                 | '-- meanwhile others wait                                  | held: again, ahead of its key
 *                 '------------------------------------------------------------'
 *
 * - Two commits are under way at most: one is on its way to the disk while the next is read and decided. A lone
 *   submission goes at once, and under load a batch grows to what arrived meanwhile, so one flush of the log pays
 *   for many.
 * - Submissions with the same key are committed in the order of their submission: in one batch in that order, never
 *   in two batches at the same time.
 * - A commit may leave an item undecided (`undefined`) because somebody else holds what it needs. It is tried again
 *   with back-off, before anything else of its key, and fails after HELD_MS_MAX.
 * - A batch that fails because the outside is unavailable fails every submission with that error, and what has waited
 *   behind it for longer than OUTAGE_WAIT_MS_MAX: nobody waits for two outages. A batch that fails for a reason of its
 *   own (a defect, two items that exclude each other) is tried again one by one, so that a bad submission fails alone.
 * - What may wait is bounded: beyond it `submit` fails at once with `Overloaded`. A submitter that goes away does not
 *   take its work back.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { Overloaded } from "../shared/Overloaded.ts"

const COMMITS_MAX = 2
const BATCH_MAX = 64
const WAITING_MAX = 2_048
const OUTAGE_WAIT_MS_MAX = 1_000
const HELD_MS_MAX = 6_000
const HELD_PAUSE_MIN_MS = 4
const HELD_PAUSE_MAX_MS = 100

export interface GroupCommit<A, B, E> {
  readonly submit: (item: A) => Effect.Effect<B, E | Overloaded>
}

export interface Options<A, B, E> {
  /** What an item is about; items about the same thing stay in order. */
  readonly keyOf: (item: A) => string
  /** Answers each item of the batch, in order, or leaves all of a key undecided; leaves no trace when it fails. */
  readonly commit: (batch: ReadonlyArray<A>) => Effect.Effect<ReadonlyArray<B | undefined>, E>
  /** The error of an item that stayed undecided for too long. */
  readonly heldTooLong: () => E
}

export const make = <A, B, E>(
  options: Options<A, B, E>,
): Effect.Effect<GroupCommit<A, B, E>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Scope.Scope
    const clock = yield* Clock.Clock
    const waiting: Array<Submission<A, B, E>> = []
    const keysUnderWay = new Set<string>()
    const wake = yield* Queue.sliding<void>(1)
    const wakeUp = () => Queue.offerUnsafe(wake, undefined)

    /** Takes out those whom the next commit would keep waiting as long as this one did. */
    const takeLate = (): Batch<A, B, E> => {
      const sinceMs = clock.currentTimeMillisUnsafe() - OUTAGE_WAIT_MS_MAX
      const [late, others] = partition(waiting, ({ submittedMs }) => submittedMs < sinceMs)
      waiting.splice(0, waiting.length, ...others)
      return late
    }

    const attempt = (batch: Batch<A, B, E>): Effect.Effect<ReadonlyArray<B | undefined>> =>
      Effect.catchCause(
        Effect.suspend(() => options.commit(batch.map(({ item }) => item))),
        (cause) => {
          if (batch.length > 1 && !Cause.hasFails(cause)) return oneByOne(batch)
          if (Cause.hasFails(cause)) failAll(takeLate(), cause)
          return Effect.succeed(failAll(batch, cause))
        },
      )

    const failAll = (batch: Batch<A, B, E>, cause: Cause.Cause<E>): Array<B | undefined> =>
      batch.map(({ answer }) => {
        Deferred.doneUnsafe(answer, Effect.failCause(cause))
        return undefined
      })

    // The outside may become unavailable meanwhile: then the rest does not try it one after another.
    const oneByOne = Effect.fnUntraced(function* (batch: Batch<A, B, E>) {
      const answers: Array<B | undefined> = []
      const heldKeys = new Set<string>()
      for (const [index, submission] of batch.entries()) {
        if (heldKeys.has(submission.key)) {
          answers.push(undefined)
          continue
        }
        const exit = yield* Effect.exit(Effect.suspend(() => options.commit([submission.item])))
        if (exit._tag === "Success") {
          answers.push(exit.value[0])
          if (exit.value[0] === undefined) heldKeys.add(submission.key)
          continue
        }
        answers.push(...failAll([submission], exit.cause))
        if (Cause.hasFails(exit.cause)) return [...answers, ...failAll(batch.slice(index + 1), exit.cause)]
      }
      return answers
    })

    const run = (batch: Batch<A, B, E>) =>
      Effect.flatMap(attempt(batch), (answers) => {
        const held: Array<Submission<A, B, E>> = []
        for (const [index, submission] of batch.entries()) {
          const answer = answers[index]
          if (answer !== undefined) Deferred.doneUnsafe(submission.answer, Effect.succeed(answer))
          else if (!Deferred.isDoneUnsafe(submission.answer)) held.push(submission)
        }
        const heldKeys = new Set(held.map(({ key }) => key))
        for (const { key } of batch) if (!heldKeys.has(key)) keysUnderWay.delete(key)
        wakeUp()
        return held.length === 0 ? Effect.void : Effect.asVoid(Effect.forkIn(tryAgain(held), scope))
      })

    const tryAgain = Effect.fnUntraced(function* (held: Batch<A, B, E>) {
      const nowMs = clock.currentTimeMillisUnsafe()
      const tries = Math.max(...held.map((submission) => ++submission.tries))
      const ceilingMs = Math.min(HELD_PAUSE_MAX_MS, HELD_PAUSE_MIN_MS * 2 ** (tries - 1))
      yield* Effect.sleep(ceilingMs * (0.5 + (yield* Random.next) / 2))
      const [late, others] = partition(held, ({ submittedMs }) => nowMs - submittedMs > HELD_MS_MAX)
      for (const { answer } of late) Deferred.doneUnsafe(answer, Effect.fail(options.heldTooLong()))
      waiting.unshift(...others)
      for (const { key } of held) keysUnderWay.delete(key)
      wakeUp()
    })

    const gathering = yield* Semaphore.make(1)
    const gather = Effect.gen(function* () {
      for (;;) {
        yield* turnOfEventLoop
        const batch = takeFree(waiting, keysUnderWay)
        if (batch.length > 0) return batch
        yield* Queue.take(wake)
      }
    }).pipe(gathering.withPermit)

    yield* gather.pipe(
      Effect.flatMap(run),
      Effect.forever,
      Effect.forkScoped,
      Effect.repeat({ times: COMMITS_MAX - 1 }),
    )

    return {
      submit: (item) =>
        Effect.suspend((): Effect.Effect<B, E | Overloaded> => {
          if (waiting.length >= WAITING_MAX) return Effect.fail(new Overloaded())
          const answer = Deferred.makeUnsafe<B, E>()
          const submittedMs = clock.currentTimeMillisUnsafe()
          waiting.push({ item, key: options.keyOf(item), answer, submittedMs, tries: 0 })
          wakeUp()
          return Deferred.await(answer)
        }),
    }
  })

interface Submission<A, B, E> {
  readonly item: A
  readonly key: string
  readonly answer: Deferred.Deferred<B, E>
  readonly submittedMs: number
  /** How often it was left undecided. */
  tries: number
}

type Batch<A, B, E> = ReadonlyArray<Submission<A, B, E>>

/** Takes what may go now out of `waiting`, in order, and marks its keys. */
const takeFree = <A, B, E>(
  waiting: Array<Submission<A, B, E>>,
  keysUnderWay: Set<string>,
): Batch<A, B, E> => {
  const batch: Array<Submission<A, B, E>> = []
  const left: Array<Submission<A, B, E>> = []
  for (const submission of waiting) {
    if (batch.length < BATCH_MAX && !keysUnderWay.has(submission.key)) batch.push(submission)
    else left.push(submission)
  }
  waiting.splice(0, waiting.length, ...left)
  for (const { key } of batch) keysUnderWay.add(key)
  return batch
}

const partition = <A>(all: ReadonlyArray<A>, isFirst: (one: A) => boolean): [Array<A>, Array<A>] => {
  const parts: [Array<A>, Array<A>] = [[], []]
  for (const one of all) parts[isFirst(one) ? 0 : 1].push(one)
  return parts
}

// Requests that arrived in the same turn of the event loop are parsed before the batch leaves.
const turnOfEventLoop = Effect.callback<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})
