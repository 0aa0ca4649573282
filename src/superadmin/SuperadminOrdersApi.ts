import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "../auth/Access.ts"
import { SuperadminAccess } from "../auth/Access.ts"
import { OrderCancelled, OrderDelivered, OrderId, OrderNotFound } from "../orders/Order.ts"
import { bodyFaults } from "../shared/BodyFault.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { numberInText } from "../shared/QueryValue.ts"
import { ShopId } from "../shared/ShopId.ts"
import { textUpTo } from "../shared/Text.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import { DateBoundInput } from "./DateBound.ts"
import { pageQuery } from "./Page.ts"
import { StatusUnknown } from "./SuperadminFault.ts"
import {
  ChangedOrder,
  StatusFilter,
  SuperadminOrderInFull,
  SuperadminOrderRead,
} from "./SuperadminOrderView.ts"

const REASON_CHARS_MAX = 1_000
const STATUS_CHARS_MAX = 50

const params = { order_id: numberInText(OrderId) }

export const StatusChange = Schema.Struct({
  new_status: Schema.optionalKey(textUpTo(STATUS_CHARS_MAX)),
  notes: Schema.optionalKey(textUpTo(REASON_CHARS_MAX)),
}).annotate({ examples: [{ new_status: "accepted", notes: "По просьбе магазина" }] })

export const Cancellation = Schema.Struct({
  reason: Schema.optionalKey(textUpTo(REASON_CHARS_MAX)),
}).annotate({ examples: [{ reason: "По просьбе магазина" }] })

/** Orders of every shop. */
export class SuperadminOrdersApi extends HttpApiGroup.make("superadminOrders")
  .add(
    HttpApiEndpoint.get("find", "/", {
      query: {
        ...pageQuery,
        shop_id: Schema.optionalKey(numberInText(ShopId)),
        status: Schema.optionalKey(StatusFilter),
        date_from: Schema.optionalKey(DateBoundInput),
        date_to: Schema.optionalKey(DateBoundInput),
      },
      success: Schema.Array(SuperadminOrderRead),
      error: [ValidationFailed, DatabaseUnavailable],
    })
      .middleware(SuperadminAccess)
      .annotateMerge(Access.superadmin)
      .annotateMerge(
        OpenApi.annotations({ summary: "Orders, newest first; `date_to` is included, a day as a whole" }),
      ),
    HttpApiEndpoint.get("getById", "/:order_id", {
      params,
      success: SuperadminOrderInFull,
      error: [OrderNotFound, ValidationFailed, DatabaseUnavailable],
    })
      .middleware(SuperadminAccess)
      .annotateMerge(Access.superadmin)
      .annotateMerge(OpenApi.annotations({ summary: "An order with its shop and its lines" })),
    HttpApiEndpoint.put("changeStatus", "/:order_id/status", {
      params,
      query: StatusChange.fields,
      payload: StatusChange,
      success: Schema.Struct({ message: Schema.String, order: ChangedOrder }),
      error: [...bodyFaults, OrderNotFound, StatusUnknown, DatabaseUnavailable],
    })
      .middleware(SuperadminAccess)
      .annotateMerge(Access.superadmin)
      .annotateMerge(
        OpenApi.annotations({
          summary: "Give an order any status",
          description:
            "By query or body, in any letter case. Outside the path that people follow the step is an override in the history.",
        }),
      ),
    HttpApiEndpoint.put("cancel", "/:order_id/cancel", {
      params,
      query: Cancellation.fields,
      payload: Cancellation,
      success: Schema.Struct({
        message: Schema.String,
        order: Schema.Struct({
          ...ChangedOrder.fields,
          cancellation_reason: Schema.NullOr(Schema.String),
        }),
      }),
      error: [...bodyFaults, OrderNotFound, OrderCancelled, OrderDelivered, DatabaseUnavailable],
    })
      .middleware(SuperadminAccess)
      .annotateMerge(Access.superadmin)
      .annotateMerge(OpenApi.annotations({ summary: "Cancel an order; the reason goes to its history" })),
  )
  .prefix("/api/v1/superadmin/orders")
  .annotateMerge(OpenApi.annotations({ title: "Superadmin: orders" })) {}
