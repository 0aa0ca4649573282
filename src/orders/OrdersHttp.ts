import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import { anonymous, callerOf } from "../platform/callerOf.ts"
import { Orders } from "./Orders.ts"
import { toOrderHistoryRead, toOrderRead, toPublicStatus } from "./OrderView.ts"

export const OrdersHttp = HttpApiBuilder.group(Api, "orders", (handlers) =>
  Effect.gen(function* () {
    const orders = yield* Orders
    return handlers
      .handle("getById", ({ params }) => Effect.map(orders.getById(params.order_id), toOrderRead))
      .handle("getHistory", ({ params }) =>
        Effect.map(orders.getHistory(params.order_id), (history) => history.map(toOrderHistoryRead)),
      )
      .handle("getPublicStatus", ({ params }) =>
        callerOf(anonymous, "orders.getPublicStatus").pipe(
          Effect.flatMap(({ address }) => orders.getByTrackingId(params.tracking_id, address)),
          Effect.map(toPublicStatus),
        ),
      )
  }),
)
