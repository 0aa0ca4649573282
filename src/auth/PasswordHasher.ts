/**
 * Hashes of passwords: argon2id for what is made now, bcrypt for what the old service left.
 *
 * The work is done by threads of the native library, never on the event loop, one at a time on a small machine: hashing
 * must not take the cores that everybody else's requests need. Who comes when too many wait is refused.
 */
import { availableParallelism } from "node:os"
import * as argon2 from "@node-rs/argon2"
import * as bcrypt from "@node-rs/bcrypt"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Semaphore from "effect/Semaphore"
import { Overloaded } from "../shared/Overloaded.ts"

const WAITING_MAX = 64
/** OWASP's choice for argon2id: 19 MiB, two passes, one lane. */
const ARGON2ID = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

export class PasswordHasher extends Context.Service<
  PasswordHasher,
  {
    readonly hash: (password: Redacted.Redacted) => Effect.Effect<string, Overloaded>
    readonly verify: (password: Redacted.Redacted, hash: string) => Effect.Effect<boolean, Overloaded>
    /** Takes what a verification takes, for a login that has nothing to verify against. */
    readonly verifyNothing: (password: Redacted.Redacted) => Effect.Effect<false, Overloaded>
    readonly isOutdated: (hash: string) => boolean
  }
>()("cvety/auth/PasswordHasher") {
  static readonly layer = Layer.effect(
    PasswordHasher,
    Effect.gen(function* () {
      const threads = yield* Semaphore.make(Math.max(1, availableParallelism() - 1))
      let waiting = 0
      const onThread = <A>(work: () => Promise<A>): Effect.Effect<A, Overloaded> =>
        Effect.suspend(() => {
          if (waiting >= WAITING_MAX) return Effect.fail(new Overloaded())
          waiting += 1
          return Effect.ensuring(
            threads.withPermits(1)(Effect.promise(work)),
            Effect.sync(() => {
              waiting -= 1
            }),
          )
        })

      const hash = (password: Redacted.Redacted) =>
        onThread(() => argon2.hash(Redacted.value(password), ARGON2ID))
      const verify = (password: Redacted.Redacted, stored: string) =>
        onThread(() => matches(Redacted.value(password), stored))
      const decoy = yield* hash(Redacted.make("nobody's password"))

      return {
        hash,
        verify,
        verifyNothing: (password) => Effect.as(verify(password, decoy), false as const),
        isOutdated: (stored) => !stored.startsWith("$argon2id$"),
      }
    }),
  )
}

// What is no hash at all, such as the mark of an account without a password, matches nothing.
const matches = async (password: string, stored: string): Promise<boolean> => {
  if (stored.startsWith("$argon2")) return argon2.verify(stored, password)
  return BCRYPT.test(stored) && bcrypt.verify(password, stored)
}
const BCRYPT = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/
