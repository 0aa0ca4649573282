import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Db } from "../platform/Db.ts"
import type { Query } from "../platform/Query.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type {
  LockedOrder,
  Order,
  OrderHistoryEntry,
  OrderId,
  OrderItem,
  StatusChangeRecord,
} from "./Order.ts"
import { isTrackingId, OrderNotFound } from "./Order.ts"
import { OrdersRepo } from "./OrdersRepo.ts"

export interface OrderWithItems {
  readonly order: Order
  readonly items: ReadonlyArray<OrderItem>
}

/** Orders of the shop of `TenantContext`. An order of another shop does not exist. */
export class Orders extends Context.Service<
  Orders,
  {
    readonly getById: (
      id: OrderId,
    ) => Effect.Effect<OrderWithItems, OrderNotFound | DatabaseUnavailable, TenantContext>
    /** Newest first. */
    readonly getHistory: (
      id: OrderId,
    ) => Effect.Effect<ReadonlyArray<OrderHistoryEntry>, OrderNotFound | DatabaseUnavailable, TenantContext>
    /** For whoever holds the tracking id, of whatever shop. */
    readonly getByTrackingId: (
      trackingId: string,
    ) => Effect.Effect<OrderWithItems, OrderNotFound | DatabaseUnavailable>
    /** First half of a change of status: the orders, locked until the transaction ends. */
    readonly lockByBitrixOrderIds: OrdersRepo["Service"]["lockByBitrixOrderIds"]
    /** The same without waiting, for many orders at once: those that somebody else holds are left out. */
    readonly lockFreeByBitrixOrderIds: OrdersRepo["Service"]["lockFreeByBitrixOrderIds"]
    /** Which of the ids have an order, locked or not. */
    readonly findBitrixOrderIds: OrdersRepo["Service"]["findBitrixOrderIds"]
    /** Second half: the steps of the histories, then the orders as they are after them. */
    readonly saveStatusChanges: (
      shopId: ShopId,
      changes: ReadonlyArray<StatusChangeRecord>,
      orders: ReadonlyArray<LockedOrder>,
    ) => ReadonlyArray<Query<void>>
  }
>()("cvety/orders/Orders") {
  static readonly layerNoDeps = Layer.effect(
    Orders,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* OrdersRepo

      const getById = Effect.fn("Orders.getById")(function* (id: OrderId) {
        const { shopId } = yield* TenantContext
        const [[order], items] = yield* db.read([repo.findById(shopId, id), repo.findItems(shopId, id)])
        if (order === undefined) return yield* new OrderNotFound()
        return { order, items }
      })

      const getHistory = Effect.fn("Orders.getHistory")(function* (id: OrderId) {
        const { shopId } = yield* TenantContext
        const [[order], history] = yield* db.read([repo.findById(shopId, id), repo.findHistory(shopId, id)])
        if (order === undefined) return yield* new OrderNotFound()
        return history
      })

      const getByTrackingId = Effect.fn("Orders.getByTrackingId")(function* (trackingId: string) {
        if (!isTrackingId(trackingId)) return yield* new OrderNotFound()
        const [[owned]] = yield* db.readThrough("across_shops", [repo.findByTrackingId(trackingId)])
        if (owned === undefined) return yield* new OrderNotFound()
        return yield* Effect.provideService(getById(owned.id), TenantContext, { shopId: owned.shop_id })
      })

      return {
        getById,
        getHistory,
        getByTrackingId,
        lockByBitrixOrderIds: repo.lockByBitrixOrderIds,
        lockFreeByBitrixOrderIds: repo.lockFreeByBitrixOrderIds,
        findBitrixOrderIds: repo.findBitrixOrderIds,
        saveStatusChanges: (shopId, changes, orders) => [
          ...(changes.length > 0 ? [repo.insertStatusChanges(shopId, changes)] : []),
          ...(orders.length > 0 ? [repo.saveLocked(shopId, orders)] : []),
        ],
      }
    }),
  )

  static readonly layer = Orders.layerNoDeps.pipe(Layer.provide(OrdersRepo.layer))
}
