/** The people of a shop. A person of another shop does not exist. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { CurrentUser } from "../auth/Access.ts"
import type { UserRole } from "../auth/Role.ts"
import { perRole } from "../auth/Role.ts"
import type { User, UserId } from "../auth/User.ts"
import { UserNotFound } from "../auth/User.ts"
import { Db, refuse } from "../platform/Db.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { InvitationsRepo } from "./InvitationsRepo.ts"
import type { DirectorsOnly, LastDirector, OwnAccountProtected, RoleChangeRefused } from "./TeamFault.ts"
import { TeamRepo } from "./TeamRepo.ts"
import type { Person } from "./TeamRules.ts"
import { refuseRemoval, refuseRoleChange } from "./TeamRules.ts"

export interface TeamStats {
  readonly activeUsers: number
  readonly usersByRole: Readonly<Record<UserRole, number>>
  readonly pendingInvitations: number
}

type OfShop = CurrentUser | TenantContext

export class Team extends Context.Service<
  Team,
  {
    readonly find: (
      filter: Parameters<TeamRepo["Service"]["findMembers"]>[1],
    ) => Effect.Effect<ReadonlyArray<User>, DatabaseUnavailable, TenantContext>
    /** The account stays, its sessions end. */
    readonly remove: (
      id: UserId,
    ) => Effect.Effect<
      void,
      UserNotFound | OwnAccountProtected | DirectorsOnly | RoleChangeRefused | DatabaseUnavailable,
      OfShop
    >
    readonly changeRole: (
      id: UserId,
      role: UserRole,
    ) => Effect.Effect<
      User,
      | UserNotFound
      | OwnAccountProtected
      | DirectorsOnly
      | RoleChangeRefused
      | LastDirector
      | DatabaseUnavailable,
      OfShop
    >
    readonly stats: Effect.Effect<TeamStats, DatabaseUnavailable, TenantContext>
  }
>()("cvety/team/Team") {
  static readonly layerNoDeps = Layer.effect(
    Team,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* TeamRepo
      const invitations = yield* InvitationsRepo

      const find: Team["Service"]["find"] = Effect.fn("Team.find")(function* (filter) {
        const { shopId } = yield* TenantContext
        const [members] = yield* db.read([repo.findMembers(shopId, filter)])
        return members
      })

      const get = Effect.fnUntraced(function* (id: UserId) {
        const { shopId } = yield* TenantContext
        const [[member]] = yield* db.read([repo.findById(shopId, id)])
        return member ?? (yield* new UserNotFound())
      })

      // Directors are locked first: of two who want to remove each other, the second finds what the first did.
      const remove: Team["Service"]["remove"] = Effect.fn("Team.remove")(function* (id) {
        const { shopId } = yield* TenantContext
        const { userId } = yield* CurrentUser
        yield* db.transact({
          read: [repo.lockDirectors(shopId), repo.lockMembers(shopId, [userId, id])],
          write: ([, members]) => {
            const member = members.find((one) => one.id === id)
            if (member === undefined || !member.is_active) return refuse(new UserNotFound())
            const refusal = refuseRemoval(actingPerson(userId, members), member)
            if (refusal !== undefined) return refuse(refusal)
            return { queries: [repo.deactivate(shopId, id)], answer: undefined }
          },
        })
      })

      const changeRole: Team["Service"]["changeRole"] = Effect.fn("Team.changeRole")(function* (id, role) {
        const { shopId } = yield* TenantContext
        const by = yield* CurrentUser
        yield* db.transact({
          read: [repo.lockDirectors(shopId), repo.lockMembers(shopId, [by.userId, id])],
          write: ([directors, members]) => {
            const person = actingPerson(by.userId, members)
            const member = members.find((one) => one.id === id)
            if (member === undefined || !member.is_active) return refuse(new UserNotFound())
            const refusal = refuseRoleChange(person, member, role, directors)
            if (refusal !== undefined) return refuse(refusal)
            return { queries: [repo.saveRole(shopId, id, role)], answer: undefined }
          },
        })
        return yield* get(id)
      })

      const stats = Effect.gen(function* () {
        const { shopId } = yield* TenantContext
        const [counts, [pending]] = yield* db.read([
          repo.countByRole(shopId),
          invitations.countPending(shopId),
        ])
        return {
          activeUsers: counts.reduce((sum, { count }) => sum + count, 0),
          usersByRole: perRole(counts.map(({ role, count }) => [role, count])),
          pendingInvitations: pending?.count ?? 0,
        }
      }).pipe(Effect.withSpan("Team.stats"))

      return { find, remove, changeRole, stats }
    }),
  )

  static readonly layer = Team.layerNoDeps.pipe(Layer.provide([TeamRepo.layer, InvitationsRepo.layer]))
}

/**
 * The caller as they are under the lock: whoever was removed or demoted while they waited acts as what is left of them.
 */
const actingPerson = (id: UserId, members: ReadonlyArray<User>): Person => {
  const self = members.find((member) => member.id === id)
  return { id, role: self?.is_active === true ? self.role : "COURIER" }
}
