import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Redacted from "effect/Redacted"
import { Api } from "../Api.ts"
import { toUserResponse } from "../auth/UserView.ts"
import { anonymous, callerOf } from "../platform/callerOf.ts"
import * as JsonBody from "../platform/JsonBody.ts"
import { Registration } from "./Registration.ts"
import { NewDirector } from "./RegistrationApi.ts"

export const RegistrationHttp = HttpApiBuilder.group(Api, "registration", (handlers) =>
  Effect.gen(function* () {
    const registration = yield* Registration
    return handlers.handleRaw("register", ({ request }) =>
      Effect.gen(function* () {
        const { name, phone, password } = yield* JsonBody.decode(NewDirector)(request)
        const caller = yield* callerOf(anonymous, "registration.register")
        return toUserResponse(
          yield* registration.register({ name, phone, password: Redacted.make(password), caller }),
        )
      }),
    )
  }),
)
