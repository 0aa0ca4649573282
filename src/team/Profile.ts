/** What a person changes of their own account, of a shop or not. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { CurrentAccount } from "../auth/Access.ts"
import type { AttemptsTooMany } from "../auth/AccountFault.ts"
import { PasswordIncorrect } from "../auth/AccountFault.ts"
import type { Attempt } from "../auth/FailedAttempts.ts"
import { FailedAttempts } from "../auth/FailedAttempts.ts"
import { PasswordHasher } from "../auth/PasswordHasher.ts"
import type { UserRole } from "../auth/Role.ts"
import type { User } from "../auth/User.ts"
import { Users } from "../auth/Users.ts"
import { Db } from "../platform/Db.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { Overloaded } from "../shared/Overloaded.ts"
import type { Phone } from "../shared/Phone.ts"
import { OwnAccountProtected, PhoneInUse, RoleChangeRefused } from "./TeamFault.ts"
import { TeamRepo } from "./TeamRepo.ts"
import { refuseOwnRoleChange } from "./TeamRules.ts"

export interface ProfileUpdate {
  readonly name?: string
  readonly phone?: Phone
  readonly role?: UserRole
  readonly is_active?: boolean
  readonly password?: string
  readonly current_password?: string
}

export class Profile extends Context.Service<
  Profile,
  {
    /**
     * A new password needs the current one beside it, and ends every session. A role that is the account's already is
     * no change, so that a demotion at the same moment stands.
     */
    readonly update: (
      change: ProfileUpdate,
    ) => Effect.Effect<
      User,
      | RoleChangeRefused
      | OwnAccountProtected
      | PhoneInUse
      | PasswordIncorrect
      | AttemptsTooMany
      | Overloaded
      | DatabaseUnavailable,
      CurrentAccount
    >
  }
>()("cvety/team/Profile") {
  static readonly layerNoDeps = Layer.effect(
    Profile,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* TeamRepo
      const users = yield* Users
      const hasher = yield* PasswordHasher
      const attempts = yield* FailedAttempts

      const hashOfNext = Effect.fnUntraced(function* (change: ProfileUpdate) {
        if (change.password === undefined) return undefined
        const { account } = yield* CurrentAccount
        const guess: Attempt = { kind: "password_change.user", subject: String(account.id) }
        yield* attempts.ensureAllowed([guess])
        const current = Redacted.make(change.current_password ?? "")
        if (!(yield* hasher.verify(current, account.password_hash))) {
          yield* attempts.count([guess])
          return yield* new PasswordIncorrect()
        }
        return yield* hasher.hash(Redacted.make(change.password))
      })

      const update: Profile["Service"]["update"] = Effect.fn("Profile.update")(function* (change) {
        const { account } = yield* CurrentAccount
        if (change.is_active === false) {
          return yield* new OwnAccountProtected({ detail: "Cannot deactivate yourself" })
        }
        const refusal = change.role === undefined ? undefined : refuseOwnRoleChange(account, change.role)
        if (refusal !== undefined) return yield* refusal
        const probe: Attempt = { kind: "phone_change.user", subject: String(account.id) }
        if (change.phone !== undefined) yield* attempts.ensureAllowed([probe])
        const passwordHash = yield* hashOfNext(change)
        return yield* db
          .transactThrough("identity", {
            read: [
              repo.saveProfile(account.id, {
                name: change.name,
                phone: change.phone,
                role: change.role === account.role ? undefined : change.role,
              }),
              ...(passwordHash === undefined ? [] : [users.savePassword(account.id, passwordHash)]),
            ],
            write: ([[saved]]) => ({ queries: [], answer: saved ?? account }),
            violations: {
              user_phone_key: new PhoneInUse(),
              user_raises_no_own_role: new RoleChangeRefused(),
            },
          })
          .pipe(Effect.tapErrorTag("PhoneInUse", () => attempts.count([probe])))
      })

      return { update }
    }),
  )

  static readonly layer = Profile.layerNoDeps.pipe(Layer.provide([TeamRepo.layer, Users.layer]))
}
