import * as Schema from "effect/Schema"
import { fault } from "../shared/Fault.ts"
import { filledTextUpTo } from "../shared/Text.ts"
import type { Permission } from "./Permission.ts"
import { permissions } from "./Permission.ts"
import { UserId } from "./User.ts"

export const ServiceCredentialId = Schema.Int.check(
  Schema.isBetween({ minimum: 1, maximum: 999_999_999 }),
).pipe(Schema.brand("ServiceCredentialId"))
export type ServiceCredentialId = typeof ServiceCredentialId.Type

const NAME_CHARS_MAX = 100

export const ServiceCredentialName = filledTextUpTo(NAME_CHARS_MAX)

export const PermissionName = Schema.Literals(permissions as ReadonlyArray<Permission> & [Permission])

/** What a machine of a shop may do, and until when it could. */
export const ServiceCredential = Schema.Struct({
  id: ServiceCredentialId,
  name: Schema.String,
  permissions: Schema.Array(PermissionName),
  created_by: Schema.NullOr(UserId),
  created_at: Schema.Date,
  last_used_at: Schema.NullOr(Schema.Date),
  revoked_at: Schema.NullOr(Schema.Date),
})
export type ServiceCredential = typeof ServiceCredential.Type

/** How many keys of one name may live at once, for changing over without a pause. */
export const LIVE_MAX = 2

export class ServiceCredentialNotFound extends Schema.Error<ServiceCredentialNotFound>(
  "ServiceCredentialNotFound",
)(fault("ServiceCredentialNotFound", "Service credential not found"), { httpApiStatus: 404 }) {}

export class ServiceCredentialsTooMany extends Schema.Error<ServiceCredentialsTooMany>(
  "ServiceCredentialsTooMany",
)(fault("ServiceCredentialsTooMany", `${LIVE_MAX} keys of this name are live already: revoke one first`), {
  httpApiStatus: 409,
}) {}
