/** Counts over the whole platform, through the door of the operators. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { UserRole } from "../auth/Role.ts"
import type { Query } from "../platform/Query.ts"
import { rows, sql } from "../platform/Query.ts"

export class SuperadminStatsRepo extends Context.Service<
  SuperadminStatsRepo,
  {
    readonly countRecords: () => Query<ReadonlyArray<typeof Records.Type>>
    readonly countUsers: () => Query<ReadonlyArray<typeof Users.Type>>
  }
>()("cvety/superadmin/SuperadminStatsRepo") {
  static readonly layer = Layer.succeed(SuperadminStatsRepo, {
    countRecords: () =>
      rows(
        Records,
        sql`
          SELECT (SELECT count(*) FROM shop)::integer AS shops,
                 (SELECT count(*) FROM shop WHERE is_active)::integer AS active_shops,
                 (SELECT count(*) FROM "order")::integer AS orders,
                 (SELECT count(*) FROM product WHERE deleted_at IS NULL)::integer AS products`,
      ),
    countUsers: () =>
      rows(
        Users,
        sql`
          SELECT role, count(*)::integer AS total, (count(*) FILTER (WHERE is_active))::integer AS active
          FROM "user"
          GROUP BY role`,
      ),
  })
}

const Records = Schema.Struct({
  shops: Schema.Int,
  active_shops: Schema.Int,
  orders: Schema.Int,
  products: Schema.Int,
})
const Users = Schema.Struct({ role: UserRole, total: Schema.Int, active: Schema.Int })
