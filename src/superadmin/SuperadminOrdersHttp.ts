import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import * as JsonBody from "../platform/JsonBody.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import { toPage } from "./Page.ts"
import { StatusUnknown } from "./SuperadminFault.ts"
import { SuperadminOrders } from "./SuperadminOrders.ts"
import { Cancellation, StatusChange } from "./SuperadminOrdersApi.ts"
import {
  isStatus,
  toChangedOrder,
  toSuperadminOrderInFull,
  toSuperadminOrderRead,
  toWord,
} from "./SuperadminOrderView.ts"

export const SuperadminOrdersHttp = HttpApiBuilder.group(Api, "superadminOrders", (handlers) =>
  Effect.gen(function* () {
    const orders = yield* SuperadminOrders
    return handlers
      .handle("find", ({ query }) =>
        Effect.map(
          orders.find({
            ...toPage(query),
            shopId: query.shop_id ?? null,
            status: query.status ?? null,
            from: query.date_from ?? null,
            to: query.date_to ?? null,
          }),
          (found) => found.map(toSuperadminOrderRead),
        ),
      )
      .handle("getById", ({ params }) => Effect.map(orders.getById(params.order_id), toSuperadminOrderInFull))
      .handleRaw("changeStatus", ({ params, query, request }) =>
        Effect.gen(function* () {
          const given = { ...query, ...(yield* JsonBody.decodeOptional(StatusChange)(request)) }
          if (given.new_status === undefined) return yield* ValidationFailed.missing("query", "new_status")
          const to = toWord(given.new_status)
          if (!isStatus(to)) return yield* new StatusUnknown()
          const order = yield* orders.changeStatus(params.order_id, to, toNote(given.notes))
          return { message: "Order status updated successfully", order: toChangedOrder(order) }
        }),
      )
      .handleRaw("cancel", ({ params, query, request }) =>
        Effect.gen(function* () {
          const given = { ...query, ...(yield* JsonBody.decodeOptional(Cancellation)(request)) }
          const reason = toNote(given.reason)
          const order = yield* orders.cancel(params.order_id, reason)
          return {
            message: "Order cancelled successfully",
            order: { ...toChangedOrder(order), cancellation_reason: reason },
          }
        }),
      )
  }),
)

const toNote = (text: string | undefined): string | null => (text === undefined || text === "" ? null : text)
