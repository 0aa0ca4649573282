import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Option from "effect/Option"
import type { CallerFacts } from "../platform/Caller.ts"
import { RequestInfo } from "../platform/RequestInfo.ts"

/** Who calls a public endpoint, as far as anybody knows: by their address limits are kept. */
export const caller = (action: string) =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ remoteAddress }) =>
    Effect.withFiber<CallerFacts>((fiber) =>
      Effect.succeed({
        kind: "anonymous",
        id: null,
        action,
        address: Option.getOrNull(remoteAddress),
        request_id: Context.getOrUndefined(fiber.context, RequestInfo)?.requestId ?? null,
      }),
    ),
  )
