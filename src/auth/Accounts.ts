/**
 * Logging in and out, and what a person does with their own account.
 *
 * A login that fails is answered alike, and not before `FAILURE_MS`, whatever the reason: an unknown phone, a wrong
 * password, a blocked account. A hash of the old service is replaced by a current one when its password is next given.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { CallerFacts } from "../platform/Caller.ts"
import { Caller } from "../platform/Caller.ts"
import { Db } from "../platform/Db.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { Overloaded } from "../shared/Overloaded.ts"
import { normalize } from "../shared/Phone.ts"
import { CurrentAccount, ShopBlocked } from "./Access.ts"
import type { AttemptsTooMany } from "./AccountFault.ts"
import { LoginFailed, PasswordIncorrect, PasswordTooShort } from "./AccountFault.ts"
import type { Attempt } from "./FailedAttempts.ts"
import { FailedAttempts } from "./FailedAttempts.ts"
import { isLongEnough } from "./Password.ts"
import { PasswordHasher } from "./PasswordHasher.ts"
import { Tokens } from "./Tokens.ts"
import type { Account, User } from "./User.ts"
import { isShut } from "./User.ts"
import { UsersRepo } from "./UsersRepo.ts"

const FAILURE_MS = 750

export interface LoggedIn {
  readonly token: string
  readonly account: Account
}

export class Accounts extends Context.Service<
  Accounts,
  {
    readonly logIn: (given: {
      readonly phone: string
      readonly password: Redacted.Redacted
      readonly caller: CallerFacts
    }) => Effect.Effect<
      LoggedIn,
      LoginFailed | ShopBlocked | AttemptsTooMany | Overloaded | DatabaseUnavailable
    >
    /** One more token for the session's account; the one it was asked with stays valid. */
    readonly refresh: Effect.Effect<LoggedIn, never, CurrentAccount>
    /** Ends this session, or every one of the account. */
    readonly logOut: (
      scope: "here" | "everywhere",
    ) => Effect.Effect<void, DatabaseUnavailable, CurrentAccount>
    /** Ends every session of the account but gives this one a new token. */
    readonly changePassword: (given: {
      readonly current: Redacted.Redacted
      readonly next: Redacted.Redacted
    }) => Effect.Effect<
      LoggedIn,
      PasswordIncorrect | PasswordTooShort | AttemptsTooMany | Overloaded | DatabaseUnavailable,
      CurrentAccount
    >
    readonly findColleagues: Effect.Effect<ReadonlyArray<User>, DatabaseUnavailable, TenantContext>
  }
>()("cvety/auth/Accounts") {
  static readonly layerNoDeps = Layer.effect(
    Accounts,
    Effect.gen(function* () {
      const db = yield* Db
      const users = yield* UsersRepo
      const tokens = yield* Tokens
      const hasher = yield* PasswordHasher
      const attempts = yield* FailedAttempts

      const logIn: Accounts["Service"]["logIn"] = Effect.fn("Accounts.logIn")(function* (given) {
        const startMs = yield* Clock.currentTimeMillis
        const phone = normalize(given.phone)
        const byPhone: Attempt = { kind: "login.phone", subject: phone ?? given.phone }
        const tried: ReadonlyArray<Attempt> = [byPhone, ...byAddress(given.caller)]
        yield* attempts.ensureAllowed(tried)
        const [[found]] =
          phone === null ? [[]] : yield* db.readThrough("identity", [users.findAccountByPhone(phone)])
        const isRight =
          found === undefined
            ? yield* hasher.verifyNothing(given.password)
            : yield* hasher.verify(given.password, found.password_hash)
        if (found === undefined || !isRight || !found.is_active) {
          yield* attempts.count(tried)
          yield* Effect.sleep(Math.max(0, startMs + FAILURE_MS - (yield* Clock.currentTimeMillis)))
          return yield* new LoginFailed()
        }
        // Right after all, but at the same moment others were wrong once too often.
        yield* attempts.ensureAllowed(tried)
        yield* attempts.forget(byPhone)
        if (isShut(found)) return yield* new ShopBlocked()
        if (hasher.isOutdated(found.password_hash)) {
          const passwordHash = yield* hasher.hash(given.password)
          yield* db
            .transactThrough("identity", {
              read: [users.replaceHash(found.id, found.password_hash, passwordHash)],
              write: () => ({ queries: [], answer: undefined }),
            })
            .pipe(Effect.provideService(Caller, { ...given.caller, kind: "user", id: String(found.id) }))
        }
        return { token: yield* tokens.sign(found), account: found }
      })

      const refresh = Effect.gen(function* () {
        const { account } = yield* CurrentAccount
        return { token: yield* tokens.sign(account), account }
      }).pipe(Effect.withSpan("Accounts.refresh"))

      const logOut = Effect.fn("Accounts.logOut")(function* (scope: "here" | "everywhere") {
        const { account, session } = yield* CurrentAccount
        yield* db.transactThrough("identity", {
          read: [],
          write: () => ({
            queries:
              scope === "here"
                ? [users.endSession({ ...session, shopId: account.shop_id }), users.forgetExpiredSessions()]
                : [users.raiseTokenVersion(account.id)],
            answer: undefined,
          }),
        })
      })

      const changePassword: Accounts["Service"]["changePassword"] = Effect.fn("Accounts.changePassword")(
        function* ({ current, next }) {
          const { account } = yield* CurrentAccount
          const attempt: Attempt = { kind: "password_change.user", subject: String(account.id) }
          yield* attempts.ensureAllowed([attempt])
          if (!(yield* hasher.verify(current, account.password_hash))) {
            yield* attempts.count([attempt])
            return yield* new PasswordIncorrect()
          }
          if (!isLongEnough(Redacted.value(next))) return yield* new PasswordTooShort()
          const passwordHash = yield* hasher.hash(next)
          const changed = yield* db.transactThrough("identity", {
            read: [users.savePassword(account.id, passwordHash)],
            write: ([[saved]]) => ({ queries: [], answer: saved ?? account }),
          })
          return { token: yield* tokens.sign(changed), account: changed }
        },
      )

      const findColleagues = Effect.gen(function* () {
        const { shopId } = yield* TenantContext
        const [colleagues] = yield* db.read([users.findColleagues(shopId)])
        return colleagues
      }).pipe(Effect.withSpan("Accounts.findColleagues"))

      return { logIn, refresh, logOut, changePassword, findColleagues }
    }),
  )

  static readonly layer = Accounts.layerNoDeps.pipe(Layer.provide(UsersRepo.layer))
}

const byAddress = ({ address }: CallerFacts): ReadonlyArray<Attempt> =>
  address === null ? [] : [{ kind: "login.address", subject: address }]
