import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Redacted from "effect/Redacted"
import { Api } from "../Api.ts"
import { toAccessToken } from "../auth/UserView.ts"
import { anonymous, callerOf } from "../platform/callerOf.ts"
import * as JsonBody from "../platform/JsonBody.ts"
import { Invitations } from "./Invitations.ts"
import { Acceptance } from "./InvitationsApi.ts"

export const InvitationsHttp = HttpApiBuilder.group(Api, "invitations", (handlers) =>
  Effect.gen(function* () {
    const invitations = yield* Invitations
    return handlers.handleRaw("accept", ({ request }) =>
      Effect.gen(function* () {
        const { phone, code, password } = yield* JsonBody.decode(Acceptance)(request)
        const caller = yield* callerOf(anonymous, "invitations.accept")
        return toAccessToken(
          yield* invitations.accept({ phone, code, password: Redacted.make(password), caller }),
        )
      }),
    )
  }),
)
