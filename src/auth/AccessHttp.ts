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
import { callerOf } from "../platform/callerOf.ts"
import { Db } from "../platform/Db.ts"
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
import { isShut } from "./User.ts"
import { Users } from "./Users.ts"

const accountAccess = Layer.effect(
  AccountAccess,
  Effect.gen(function* () {
    const findAccount = yield* accountFinder
    return {
      bearer: Effect.fnUntraced(function* (httpEffect, { credential, ...endpoint }) {
        const current = yield* findAccount(credential)
        if (isShut(current.account)) return yield* new ShopBlocked()
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
    const letIn = yield* staffDoor
    return {
      bearer: (httpEffect, { credential, ...called }) =>
        Effect.flatMap(letIn(credential, called), ({ user, asThem }) =>
          asThem(Effect.provideService(httpEffect, CurrentUser, user)),
        ),
    }
  }),
)

const shopAccess = Layer.effect(
  ShopAccess,
  Effect.gen(function* () {
    const letIn = yield* staffDoor
    const credentials = yield* ServiceCredentials
    return {
      bearer: Effect.fnUntraced(function* (httpEffect, { credential, ...called }) {
        const key = ServiceKey.parse(credential)
        if (key === null) {
          const { asThem } = yield* letIn(credential, called)
          return yield* asThem(httpEffect)
        }
        const decision = decisionOf(called)
        const machine = yield* Effect.tapErrorTag(
          credentials.authenticate(key),
          "Unauthenticated",
          () => askForBearer,
        )
        if (decision.kind !== "permission" || !machine.permissions.includes(decision.permission)) {
          return yield* new PermissionDenied()
        }
        return yield* httpEffect.pipe(
          Effect.provideService(TenantContext, { shopId: key.shopId }),
          asCaller({ kind: "service", id: String(machine.id) }, called),
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

/** People of a shop: their token is believed, and the guard asks in the transaction of their work. */
const staffDoor = Effect.gen(function* () {
  const tokens = yield* Tokens
  const users = yield* Users
  return Effect.fnUntraced(function* (credential: Redacted.Redacted, called: Called) {
    const session = yield* Effect.tapError(tokens.verify(credential), () => askForBearer)
    const user = yield* ensurePermitted(session, decisionOf(called))
    const asThem = <A, E, R>(work: Effect.Effect<A, E, R>) =>
      work.pipe(
        Effect.provideService(TenantContext, { shopId: user.shopId }),
        Effect.provideService(CallerGuard, users.guard(session)),
        asUser(session, called),
        answeringRefusals,
      )
    return { user, asThem }
  })
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
    Effect.flatMap(callerOf(who, `${group.identifier}.${endpoint.identifier}`), (facts) =>
      Effect.provideService(effect, Caller, facts),
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
