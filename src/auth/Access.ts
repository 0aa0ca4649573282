/**
 * Who may call an endpoint, as its contract declares it. Every endpoint carries one decision and the middleware that
 * enforces it; a test refuses an endpoint without.
 *
 *   everyone      no credential is looked at
 *   outside       another system, by a secret of its own
 *   account       whoever is logged in, for their own account
 *   colleague     every role of the shop
 *   permission    roles that have it in `Permission.ts`; with `ShopAccess` keys of machines that were given it
 *   director      directors of the shop
 *   superadmin    operators of the platform
 *
 * `AccountAccess` and `SuperadminAccess` read the account first. `StaffAccess` and `ShopAccess` believe the token and
 * put a guard before the work (see `platform/Caller.ts`).
 */
import * as Context from "effect/Context"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSecurity from "effect/http-api/HttpApiSecurity"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import type { TenantContext } from "../platform/TenantContext.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { fault } from "../shared/Fault.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { Permission } from "./Permission.ts"
import { rolesByPermission } from "./Permission.ts"
import type { UserRole } from "./Role.ts"
import type { Session } from "./Token.ts"
import type { Account, UserId } from "./User.ts"

export type Decision =
  | { readonly kind: "everyone" | "outside" | "account" | "colleague" | "director" | "superadmin" }
  | { readonly kind: "permission"; readonly permission: Permission }

export class AccessDecision extends Context.Service<AccessDecision, Decision>()(
  "cvety/auth/AccessDecision",
) {}

export const everyone = decide({ kind: "everyone" }, "Public.")
export const outside = decide({ kind: "outside" }, "By a secret of the calling system.")
export const account = decide({ kind: "account" }, "Whoever is logged in.")
export const colleague = decide({ kind: "colleague" }, "Every role of the shop.")
export const director = decide({ kind: "director" }, "Roles: DIRECTOR.")
export const superadmin = decide({ kind: "superadmin" }, "Operators of the platform.")
export const permission = (name: Permission) =>
  decide(
    { kind: "permission", permission: name },
    `Permission \`${name}\`. Roles: ${rolesByPermission[name].join(", ")}.`,
  )

function decide(decision: Decision, words: string) {
  return Context.add(
    OpenApi.annotations({
      transform: (operation) => ({
        ...operation,
        description: [operation["description"], `**Who may:** ${words}`].filter(Boolean).join("\n\n"),
        "x-access": decision,
      }),
    }),
    AccessDecision,
    decision,
  )
}

/** A person of a shop, as the token says and the guard confirms. */
export class CurrentUser extends Context.Service<
  CurrentUser,
  { readonly userId: UserId; readonly role: UserRole; readonly shopId: ShopId }
>()("cvety/auth/CurrentUser") {}

/** An account that was just read, and the session it is used by. */
export class CurrentAccount extends Context.Service<
  CurrentAccount,
  { readonly account: Account; readonly session: Session }
>()("cvety/auth/CurrentAccount") {}

export class Unauthenticated extends Schema.Error<Unauthenticated>("Unauthenticated")(
  fault("Unauthenticated", "Could not validate credentials"),
  { httpApiStatus: 401 },
) {}

export class ShopMissing extends Schema.Error<ShopMissing>("ShopMissing")(
  fault("ShopMissing", "User is not assigned to any shop"),
  { httpApiStatus: 403 },
) {}

export class ShopBlocked extends Schema.Error<ShopBlocked>("ShopBlocked")(
  fault("ShopBlocked", "Shop is blocked"),
  { httpApiStatus: 403 },
) {}

export class PermissionDenied extends Schema.Error<PermissionDenied>("PermissionDenied")(
  fault("PermissionDenied", "Operation not permitted"),
  { httpApiStatus: 403 },
) {}

const bearer = HttpApiSecurity.bearer

export class AccountAccess extends HttpApiMiddleware.Service<AccountAccess, { provides: CurrentAccount }>()(
  "cvety/auth/AccountAccess",
  { security: { bearer }, error: [Unauthenticated, ShopBlocked, DatabaseUnavailable] },
) {}

export class SuperadminAccess extends HttpApiMiddleware.Service<
  SuperadminAccess,
  { provides: CurrentAccount }
>()("cvety/auth/SuperadminAccess", {
  security: { bearer },
  error: [Unauthenticated, PermissionDenied, DatabaseUnavailable],
}) {}

/** People only. */
export class StaffAccess extends HttpApiMiddleware.Service<
  StaffAccess,
  { provides: CurrentUser | TenantContext }
>()("cvety/auth/StaffAccess", {
  security: { bearer },
  error: [Unauthenticated, ShopMissing, ShopBlocked, PermissionDenied, DatabaseUnavailable],
}) {}

/** People, and machines by a key of the shop. */
export class ShopAccess extends HttpApiMiddleware.Service<ShopAccess, { provides: TenantContext }>()(
  "cvety/auth/ShopAccess",
  {
    security: { bearer },
    error: [Unauthenticated, ShopMissing, ShopBlocked, PermissionDenied, DatabaseUnavailable],
  },
) {}
