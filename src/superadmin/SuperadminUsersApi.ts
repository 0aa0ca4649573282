import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "../auth/Access.ts"
import { SuperadminAccess } from "../auth/Access.ts"
import { NewPassword } from "../auth/Password.ts"
import { UserRole } from "../auth/Role.ts"
import { UserId, UserNotFound } from "../auth/User.ts"
import { UserResponse } from "../auth/UserView.ts"
import { bodyFaults } from "../shared/BodyFault.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { Overloaded } from "../shared/Overloaded.ts"
import { Flag, numberInText } from "../shared/QueryValue.ts"
import { ShopId } from "../shared/ShopId.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import { pageQuery, SearchWords } from "./Page.ts"
import { SuperadminProtected } from "./SuperadminFault.ts"

const params = { user_id: numberInText(UserId) }
const changed = Schema.Struct({ message: Schema.String, user: UserResponse })

export const PasswordReset = Schema.Struct({ new_password: Schema.optionalKey(NewPassword) }).annotate({
  examples: [{ new_password: "battery staple" }],
})

/** Accounts of the whole platform. */
export class SuperadminUsersApi extends HttpApiGroup.make("superadminUsers")
  .add(
    HttpApiEndpoint.get("find", "/", {
      query: {
        ...pageQuery,
        shop_id: Schema.optionalKey(numberInText(ShopId)),
        role: Schema.optionalKey(UserRole),
        is_active: Schema.optionalKey(Flag),
        search: SearchWords,
      },
      success: Schema.Array(UserResponse),
      error: [ValidationFailed, DatabaseUnavailable],
    })
      .middleware(SuperadminAccess)
      .annotateMerge(Access.superadmin)
      .annotateMerge(
        OpenApi.annotations({ summary: "Accounts, newest first; `search` looks into names and phones" }),
      ),
    HttpApiEndpoint.put("block", "/:user_id/block", {
      params,
      success: changed,
      error: [UserNotFound, SuperadminProtected, ValidationFailed, DatabaseUnavailable],
    })
      .middleware(SuperadminAccess)
      .annotateMerge(Access.superadmin)
      .annotateMerge(OpenApi.annotations({ summary: "Block an account; its sessions end" })),
    HttpApiEndpoint.put("unblock", "/:user_id/unblock", {
      params,
      success: changed,
      error: [UserNotFound, SuperadminProtected, ValidationFailed, DatabaseUnavailable],
    })
      .middleware(SuperadminAccess)
      .annotateMerge(Access.superadmin)
      .annotateMerge(OpenApi.annotations({ summary: "Unblock an account; it has to log in again" })),
    HttpApiEndpoint.post("resetPassword", "/:user_id/reset-password", {
      params,
      query: PasswordReset.fields,
      payload: PasswordReset,
      success: changed,
      error: [...bodyFaults, UserNotFound, SuperadminProtected, Overloaded, DatabaseUnavailable],
    })
      .middleware(SuperadminAccess)
      .annotateMerge(Access.superadmin)
      .annotateMerge(
        OpenApi.annotations({
          summary: "Give an account another password; its sessions end",
          description: "In the body; the query is still read for old clients.",
        }),
      ),
  )
  .prefix("/api/v1/superadmin/users")
  .annotateMerge(OpenApi.annotations({ title: "Superadmin: users" })) {}
