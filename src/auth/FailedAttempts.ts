/**
 * How often something may go wrong before it must wait: logins, invitation codes, guesses of tracking ids.
 *
 * Failures are counted where every node sees them, by a hash of what was tried, over a sliding window. An attempt that
 * turns out to be one too many, because others were made at the same moment, is answered as one too many: nobody
 * learns more than the limit allows, however many connections they use. Sessions that are open are not concerned.
 */
import { createHash } from "node:crypto"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import { Db } from "../platform/Db.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { AttemptsTooMany } from "./AccountFault.ts"
import type { AttemptKey } from "./FailedAttemptsRepo.ts"
import { FailedAttemptsRepo } from "./FailedAttemptsRepo.ts"

const WINDOW_SECONDS = 15 * 60

/** Failures in a window, by what they are counted for. */
const failuresMax = {
  "login.phone": 5,
  "login.address": 5,
  "invitation.phone": 5,
  "invitation.address": 5,
  "registration.address": 10,
  "phone_change.user": 5,
  "password_change.user": 5,
  "tracking.address": 30,
} as const

export interface Attempt {
  readonly kind: keyof typeof failuresMax
  readonly subject: string
}

export class FailedAttempts extends Context.Service<
  FailedAttempts,
  {
    readonly ensureAllowed: (
      attempts: ReadonlyArray<Attempt>,
    ) => Effect.Effect<void, AttemptsTooMany | DatabaseUnavailable>
    /** Counts a failure; fails itself when it was one too many. */
    readonly count: (
      attempts: ReadonlyArray<Attempt>,
    ) => Effect.Effect<void, AttemptsTooMany | DatabaseUnavailable>
    readonly forget: (attempt: Attempt) => Effect.Effect<void, DatabaseUnavailable>
  }
>()("cvety/auth/FailedAttempts") {
  static readonly layerNoDeps = Layer.effect(
    FailedAttempts,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* FailedAttemptsRepo

      const ensureAllowed = Effect.fn("FailedAttempts.ensureAllowed")(function* (
        attempts: ReadonlyArray<Attempt>,
      ) {
        if (attempts.length === 0) return
        const waits = yield* db.readThrough(
          "identity",
          attempts.map((attempt) => repo.findWait(keyOf(attempt))),
        )
        const waitsSeconds = waits.flat().map(({ wait_seconds }) => wait_seconds)
        if (waitsSeconds.length > 0) return yield* refuse(Math.max(1, ...waitsSeconds))
      })

      const count = Effect.fn("FailedAttempts.count")(function* (attempts: ReadonlyArray<Attempt>) {
        if (attempts.length === 0) return
        const isWithin = yield* db.transactThrough("identity", {
          read: sorted(attempts).map(repo.add),
          write: (answers) => ({
            queries: [repo.forgetOld(WINDOW_SECONDS)],
            answer: answers.flat().every((added) => added.is_within),
          }),
        })
        if (isWithin) return
        yield* ensureAllowed(attempts)
        // The window moved on between the two.
        return yield* refuse(1)
      })

      const forget = Effect.fn("FailedAttempts.forget")((attempt: Attempt) =>
        db.transactThrough("identity", {
          read: [],
          write: () => ({ queries: [repo.forget(keyOf(attempt))], answer: undefined }),
        }),
      )

      return { ensureAllowed, count, forget }
    }),
  )

  static readonly layer = FailedAttempts.layerNoDeps.pipe(Layer.provide(FailedAttemptsRepo.layer))
}

/** Too many: the answer says in `Retry-After` when the next attempt is allowed. */
const refuse = (waitSeconds: number): Effect.Effect<never, AttemptsTooMany> =>
  Effect.withFiber((fiber) => {
    HttpEffect.appendPreResponseHandlerUnsafe(fiber.context, (_request, response) =>
      Effect.succeed(HttpServerResponse.setHeader(response, "retry-after", String(waitSeconds))),
    )
    return Effect.fail(new AttemptsTooMany())
  })

const keyOf = ({ kind, subject }: Attempt): AttemptKey => ({
  hash: createHash("sha256").update(`${kind}:${subject}`).digest(),
  failuresMax: failuresMax[kind],
  windowSeconds: WINDOW_SECONDS,
})

// In the order of their keys, so that two transactions cannot wait for each other.
const sorted = (attempts: ReadonlyArray<Attempt>): ReadonlyArray<AttemptKey> =>
  attempts.map(keyOf).toSorted((a, b) => Buffer.compare(a.hash, b.hash))
