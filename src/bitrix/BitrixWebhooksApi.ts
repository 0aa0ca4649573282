import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Access from "../auth/Access.ts"
import { bodyFaults } from "../shared/BodyFault.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { Overloaded } from "../shared/Overloaded.ts"
import { OrderStatusAnswer } from "./OrderStatusDecision.ts"
import { OrderStatusEvent } from "./OrderStatusEvent.ts"
import { ProductAnswer, ProductEvent } from "./ProductEvent.ts"
import { ProductIdMissing, ProductOfAnotherShop } from "./ProductFault.ts"
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
  .add(
    HttpApiEndpoint.post("productSync", "/product-sync", {
      payload: ProductEvent,
      success: ProductAnswer,
      error: [...bodyFaults, ProductIdMissing, ProductOfAnotherShop, Overloaded, DatabaseUnavailable],
    })
      .annotateMerge(Access.outside)
      .annotateMerge(
        OpenApi.annotations({
          summary: "A florist changed a product in Bitrix",
          description:
            "Answers after the change and the event are committed. A field that is absent stays as it is; one that " +
            "cannot be read is kept at its old value and named in `notes`. What people set here (colours, tags, " +
            "occasions) stays.",
        }),
      ),
  )
  .middleware(WebhookSecret)
  .prefix("/api/v1/webhooks")
  .annotateMerge(OpenApi.annotations({ title: "Bitrix webhooks" })) {}
