import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "../auth/Access.ts"
import { ShopAccess } from "../auth/Access.ts"
import { AttemptsTooMany } from "../auth/AccountFault.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { numberInText } from "../shared/QueryValue.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import { OrderId, OrderNotFound } from "./Order.ts"
import { OrderHistoryRead, OrderRead, PublicStatus } from "./OrderView.ts"

export class OrdersApi extends HttpApiGroup.make("orders")
  .add(
    HttpApiEndpoint.get("getById", "/:order_id", {
      params: { order_id: numberInText(OrderId) },
      success: OrderRead,
      error: [OrderNotFound, ValidationFailed, DatabaseUnavailable],
    })
      .middleware(ShopAccess)
      .annotateMerge(Access.permission("view_order_details"))
      .annotateMerge(OpenApi.annotations({ summary: "One order of the caller's shop" })),
    HttpApiEndpoint.get("getHistory", "/:order_id/history", {
      params: { order_id: numberInText(OrderId) },
      success: Schema.Array(OrderHistoryRead),
      error: [OrderNotFound, ValidationFailed, DatabaseUnavailable],
    })
      .middleware(ShopAccess)
      .annotateMerge(Access.permission("view_order_details"))
      .annotateMerge(OpenApi.annotations({ summary: "Every change of an order, newest first" })),
    HttpApiEndpoint.get("getPublicStatus", "/by-tracking/:tracking_id/status", {
      params: { tracking_id: Schema.String },
      success: PublicStatus,
      error: [OrderNotFound, ValidationFailed, AttemptsTooMany, DatabaseUnavailable],
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(
        OpenApi.annotations({
          summary: "What the customer who holds the tracking id may see; public",
          description: "Thirty ids in 15 minutes that nobody has close it for the address they came from.",
        }),
      ),
  )
  .prefix("/api/v1/orders")
  .annotateMerge(OpenApi.annotations({ title: "Orders" })) {}
