import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { bodyFaults } from "../shared/BodyFault.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { Overloaded } from "../shared/Overloaded.ts"
import * as Access from "./Access.ts"
import { AccountAccess, ShopBlocked, StaffAccess } from "./Access.ts"
import { AttemptsTooMany, LoginFailed, PasswordIncorrect, PasswordTooShort } from "./AccountFault.ts"

import { GivenPassword } from "./Password.ts"
import { AccessToken, UserResponse } from "./UserView.ts"

const PHONE_CHARS_MAX = 40

export const Credentials = Schema.Struct({
  phone: Schema.String.check(Schema.isMaxLength(PHONE_CHARS_MAX)).annotate({
    description: "In any usual spelling",
  }),
  password: GivenPassword,
}).annotate({ examples: [{ phone: "+77000000000", password: "correct horse" }] })

export const PasswordChange = Schema.Struct({
  current_password: Schema.optionalKey(GivenPassword),
  new_password: Schema.optionalKey(GivenPassword),
}).annotate({ examples: [{ current_password: "correct horse", new_password: "battery staple" }] })

const Message = Schema.Struct({ message: Schema.String })

/** Logging in and out, for every client. */
export class AuthApi extends HttpApiGroup.make("auth")
  .add(
    HttpApiEndpoint.post("login", "/login", {
      payload: Credentials,
      success: AccessToken,
      error: [...bodyFaults, LoginFailed, ShopBlocked, AttemptsTooMany, Overloaded, DatabaseUnavailable],
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(
        OpenApi.annotations({
          summary: "Log in by phone and password",
          description:
            "Five failures in 15 minutes, by phone or by address, close the login for the rest of them; sessions that are open go on.",
        }),
      ),
    HttpApiEndpoint.post("token", "/token", {
      payload: Schema.Struct({ username: Credentials.fields.phone, password: GivenPassword })
        .annotate({ examples: [{ username: "+77000000000", password: "correct horse" }] })
        .pipe(HttpApiSchema.asFormUrlEncoded()),
      success: AccessToken,
      error: [...bodyFaults, LoginFailed, ShopBlocked, AttemptsTooMany, Overloaded, DatabaseUnavailable],
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(
        OpenApi.annotations({ summary: "The same login as a form, for /docs: the phone is the user name" }),
      ),
    HttpApiEndpoint.post("refresh", "/refresh", { success: AccessToken })
      .middleware(AccountAccess)
      .annotateMerge(Access.account)
      .annotateMerge(
        OpenApi.annotations({
          summary: "A new token for a session that is still valid; the old one lives on",
        }),
      ),
    HttpApiEndpoint.post("logout", "/logout", {
      query: { everywhere: Schema.optionalKey(Schema.Literals(["true", "false"])) },
      success: Schema.Struct({ message: Schema.String, detail: Schema.String }),
      error: [DatabaseUnavailable],
    })
      .middleware(AccountAccess)
      .annotateMerge(Access.account)
      .annotateMerge(
        OpenApi.annotations({ summary: "End this session, or with `everywhere=true` all of the account" }),
      ),
    HttpApiEndpoint.get("me", "/me", { success: UserResponse })
      .middleware(AccountAccess)
      .annotateMerge(Access.account)
      .annotateMerge(OpenApi.annotations({ summary: "Who I am" })),
    HttpApiEndpoint.put("changePassword", "/change-password", {
      query: PasswordChange.fields,
      payload: PasswordChange,
      success: Schema.Struct({ ...Message.fields, ...AccessToken.fields }),
      error: [
        ...bodyFaults,
        PasswordIncorrect,
        PasswordTooShort,
        AttemptsTooMany,
        Overloaded,
        DatabaseUnavailable,
      ],
    })
      .middleware(AccountAccess)
      .annotateMerge(Access.account)
      .annotateMerge(
        OpenApi.annotations({
          summary: "Change my password",
          description:
            "In the body; the query is still read for old clients. Every session ends, the answer holds a new token.",
        }),
      ),
    HttpApiEndpoint.get("verifyToken", "/verify-token", {
      success: Schema.Struct({ valid: Schema.Literal(true), user: UserResponse, message: Schema.String }),
    })
      .middleware(AccountAccess)
      .annotateMerge(Access.account)
      .annotateMerge(OpenApi.annotations({ summary: "Whether my token is valid" })),
    HttpApiEndpoint.get("users", "/users", {
      success: Schema.Array(UserResponse),
      error: [DatabaseUnavailable],
    })
      .middleware(StaffAccess)
      .annotateMerge(Access.colleague)
      .annotateMerge(OpenApi.annotations({ summary: "Active people of my shop, by name" })),
  )
  .prefix("/api/v1/auth")
  .annotateMerge(OpenApi.annotations({ title: "Auth" })) {}
