import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import * as JsonBody from "../platform/JsonBody.ts"
import { toWireTime } from "../shared/WireTime.ts"
import { CurrentUser } from "./Access.ts"
import type { ServiceCredential } from "./ServiceCredential.ts"
import { ServiceCredentials } from "./ServiceCredentials.ts"
import type { ServiceCredentialRead } from "./ServiceCredentialsApi.ts"
import { NewServiceCredential } from "./ServiceCredentialsApi.ts"

export const ServiceCredentialsHttp = HttpApiBuilder.group(Api, "serviceCredentials", (handlers) =>
  Effect.gen(function* () {
    const credentials = yield* ServiceCredentials
    return handlers
      .handle("list", () => Effect.map(credentials.list, (found) => found.map(toRead)))
      .handleRaw("issue", ({ request }) =>
        Effect.gen(function* () {
          const given = yield* JsonBody.decode(NewServiceCredential)(request)
          const { userId } = yield* CurrentUser
          const { credential, key } = yield* credentials.issue({ ...given, createdBy: userId })
          return { ...toRead(credential), key }
        }),
      )
      .handle("revoke", ({ params }) => Effect.map(credentials.revoke(params.credential_id), toRead))
  }),
)

const toRead = (credential: ServiceCredential): typeof ServiceCredentialRead.Type => ({
  ...credential,
  created_at: toWireTime(credential.created_at),
  last_used_at: credential.last_used_at === null ? null : toWireTime(credential.last_used_at),
  revoked_at: credential.revoked_at === null ? null : toWireTime(credential.revoked_at),
})
