/** Who is asking, as endpoints declare it: a bearer token of a user who belongs to a shop. */
import * as Context from "effect/Context"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSecurity from "effect/http-api/HttpApiSecurity"
import * as Schema from "effect/Schema"
import type { TenantContext } from "../platform/TenantContext.ts"
import { fault } from "../shared/Fault.ts"
import type { TokenClaims } from "./Token.ts"

export class CurrentUser extends Context.Service<CurrentUser, TokenClaims>()("cvety/auth/CurrentUser") {}

export class Unauthenticated extends Schema.Error<Unauthenticated>("Unauthenticated")(
  fault("Unauthenticated", "Could not validate credentials"),
  { httpApiStatus: 401 },
) {}

export class ShopMissing extends Schema.Error<ShopMissing>("ShopMissing")(
  fault("ShopMissing", "User is not assigned to any shop"),
  { httpApiStatus: 403 },
) {}

export class Authentication extends HttpApiMiddleware.Service<
  Authentication,
  { provides: CurrentUser | TenantContext }
>()("cvety/auth/Authentication", {
  security: { bearer: HttpApiSecurity.bearer },
  error: [Unauthenticated, ShopMissing],
}) {}
