import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { AttemptsTooMany } from "../auth/AccountFault.ts"
import type { Attempt } from "../auth/FailedAttempts.ts"
import { FailedAttempts } from "../auth/FailedAttempts.ts"
import { Db, refuse } from "../platform/Db.ts"
import type { Query } from "../platform/Query.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type {
  LockedStatus,
  NumberedOrder,
  Order,
  OrderHistoryEntry,
  OrderId,
  OrderItem,
  StatusChangeRecord,
} from "./Order.ts"
import {
  isTrackingId,
  changeStatus as nextStep,
  OrderCancelled,
  OrderDelivered,
  OrderNotFound,
} from "./Order.ts"
import type { OrderStatus } from "./OrderStatus.ts"
import { OrdersRepo } from "./OrdersRepo.ts"

export interface OrderWithItems {
  readonly order: Order
  readonly items: ReadonlyArray<OrderItem>
}

interface By {
  readonly id: OrderId
  /** A role-like word of at most 20 characters. */
  readonly changedBy: string
  /** Goes to the history with the step. */
  readonly notes: string | null
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
    /** For whoever holds the tracking id, of whatever shop. Guesses are limited by the address they come from. */
    readonly getByTrackingId: (
      trackingId: string,
      address: string | null,
    ) => Effect.Effect<OrderWithItems, OrderNotFound | AttemptsTooMany | DatabaseUnavailable>
    /**
     * By somebody who may go any way: outside the path that people follow the step is an override. The same status
     * again is no step.
     */
    readonly changeStatus: (
      change: By & { readonly to: OrderStatus },
    ) => Effect.Effect<NumberedOrder, OrderNotFound | DatabaseUnavailable, TenantContext>
    /** From every status but the two final ones. */
    readonly cancel: (
      change: By,
    ) => Effect.Effect<
      NumberedOrder,
      OrderNotFound | OrderCancelled | OrderDelivered | DatabaseUnavailable,
      TenantContext
    >
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
      orders: ReadonlyArray<LockedStatus>,
    ) => ReadonlyArray<Query<void>>
  }
>()("cvety/orders/Orders") {
  static readonly layerNoDeps = Layer.effect(
    Orders,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* OrdersRepo
      const attempts = yield* FailedAttempts

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

      const getByTrackingId = Effect.fn("Orders.getByTrackingId")(function* (
        trackingId: string,
        address: string | null,
      ) {
        if (!isTrackingId(trackingId)) return yield* new OrderNotFound()
        const guess: ReadonlyArray<Attempt> =
          address === null ? [] : [{ kind: "tracking.address", subject: address }]
        // Side by side, so that who holds the id waits no longer for it.
        // A refusal waits for the lookup too: cutting it short would cost its connection.
        const [[[owned]], allowed] = yield* Effect.all(
          [
            db.readThrough("across_shops", [repo.findByTrackingId(trackingId)]),
            Effect.exit(attempts.ensureAllowed(guess)),
          ],
          { concurrency: 2 },
        )
        yield* allowed
        if (owned === undefined) {
          yield* attempts.count(guess)
          return yield* new OrderNotFound()
        }
        return yield* Effect.provideService(getById(owned.id), TenantContext, { shopId: owned.shop_id })
      })

      const saveStatusChanges: Orders["Service"]["saveStatusChanges"] = (shopId, changes, orders) => [
        ...(changes.length > 0 ? [repo.insertStatusChanges(shopId, changes)] : []),
        ...(orders.length > 0 ? [repo.saveLocked(shopId, orders)] : []),
      ]

      const step = Effect.fnUntraced(function* <E>(
        { id, to, changedBy, notes }: By & { readonly to: OrderStatus },
        refusalOf: (order: NumberedOrder) => E | undefined,
      ) {
        const { shopId } = yield* TenantContext
        return yield* db.transact({
          read: [repo.lockById(shopId, id)],
          write: ([[order]]) => {
            if (order === undefined) return refuse(new OrderNotFound())
            const refusal = refusalOf(order)
            if (refusal !== undefined) return refuse(refusal)
            if (order.status === to) return { queries: [], answer: order }
            const change = nextStep(order, to)
            const answer = { ...order, status: to, status_version: change.version }
            const record = { ...change, changedBy, notes, bitrixUserId: null, inboxId: null }
            return { queries: saveStatusChanges(shopId, [record], [answer]), answer }
          },
        })
      })

      const changeStatus: Orders["Service"]["changeStatus"] = Effect.fn("Orders.changeStatus")((change) =>
        step(change, () => undefined),
      )

      const cancel: Orders["Service"]["cancel"] = Effect.fn("Orders.cancel")((change) =>
        step({ ...change, to: "cancelled" }, ({ status }) =>
          status === "cancelled"
            ? new OrderCancelled()
            : status === "delivered"
              ? new OrderDelivered()
              : undefined,
        ),
      )

      return {
        getById,
        getHistory,
        getByTrackingId,
        changeStatus,
        cancel,
        lockByBitrixOrderIds: repo.lockByBitrixOrderIds,
        lockFreeByBitrixOrderIds: repo.lockFreeByBitrixOrderIds,
        findBitrixOrderIds: repo.findBitrixOrderIds,
        saveStatusChanges,
      }
    }),
  )

  static readonly layer = Orders.layerNoDeps.pipe(Layer.provide([OrdersRepo.layer, FailedAttempts.layer]))
}
