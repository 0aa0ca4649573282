import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import type * as Schema from "effect/Schema"
import { Api } from "../Api.ts"
import * as JsonBody from "../platform/JsonBody.ts"
import * as LatencyBudget from "../platform/LatencyBudget.ts"
import { RequestInfo } from "../platform/RequestInfo.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import * as OrderStatusEvent from "./OrderStatusEvent.ts"
import { OrderStatusSync } from "./OrderStatusSync.ts"
import * as ProductEvent from "./ProductEvent.ts"
import { ProductSync } from "./ProductSync.ts"

export const BitrixWebhooksHttp = HttpApiBuilder.group(Api, "bitrixWebhooks", (handlers) =>
  Effect.gen(function* () {
    const orders = yield* OrderStatusSync
    const products = yield* ProductSync
    return handlers
      .handleRaw("orderStatusSync", ({ request }) =>
        Effect.gen(function* () {
          const event = yield* validated(request, OrderStatusEvent.decode)
          const answer = yield* orders.apply(event)
          yield* log("order status event", event.event_id ?? null, answer)
          return answer
        }),
      )
      .handleRaw("productSync", ({ request }) =>
        Effect.gen(function* () {
          const event = yield* validated(request, ProductEvent.decode)
          const answer = yield* products.apply(event)
          yield* log("product event", event.event_id ?? null, answer)
          return answer
        }),
      )
  }),
)

const validated = Effect.fnUntraced(function* <A>(
  request: HttpServerRequest,
  decode: (body: unknown, options: { readonly errors: "all" }) => Effect.Effect<A, Schema.SchemaError>,
) {
  const body = yield* JsonBody.read(request)
  return yield* LatencyBudget.measure("webhook.validate")(
    Effect.mapError(decode(body, { errors: "all" }), (error) => ValidationFailed.from("body", error, body)),
  )
})

const log = (what: string, event_id: string | null, answer: object) =>
  LatencyBudget.measure("webhook.log")(Effect.annotateLogs(Effect.logInfo(what), { event_id, answer })).pipe(
    Effect.andThen(RequestInfo.beginRespond),
  )
