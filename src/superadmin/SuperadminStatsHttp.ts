import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import { toWireTime } from "../shared/WireTime.ts"
import { SuperadminStats } from "./SuperadminStats.ts"

export const SuperadminStatsHttp = HttpApiBuilder.group(Api, "superadminStats", (handlers) =>
  Effect.gen(function* () {
    const stats = yield* SuperadminStats
    return handlers.handle("get", () =>
      Effect.map(stats.get, (found) => ({
        shops: {
          total: found.shops,
          active: found.activeShops,
          blocked: found.shops - found.activeShops,
        },
        users: {
          total: found.users,
          active: found.activeUsers,
          blocked: found.users - found.activeUsers,
          by_role: found.usersByRole,
        },
        orders: { total: found.orders },
        products: { total: found.products },
        timestamp: toWireTime(found.at),
      })),
    )
  }),
)
