import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { bodyFaults } from "../shared/BodyFault.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { numberInText } from "../shared/QueryValue.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import { WireTime } from "../shared/WireTime.ts"
import * as Access from "./Access.ts"
import { StaffAccess } from "./Access.ts"
import type { Permission } from "./Permission.ts"
import { grantable } from "./Permission.ts"
import {
  PermissionName,
  ServiceCredentialId,
  ServiceCredentialName,
  ServiceCredentialNotFound,
  ServiceCredentialsTooMany,
} from "./ServiceCredential.ts"
import { UserId } from "./User.ts"

const Grantable = Schema.Literals(grantable as ReadonlyArray<Permission> & [Permission])

export const NewServiceCredential = Schema.Struct({
  name: ServiceCredentialName,
  permissions: Schema.Array(Grantable).check(Schema.isMinLength(1), Schema.isMaxLength(grantable.length)),
}).annotate({ examples: [{ name: "telegram bot", permissions: ["view_orders", "view_order_details"] }] })

export const ServiceCredentialRead = Schema.Struct({
  id: ServiceCredentialId,
  name: Schema.String,
  permissions: Schema.Array(PermissionName),
  created_by: Schema.NullOr(UserId).annotate({ description: "Null when it was made on the command line" }),
  created_at: WireTime,
  last_used_at: Schema.NullOr(WireTime).annotate({ description: "To the minute" }),
  revoked_at: Schema.NullOr(WireTime),
})

/** Keys for bots and other machines of the shop. */
export class ServiceCredentialsApi extends HttpApiGroup.make("serviceCredentials")
  .add(
    HttpApiEndpoint.get("list", "/", {
      success: Schema.Array(ServiceCredentialRead),
      error: [DatabaseUnavailable],
    })
      .middleware(StaffAccess)
      .annotateMerge(Access.director)
      .annotateMerge(OpenApi.annotations({ summary: "Keys of my shop, live ones first, each newest first" })),
    HttpApiEndpoint.post("issue", "/", {
      payload: NewServiceCredential,
      success: Schema.Struct({
        ...ServiceCredentialRead.fields,
        key: Schema.String.annotate({
          description: "For `Authorization: Bearer`. Shown now and never again",
        }),
      }),
      error: [...bodyFaults, ServiceCredentialsTooMany, DatabaseUnavailable],
    })
      .middleware(StaffAccess)
      .annotateMerge(Access.director)
      .annotateMerge(
        OpenApi.annotations({
          summary: "Make a key",
          description:
            "Two of a name live at once, so that a machine can be given the next before it loses the last.",
        }),
      ),
    HttpApiEndpoint.delete("revoke", "/:credential_id", {
      params: { credential_id: numberInText(ServiceCredentialId) },
      success: ServiceCredentialRead,
      error: [ServiceCredentialNotFound, ValidationFailed, DatabaseUnavailable],
    })
      .middleware(StaffAccess)
      .annotateMerge(Access.director)
      .annotateMerge(OpenApi.annotations({ summary: "Revoke a key; its next request is refused" })),
  )
  .prefix("/api/v1/service-credentials")
  .annotateMerge(OpenApi.annotations({ title: "Service credentials" })) {}
