/** Orders of every shop, for the operators of the platform. A change is made in the tenant of the order's shop. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { NumberedOrder, OrderCancelled, OrderDelivered, OrderId } from "../orders/Order.ts"
import { OrderNotFound } from "../orders/Order.ts"
import type { OrderStatus } from "../orders/OrderStatus.ts"
import type { OrderWithItems } from "../orders/Orders.ts"
import { Orders } from "../orders/Orders.ts"
import { Db } from "../platform/Db.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { ListedOrder } from "./SuperadminOrdersRepo.ts"
import { SuperadminOrdersRepo } from "./SuperadminOrdersRepo.ts"

/** Who the history says it was. */
const CHANGED_BY = "superadmin"

export interface OrderOfShop extends OrderWithItems {
  readonly shop: { readonly id: ShopId; readonly name: string }
}

export class SuperadminOrders extends Context.Service<
  SuperadminOrders,
  {
    readonly find: (
      filter: Parameters<SuperadminOrdersRepo["Service"]["find"]>[0],
    ) => Effect.Effect<ReadonlyArray<ListedOrder>, DatabaseUnavailable>
    readonly getById: (id: OrderId) => Effect.Effect<OrderOfShop, OrderNotFound | DatabaseUnavailable>
    readonly changeStatus: (
      id: OrderId,
      to: OrderStatus,
      notes: string | null,
    ) => Effect.Effect<NumberedOrder, OrderNotFound | DatabaseUnavailable>
    readonly cancel: (
      id: OrderId,
      reason: string | null,
    ) => Effect.Effect<NumberedOrder, OrderNotFound | OrderCancelled | OrderDelivered | DatabaseUnavailable>
  }
>()("cvety/superadmin/SuperadminOrders") {
  static readonly layerNoDeps = Layer.effect(
    SuperadminOrders,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* SuperadminOrdersRepo
      const orders = yield* Orders

      const find: SuperadminOrders["Service"]["find"] = Effect.fn("SuperadminOrders.find")(
        function* (filter) {
          const [found] = yield* db.readThrough("superadmin", [repo.find(filter)])
          return found
        },
      )

      const inItsShop = Effect.fnUntraced(function* <A, E>(
        id: OrderId,
        work: Effect.Effect<A, E, TenantContext>,
      ) {
        const [[shop]] = yield* db.readThrough("superadmin", [repo.findShopOf(id)])
        if (shop === undefined) return yield* new OrderNotFound()
        const result = yield* Effect.provideService(work, TenantContext, { shopId: shop.id })
        return { shop, result }
      })

      const getById: SuperadminOrders["Service"]["getById"] = Effect.fn("SuperadminOrders.getById")((id) =>
        Effect.map(inItsShop(id, orders.getById(id)), ({ shop, result }) => ({ ...result, shop })),
      )

      const changeStatus: SuperadminOrders["Service"]["changeStatus"] = Effect.fn(
        "SuperadminOrders.changeStatus",
      )((id, to, notes) =>
        Effect.map(
          inItsShop(id, orders.changeStatus({ id, to, changedBy: CHANGED_BY, notes })),
          ({ result }) => result,
        ),
      )

      const cancel: SuperadminOrders["Service"]["cancel"] = Effect.fn("SuperadminOrders.cancel")(
        (id, reason) =>
          Effect.map(
            inItsShop(id, orders.cancel({ id, changedBy: CHANGED_BY, notes: reason })),
            ({ result }) => result,
          ),
      )

      return { find, getById, changeStatus, cancel }
    }),
  )

  static readonly layer = SuperadminOrders.layerNoDeps.pipe(Layer.provide(SuperadminOrdersRepo.layer))
}
