/**
 * How operators of the platform are made and unmade: by whoever runs the service, never over HTTP. The audit tells it
 * in the chain of the account's shop, or in chain 0.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { PasswordHasher } from "../auth/PasswordHasher.ts"
import type { User } from "../auth/User.ts"
import { PhoneTaken, UserNotFound } from "../auth/User.ts"
import { Users } from "../auth/Users.ts"
import { Caller } from "../platform/Caller.ts"
import { Db, Refusal, refuse } from "../platform/Db.ts"
import type { Query } from "../platform/Query.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { Overloaded } from "../shared/Overloaded.ts"
import type { Phone } from "../shared/Phone.ts"
import { SuperadminUsersRepo } from "./SuperadminUsersRepo.ts"

export const PASSWORD_CHARS_MIN = 12

export class Superadmins extends Context.Service<
  Superadmins,
  {
    /** An account of no shop. */
    readonly create: (account: {
      readonly phone: Phone
      readonly name: string
      readonly password: Redacted.Redacted
    }) => Effect.Effect<void, PhoneTaken | Overloaded | DatabaseUnavailable>
    readonly isKnown: (phone: Phone) => Effect.Effect<boolean, DatabaseUnavailable>
    readonly grant: (phone: Phone) => Effect.Effect<User, UserNotFound | DatabaseUnavailable>
    /** Ends every session. An account of no shop is blocked: there is nothing else it could be. */
    readonly revoke: (phone: Phone) => Effect.Effect<User, UserNotFound | DatabaseUnavailable>
    /** Of superadmins only. Ends every session. */
    readonly resetPassword: (
      phone: Phone,
      password: Redacted.Redacted,
    ) => Effect.Effect<void, UserNotFound | Overloaded | DatabaseUnavailable>
  }
>()("cvety/superadmin/Superadmins") {
  static readonly layerNoDeps = Layer.effect(
    Superadmins,
    Effect.gen(function* () {
      const db = yield* Db
      const users = yield* Users
      const repo = yield* SuperadminUsersRepo
      const hasher = yield* PasswordHasher

      const create: Superadmins["Service"]["create"] = Effect.fn("Superadmins.create")(function* ({
        phone,
        name,
        password,
      }) {
        const passwordHash = yield* hasher.hash(password)
        yield* db.transactThrough("identity", {
          read: [
            users.insert({
              name,
              phone,
              role: "SUPERADMIN",
              shopId: null,
              isSuperadmin: true,
              invitedBy: null,
              passwordHash,
            }),
          ],
          write: ([[created]]) => ({
            queries: [],
            answer: created === undefined ? new Refusal(new PhoneTaken()) : undefined,
          }),
        })
      }, as("superadmin.create"))

      const isKnown: Superadmins["Service"]["isKnown"] = Effect.fn("Superadmins.isKnown")(function* (phone) {
        const [found] = yield* db.readThrough("identity", [users.findAccountByPhone(phone)])
        return found.length > 0
      })

      const change = (query: Query<ReadonlyArray<User>>) =>
        db.transactThrough("identity", {
          read: [query],
          write: ([[user]]) => ({ queries: [], answer: user ?? new Refusal(new UserNotFound()) }),
        })

      const grant: Superadmins["Service"]["grant"] = Effect.fn("Superadmins.grant")(
        (phone) => change(repo.grant(phone)),
        as("superadmin.grant"),
      )

      const revoke: Superadmins["Service"]["revoke"] = Effect.fn("Superadmins.revoke")(
        (phone) => change(repo.revoke(phone)),
        as("superadmin.revoke"),
      )

      const resetPassword: Superadmins["Service"]["resetPassword"] = Effect.fn("Superadmins.resetPassword")(
        function* (phone, password) {
          const passwordHash = yield* hasher.hash(password)
          yield* db.transactThrough("identity", {
            read: [users.findAccountByPhone(phone)],
            write: ([[found]]) =>
              found?.is_superadmin === true
                ? { queries: [users.savePassword(found.id, passwordHash)], answer: undefined }
                : refuse(new UserNotFound()),
          })
        },
        as("superadmin.reset_password"),
      )

      return { create, isKnown, grant, revoke, resetPassword }
    }),
  )

  static readonly layer = Superadmins.layerNoDeps.pipe(
    Layer.provide([Users.layer, SuperadminUsersRepo.layer]),
  )
}

const as = (action: string) =>
  Effect.provideService(Caller, { kind: "cli", id: null, action, address: null, request_id: null })
