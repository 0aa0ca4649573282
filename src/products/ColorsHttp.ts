import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import { colors } from "./Color.ts"

export const ColorsHttp = HttpApiBuilder.group(Api, "colors", (handlers) =>
  Effect.succeed(handlers.handle("find", () => Effect.succeed({ colors }))),
)
