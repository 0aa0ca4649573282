import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import * as JsonBody from "../platform/JsonBody.ts"
import * as LatencyBudget from "../platform/LatencyBudget.ts"
import { RequestInfo } from "../platform/RequestInfo.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import * as OrderStatusEvent from "./OrderStatusEvent.ts"
import { OrderStatusSync } from "./OrderStatusSync.ts"

export const BitrixWebhooksHttp = HttpApiBuilder.group(Api, "bitrixWebhooks", (handlers) =>
  Effect.gen(function* () {
    const sync = yield* OrderStatusSync
    return handlers.handleRaw("orderStatusSync", ({ request }) =>
      Effect.gen(function* () {
        const body = yield* JsonBody.read(request)
        const event = yield* LatencyBudget.measure("validate")(validate(body))
        const answer = yield* sync.apply(event)
        yield* LatencyBudget.measure("log")(logAnswer(event.event_id ?? null, answer))
        yield* RequestInfo.beginRespond
        return answer
      }),
    )
  }),
)

const validate = (body: unknown) =>
  Effect.mapError(OrderStatusEvent.decode(body, { errors: "all" }), (error) =>
    ValidationFailed.from("body", error, body),
  )

const logAnswer = (event_id: string | null, answer: object) =>
  Effect.annotateLogs(Effect.logInfo("order status event"), { event_id, answer })
