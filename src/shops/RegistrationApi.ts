import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "../auth/Access.ts"
import { AttemptsTooMany } from "../auth/AccountFault.ts"
import { NewPassword } from "../auth/Password.ts"
import { PhoneTaken } from "../auth/User.ts"
import { UserResponse } from "../auth/UserView.ts"
import { bodyFaults } from "../shared/BodyFault.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { Overloaded } from "../shared/Overloaded.ts"
import { PhoneInput } from "../shared/Phone.ts"
import { filledTextUpTo } from "../shared/Text.ts"

const NAME_CHARS_MAX = 100

export const NewDirector = Schema.Struct({
  name: filledTextUpTo(NAME_CHARS_MAX),
  phone: PhoneInput,
  password: NewPassword,
}).annotate({
  examples: [{ name: "Айгерим", phone: "+77000000000", password: "correct horse" } as never],
})

/** For whoever opens a shop. */
export class RegistrationApi extends HttpApiGroup.make("registration")
  .add(
    HttpApiEndpoint.post("register", "/register", {
      payload: NewDirector,
      success: UserResponse,
      error: [...bodyFaults, PhoneTaken, AttemptsTooMany, Overloaded, DatabaseUnavailable],
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(
        OpenApi.annotations({
          summary: "Open a shop, as its director",
          description:
            "Then log in. A role, a shop or an inviter that the body names is not looked at. Ten in 15 minutes from one address.",
        }),
      ),
  )
  .prefix("/api/v1/auth")
  .annotateMerge(OpenApi.annotations({ title: "Registration" })) {}
