/** How large the platform is. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { UserRole } from "../auth/Role.ts"
import { perRole } from "../auth/Role.ts"
import { Db } from "../platform/Db.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { SuperadminStatsRepo } from "./SuperadminStatsRepo.ts"

export interface PlatformStats {
  readonly at: Date
  readonly shops: number
  readonly activeShops: number
  readonly users: number
  readonly activeUsers: number
  readonly usersByRole: Readonly<Record<UserRole, number>>
  readonly orders: number
  readonly products: number
}

export class SuperadminStats extends Context.Service<
  SuperadminStats,
  { readonly get: Effect.Effect<PlatformStats, DatabaseUnavailable> }
>()("cvety/superadmin/SuperadminStats") {
  static readonly layerNoDeps = Layer.effect(
    SuperadminStats,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* SuperadminStatsRepo

      const get = Effect.gen(function* () {
        const [[records], users] = yield* db.readThrough("superadmin", [
          repo.countRecords(),
          repo.countUsers(),
        ])
        return {
          at: new Date(yield* Clock.currentTimeMillis),
          shops: records?.shops ?? 0,
          activeShops: records?.active_shops ?? 0,
          users: users.reduce((sum, { total }) => sum + total, 0),
          activeUsers: users.reduce((sum, { active }) => sum + active, 0),
          usersByRole: perRole(users.map(({ role, total }) => [role, total])),
          orders: records?.orders ?? 0,
          products: records?.products ?? 0,
        }
      }).pipe(Effect.withSpan("SuperadminStats.get"))

      return { get }
    }),
  )

  static readonly layer = SuperadminStats.layerNoDeps.pipe(Layer.provide(SuperadminStatsRepo.layer))
}
