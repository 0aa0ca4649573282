import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Access from "../auth/Access.ts"
import { bodyFaults } from "../shared/BodyFault.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { Overloaded } from "../shared/Overloaded.ts"
import { OrderStatusAnswer } from "./OrderStatusDecision.ts"
import { OrderStatusEvent } from "./OrderStatusEvent.ts"
import { WebhookSecret } from "./WebhookSecret.ts"

/** What Bitrix's event handlers call. The sender gives up after 10 s and never sends again. */
export class BitrixWebhooksApi extends HttpApiGroup.make("bitrixWebhooks")
  .add(
    HttpApiEndpoint.post("orderStatusSync", "/order-status-sync", {
      payload: OrderStatusEvent,
      success: OrderStatusAnswer,
      error: [...bodyFaults, Overloaded, DatabaseUnavailable],
    })
      .annotateMerge(Access.outside)
      .annotateMerge(
        OpenApi.annotations({
          summary: "A florist changed the status of an order in Bitrix",
          description:
            "Answers after the change, its history and the event are committed. `skipped` is a 200 as well: the " +
            "event is understood and kept, and applied later if what it lacks appears.",
        }),
      ),
  )
  .middleware(WebhookSecret)
  .prefix("/api/v1/webhooks")
  .annotateMerge(OpenApi.annotations({ title: "Bitrix webhooks" })) {}
