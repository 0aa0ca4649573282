/** Enforces what `Access.ts` declares. Runs before the request is looked at any further. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import type * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type { CallerFacts } from "../platform/Caller.ts"
import { Caller, CallerGuard, CallerRefused } from "../platform/Caller.ts"
import { Db } from "../platform/Db.ts"
import { RequestInfo } from "../platform/RequestInfo.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { Decision } from "./Access.ts"
import {
  AccessDecision,
  AccountAccess,
  CurrentAccount,
  CurrentUser,
  PermissionDenied,
  ShopAccess,
  ShopBlocked,
  ShopMissing,
  StaffAccess,
  SuperadminAccess,
  Unauthenticated,
} from "./Access.ts"
import { mayDo, rolesByPermission } from "./Permission.ts"
import type { UserRole } from "./Role.ts"
import { ServiceCredentials } from "./ServiceCredentials.ts"
import * as ServiceKey from "./ServiceKey.ts"
import type { Session } from "./Token.ts"
import { Tokens } from "./Tokens.ts"
import { Users } from "./Users.ts"

const accountAccess = Layer.effect(
  AccountAccess,
  Effect.gen(function* () {
    const findAccount = yield* accountFinder
    return {
      bearer: Effect.fnUntraced(function* (httpEffect, { credential, ...endpoint }) {
        const current = yield* findAccount(credential)
        if (current.account.is_shop_active === false) return yield* new ShopBlocked()
        return yield* httpEffect.pipe(
          Effect.provideService(CurrentAccount, current),
          asUser(current.session, endpoint),
        )
      }),
    }
  }),
)

const superadminAccess = Layer.effect(
  SuperadminAccess,
  Effect.gen(function* () {
    const findAccount = yield* accountFinder
    return {
      bearer: Effect.fnUntraced(function* (httpEffect, { credential, ...endpoint }) {
        const current = yield* findAccount(credential)
        if (!current.account.is_superadmin) {
          return yield* new PermissionDenied({ detail: "Operation requires superadmin access" })
        }
        return yield* httpEffect.pipe(
          Effect.provideService(CurrentAccount, current),
          asUser(current.session, endpoint),
        )
      }),
    }
  }),
)

const staffAccess = Layer.effect(
  StaffAccess,
  Effect.gen(function* () {
    const tokens = yield* Tokens
    const users = yield* Users
    return {
      bearer: Effect.fnUntraced(function* (httpEffect, { credential, ...endpoint }) {
        const session = yield* Effect.tapError(tokens.verify(credential), () => askForBearer)
        const user = yield* ensurePermitted(session, decisionOf(endpoint))
        return yield* httpEffect.pipe(
          Effect.provideService(CurrentUser, user),
          Effect.provideService(TenantContext, { shopId: user.shopId }),
          Effect.provideService(CallerGuard, users.guard(session)),
          asUser(session, endpoint),
          answeringRefusals,
        )
      }),
    }
  }),
)

const shopAccess = Layer.effect(
  ShopAccess,
  Effect.gen(function* () {
    const tokens = yield* Tokens
    const users = yield* Users
    const credentials = yield* ServiceCredentials
    return {
      bearer: Effect.fnUntraced(function* (httpEffect, { credential, ...endpoint }) {
        const decision = decisionOf(endpoint)
        const key = ServiceKey.parse(credential)
        if (key !== null) {
          const machine = yield* Effect.tapError(credentials.authenticate(key), () => askForBearer)
          if (decision.kind !== "permission" || !machine.permissions.includes(decision.permission)) {
            return yield* new PermissionDenied()
          }
          return yield* httpEffect.pipe(
            Effect.provideService(TenantContext, { shopId: key.shopId }),
            asCaller({ kind: "service", id: String(machine.id) }, endpoint),
          )
        }
        const session = yield* Effect.tapError(tokens.verify(credential), () => askForBearer)
        const user = yield* ensurePermitted(session, decision)
        return yield* httpEffect.pipe(
          Effect.provideService(TenantContext, { shopId: user.shopId }),
          Effect.provideService(CallerGuard, users.guard(session)),
          asUser(session, endpoint),
          answeringRefusals,
        )
      }),
    }
  }),
)

export const AccessHttp = Layer.mergeAll(accountAccess, superadminAccess, staffAccess, shopAccess).pipe(
  Layer.provide(Users.layer),
)

interface Called {
  readonly endpoint: HttpApiEndpoint.Top
  readonly group: HttpApiGroup.Top
}

const accountFinder = Effect.gen(function* () {
  const db = yield* Db
  const tokens = yield* Tokens
  const users = yield* Users
  return (credential: Redacted.Redacted) =>
    Effect.gen(function* () {
      const session = yield* tokens.verify(credential)
      const [[account]] = yield* db.readThrough("identity", [users.findAccountOfSession(session)])
      if (account === undefined) return yield* new Unauthenticated()
      return { account, session }
    }).pipe(Effect.tapErrorTag("Unauthenticated", () => askForBearer))
})

/** An endpoint without a decision is nobody's. */
const decisionOf = ({ endpoint }: Called): Decision =>
  Option.getOrElse(Context.getOption(endpoint.annotations, AccessDecision), () => ({ kind: "outside" }))

const ensurePermitted = Effect.fnUntraced(function* ({ userId, role, shopId }: Session, decision: Decision) {
  if (shopId === null) return yield* new ShopMissing()
  if (!isPermitted(role, decision)) {
    return yield* new PermissionDenied({
      detail: `Operation requires one of the roles: ${rolesOf(decision)}`,
    })
  }
  yield* Effect.annotateCurrentSpan("shop.id", shopId)
  return { userId, role, shopId }
})

const isPermitted = (role: UserRole, decision: Decision): boolean => {
  switch (decision.kind) {
    case "colleague":
      return true
    case "permission":
      return mayDo(role, decision.permission)
    case "director":
      return role === "DIRECTOR"
    default:
      return false
  }
}

const rolesOf = (decision: Decision): string =>
  decision.kind === "permission" ? rolesByPermission[decision.permission].join(", ") : "DIRECTOR"

const asUser = (session: Session, called: Called) =>
  asCaller({ kind: "user", id: String(session.userId) }, called)

const asCaller =
  (who: Pick<CallerFacts, "kind" | "id">, { endpoint, group }: Called) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
      Effect.withFiber<A, E, R>((fiber) =>
        Effect.provideService(effect, Caller, {
          ...who,
          action: `${group.identifier}.${endpoint.identifier}`,
          address: Option.getOrNull(request.remoteAddress),
          request_id: Context.getOrUndefined(fiber.context, RequestInfo)?.requestId ?? null,
        }),
      ),
    )

/** What the guard refused inside a transaction is answered here. */
const answeringRefusals = Effect.catchDefect(
  (
    defect: unknown,
  ): Effect.Effect<never, ShopBlocked | Unauthenticated, HttpServerRequest.HttpServerRequest> => {
    if (!(defect instanceof CallerRefused)) return Effect.die(defect)
    return defect.verdict === "shop blocked"
      ? Effect.fail(new ShopBlocked())
      : Effect.andThen(askForBearer, Effect.fail(new Unauthenticated()))
  },
)

const askForBearer = HttpEffect.appendPreResponseHandler((_request, response) =>
  Effect.succeed(HttpServerResponse.setHeader(response, "www-authenticate", "Bearer")),
)
