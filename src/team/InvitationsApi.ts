import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "../auth/Access.ts"
import { AttemptsTooMany } from "../auth/AccountFault.ts"
import { NewPassword } from "../auth/Password.ts"
import { PhoneTaken } from "../auth/User.ts"
import { AccessToken } from "../auth/UserView.ts"
import { bodyFaults } from "../shared/BodyFault.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { Overloaded } from "../shared/Overloaded.ts"
import { InvitationInvalid } from "./TeamFault.ts"

const GIVEN_CHARS_MAX = 40

export const Acceptance = Schema.Struct({
  phone: Schema.String.check(Schema.isMaxLength(GIVEN_CHARS_MAX)),
  code: Schema.String.check(Schema.isMaxLength(GIVEN_CHARS_MAX)),
  password: NewPassword,
}).annotate({ examples: [{ phone: "+77000000000", code: "123456", password: "correct horse" }] })

/** For whoever was invited and has no account yet. */
export class InvitationsApi extends HttpApiGroup.make("invitations")
  .add(
    HttpApiEndpoint.post("accept", "/accept-invitation", {
      payload: Acceptance,
      success: AccessToken,
      error: [...bodyFaults, InvitationInvalid, PhoneTaken, AttemptsTooMany, Overloaded, DatabaseUnavailable],
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(
        OpenApi.annotations({
          summary: "Join a shop by phone and code",
          description: "Answers like a login. The fifth wrong code ends the invitation.",
        }),
      ),
  )
  .prefix("/api/v1/auth")
  .annotateMerge(OpenApi.annotations({ title: "Invitations" })) {}
