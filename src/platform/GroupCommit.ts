/**
 * Work that waits together commits together.
 *
 *   submit --> queue --> | take all that wait, at most BATCH_MAX | --> commit --> answers
 *                  ^----------------- meanwhile others queue ------------'
 *
 * Two batches are under way at most: one is on its way to the disk while the next one is read and decided. A lone
 * submission goes at once, and under load a batch grows to what arrived meanwhile, so one flush of the log pays for
 * many. Within a batch submissions keep their order; what must not overtake needs a lock of its own.
 *
 * A batch that fails as a whole because the outside is unavailable fails every submission with that error. A batch
 * that fails for a reason of its own (a defect, two events that exclude each other) is tried again one by one, so
 * that a bad submission fails alone.
 *
 * The queue is bounded: beyond it `submit` fails at once with `Overloaded`. A submitter that goes away does not take
 * its work back.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { Overloaded } from "../shared/Overloaded.ts"

const COMMITS_MAX = 2
const BATCH_MAX = 64
const QUEUE_MAX = 2_048

export interface GroupCommit<A, B, E> {
  readonly submit: (item: A) => Effect.Effect<B, E | Overloaded>
}

/** `commit` answers each item of the batch, in order, and leaves no trace when it fails. */
export const make = <A, B, E>(
  commit: (batch: ReadonlyArray<A>) => Effect.Effect<ReadonlyArray<B>, E>,
): Effect.Effect<GroupCommit<A, B, E>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const queue = yield* Queue.dropping<Submission<A, B, E>>(QUEUE_MAX)

    const run = (batch: ReadonlyArray<Submission<A, B, E>>): Effect.Effect<void> =>
      Effect.matchCauseEager(
        Effect.suspend(() => commit(batch.map(({ item }) => item))),
        {
          onSuccess: (answers) => {
            for (const [index, { answer }] of batch.entries()) {
              Deferred.doneUnsafe(answer, Effect.succeed(answers[index] as B))
            }
            return undefined
          },
          onFailure: (cause) => cause,
        },
      ).pipe(
        Effect.flatMap((cause) => {
          if (cause === undefined) return Effect.void
          if (batch.length > 1 && !Cause.hasFails(cause)) {
            return Effect.forEach(batch, (submission) => run([submission]), { discard: true })
          }
          for (const { answer } of batch) Deferred.doneUnsafe(answer, Effect.failCause(cause))
          return Effect.void
        }),
      )

    const gathering = yield* Semaphore.make(1)
    const gather = Queue.peek(queue).pipe(
      Effect.andThen(turnOfEventLoop),
      Effect.andThen(Queue.takeBetween(queue, 1, BATCH_MAX)),
      gathering.withPermit,
    )
    yield* gather.pipe(
      Effect.flatMap(run),
      Effect.forever,
      Effect.forkScoped,
      Effect.repeat({ times: COMMITS_MAX - 1 }),
    )

    return {
      submit: (item) =>
        Effect.suspend((): Effect.Effect<B, E | Overloaded> => {
          const answer = Deferred.makeUnsafe<B, E>()
          return Queue.offerUnsafe(queue, { item, answer })
            ? Deferred.await(answer)
            : Effect.fail(new Overloaded())
        }),
    }
  })

interface Submission<A, B, E> {
  readonly item: A
  readonly answer: Deferred.Deferred<B, E>
}

// Requests that arrived in the same turn of the event loop are parsed before the batch leaves.
const turnOfEventLoop = Effect.callback<void>((resume) => {
  const immediate = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(immediate))
})
