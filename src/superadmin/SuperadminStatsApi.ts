import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "../auth/Access.ts"
import { SuperadminAccess } from "../auth/Access.ts"
import type { UserRole } from "../auth/Role.ts"
import { roles } from "../auth/Role.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { WireTime } from "../shared/WireTime.ts"

const Total = Schema.Struct({ total: Schema.Int })
const Totals = Schema.Struct({ total: Schema.Int, active: Schema.Int, blocked: Schema.Int })

/** How large the platform is. */
export class SuperadminStatsApi extends HttpApiGroup.make("superadminStats")
  .add(
    HttpApiEndpoint.get("get", "/", {
      success: Schema.Struct({
        shops: Totals,
        users: Schema.Struct({
          ...Totals.fields,
          by_role: Schema.Struct(
            Object.fromEntries(roles.map((role) => [role, Schema.Int])) as Record<
              UserRole,
              typeof Schema.Int
            >,
          ),
        }),
        orders: Total,
        products: Total,
        timestamp: WireTime,
      }),
      error: [DatabaseUnavailable],
    })
      .middleware(SuperadminAccess)
      .annotateMerge(Access.superadmin)
      .annotateMerge(OpenApi.annotations({ summary: "Counts of shops, accounts, orders and goods" })),
  )
  .prefix("/api/v1/superadmin/stats")
  .annotateMerge(OpenApi.annotations({ title: "Superadmin: stats" })) {}
