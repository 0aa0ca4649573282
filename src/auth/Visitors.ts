/**
 * People and machines of a shop at an endpoint that is open to everybody, where they may see more than others do. A
 * credential that is missing, wrong, ended or of too little makes nobody of them; it is never refused.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { Verdict } from "../platform/Caller.ts"
import { CallerGuard, CallerRefused } from "../platform/Caller.ts"
import type { Query } from "../platform/Query.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { Permission } from "./Permission.ts"
import { mayDo } from "./Permission.ts"
import { ServiceCredentials } from "./ServiceCredentials.ts"
import * as ServiceKey from "./ServiceKey.ts"
import { Tokens } from "./Tokens.ts"
import { Users } from "./Users.ts"

export class Visitors extends Context.Service<
  Visitors,
  {
    /** Does the work in the visitor's own shop when they have the permission there; fails as told otherwise. */
    readonly asStaff: <A, E, R, F>(
      permission: Permission,
      work: Effect.Effect<A, E, R>,
      otherwise: F,
    ) => Effect.Effect<A, E | F | DatabaseUnavailable, Exclude<R, TenantContext> | HttpServerRequest>
  }
>()("cvety/auth/Visitors") {
  static readonly layerNoDeps = Layer.effect(
    Visitors,
    Effect.gen(function* () {
      const tokens = yield* Tokens
      const users = yield* Users
      const credentials = yield* ServiceCredentials

      const find = Effect.fnUntraced(function* (permission: Permission, credential: Redacted.Redacted) {
        const key = ServiceKey.parse(credential)
        if (key !== null) {
          const { permissions } = yield* credentials.authenticate(key)
          return permissions.includes(permission) ? staff(key.shopId, null) : null
        }
        const session = yield* tokens.verify(credential)
        return session.shopId !== null && mayDo(session.role, permission)
          ? staff(session.shopId, users.guard(session))
          : null
      })

      return {
        asStaff: Effect.fn("Visitors.asStaff")(function* (permission, work, otherwise) {
          const { headers } = yield* HttpServerRequest
          const [, bearer] = BEARER.exec(headers["authorization"] ?? "") ?? []
          const visitor =
            bearer === undefined
              ? null
              : yield* find(permission, Redacted.make(bearer)).pipe(
                  Effect.catchTag("Unauthenticated", () => Effect.succeed(null)),
                )
          if (visitor === null) return yield* Effect.fail(otherwise)
          return yield* work.pipe(
            Effect.provideService(TenantContext, { shopId: visitor.shopId }),
            Effect.provideService(CallerGuard, visitor.guard),
            Effect.catchDefect((defect) =>
              defect instanceof CallerRefused ? Effect.fail(otherwise) : Effect.die(defect),
            ),
          )
        }),
      }
    }),
  )

  static readonly layer = Visitors.layerNoDeps.pipe(Layer.provide(Users.layer))
}

const BEARER = /^Bearer +(\S+)$/i

const staff = (shopId: ShopId, guard: Query<Verdict> | null) => ({ shopId, guard })
