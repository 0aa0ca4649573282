import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Option from "effect/Option"
import type { CallerFacts } from "./Caller.ts"
import { RequestInfo } from "./RequestInfo.ts"

/** The caller of the current request: who, as far as it is known, from where, doing what. */
export const callerOf = (who: Pick<CallerFacts, "kind" | "id">, action: string) =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ remoteAddress }) =>
    Effect.withFiber<CallerFacts>((fiber) =>
      Effect.succeed({
        ...who,
        action,
        address: Option.getOrNull(remoteAddress),
        request_id: Context.getOrUndefined(fiber.context, RequestInfo)?.requestId ?? null,
      }),
    ),
  )

/** Of a public endpoint, where nobody says who they are. */
export const anonymous = { kind: "anonymous", id: null } as const
