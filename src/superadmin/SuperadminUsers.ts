/**
 * Accounts of the whole platform, for its operators. A superadmin's own account is not changed here: one operator must
 * not lock out or impersonate another.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { PasswordHasher } from "../auth/PasswordHasher.ts"
import type { User, UserId } from "../auth/User.ts"
import { UserNotFound } from "../auth/User.ts"
import { Db, Refusal } from "../platform/Db.ts"
import type { Query } from "../platform/Query.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { Overloaded } from "../shared/Overloaded.ts"
import { SuperadminProtected } from "./SuperadminFault.ts"
import { SuperadminUsersRepo } from "./SuperadminUsersRepo.ts"

type Changed<E = never> = Effect.Effect<User, UserNotFound | SuperadminProtected | E | DatabaseUnavailable>

export class SuperadminUsers extends Context.Service<
  SuperadminUsers,
  {
    readonly find: (
      filter: Parameters<SuperadminUsersRepo["Service"]["find"]>[0],
    ) => Effect.Effect<ReadonlyArray<User>, DatabaseUnavailable>
    /** Ends every session of the account. */
    readonly block: (id: UserId) => Changed
    readonly unblock: (id: UserId) => Changed
    /** Ends every session of the account. */
    readonly resetPassword: (id: UserId, password: Redacted.Redacted) => Changed<Overloaded>
  }
>()("cvety/superadmin/SuperadminUsers") {
  static readonly layerNoDeps = Layer.effect(
    SuperadminUsers,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* SuperadminUsersRepo
      const hasher = yield* PasswordHasher

      const find: SuperadminUsers["Service"]["find"] = Effect.fn("SuperadminUsers.find")(function* (filter) {
        const [users] = yield* db.readThrough("superadmin", [repo.find(filter)])
        return users
      })

      const getOrdinary = Effect.fnUntraced(function* (id: UserId, refusal: SuperadminProtected) {
        const [[user]] = yield* db.readThrough("superadmin", [repo.findById(id)])
        if (user === undefined) return yield* new UserNotFound()
        if (user.is_superadmin) return yield* refusal
        return user
      })

      const save = (user: User, update: Query<ReadonlyArray<User>>, refusal: SuperadminProtected) => {
        const work = {
          read: [update],
          write: ([[saved]]: readonly [ReadonlyArray<User>]) => ({
            queries: [],
            answer: saved ?? new Refusal(refusal),
          }),
        } as const
        return user.shop_id === null
          ? db.transactThrough("identity", work)
          : Effect.provideService(db.transact(work), TenantContext, { shopId: user.shop_id })
      }

      const setActive = Effect.fnUntraced(function* (id: UserId, isActive: boolean) {
        const refusal = new SuperadminProtected(
          isActive ? { detail: "Cannot unblock superadmin users" } : undefined,
        )
        const user = yield* getOrdinary(id, refusal)
        return yield* save(user, repo.setActive(id, isActive), refusal)
      })

      const block: SuperadminUsers["Service"]["block"] = Effect.fn("SuperadminUsers.block")((id) =>
        setActive(id, false),
      )
      const unblock: SuperadminUsers["Service"]["unblock"] = Effect.fn("SuperadminUsers.unblock")((id) =>
        setActive(id, true),
      )

      const resetPassword: SuperadminUsers["Service"]["resetPassword"] = Effect.fn(
        "SuperadminUsers.resetPassword",
      )(function* (id, password) {
        const refusal = new SuperadminProtected({ detail: "Cannot reset the password of a superadmin" })
        const user = yield* getOrdinary(id, refusal)
        return yield* save(user, repo.resetPassword(id, yield* hasher.hash(password)), refusal)
      })

      return { find, block, unblock, resetPassword }
    }),
  )

  static readonly layer = SuperadminUsers.layerNoDeps.pipe(Layer.provide(SuperadminUsersRepo.layer))
}
