/**
 * Applies order-status events of Bitrix: event, order and history in one commit, many events in one commit when many
 * wait (see GroupCommit). Two round trips per commit, whatever its size:
 *
 *   lock the free orders, look up repeated event ids  -->  decide  -->  inbox, history, orders, COMMIT
 *
 * Events for one order are decided in the order of their arrival, under its lock, so its history is one unbroken
 * chain. A commit waits for no lock: an event whose order somebody else holds is left undecided and tried again, so
 * that one held order delays nobody else.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ParentSpan } from "effect/Tracer"
import { Orders } from "../orders/Orders.ts"
import { Db } from "../platform/Db.ts"
import * as GroupCommitPerShop from "../platform/GroupCommitPerShop.ts"
import { Inbox, newInboxId } from "../platform/Inbox.ts"
import * as LatencyBudget from "../platform/LatencyBudget.ts"
import type { TenantContext } from "../platform/TenantContext.ts"
import { traceParent } from "../platform/traceParent.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { Overloaded } from "../shared/Overloaded.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { Delivery } from "./OrderStatusBatch.ts"
import { decideBatch, heldIds, SOURCE } from "./OrderStatusBatch.ts"
import type { OrderStatusAnswer } from "./OrderStatusDecision.ts"
import type { OrderStatusEvent } from "./OrderStatusEvent.ts"
import { isPossibleId } from "./OrderStatusEvent.ts"
import { OrderStatusMapping } from "./OrderStatusMapping.ts"

export class OrderStatusSync extends Context.Service<
  OrderStatusSync,
  {
    /** Answers after the commit. */
    readonly apply: (
      event: OrderStatusEvent,
    ) => Effect.Effect<OrderStatusAnswer, DatabaseUnavailable | Overloaded, TenantContext>
  }
>()("cvety/bitrix/OrderStatusSync") {
  static readonly layer = Layer.effect(
    OrderStatusSync,
    Effect.gen(function* () {
      const db = yield* Db
      const inbox = yield* Inbox
      const orders = yield* Orders
      const mapping = yield* OrderStatusMapping
      const clock = yield* Clock.Clock

      const commit = (shopId: ShopId, deliveries: ReadonlyArray<Delivery>) => {
        const ids = possibleIds(deliveries)
        const repeatable = eventIds(deliveries)
        return db.transact({
          read: [
            orders.lockFreeByBitrixOrderIds(shopId, ids),
            orders.findBitrixOrderIds(shopId, ids),
            ...(repeatable.length > 0 ? [inbox.findAnswers(shopId, SOURCE, repeatable)] : []),
          ],
          write: ([locked, existing, given = []]) => {
            const foundNanos = clock.currentTimeNanosUnsafe()
            const decided = decideBatch(deliveries, locked, given, mapping, heldIds(existing, locked))
            const mappedNanos = clock.currentTimeNanosUnsafe()
            return {
              queries: [
                ...(decided.records.length > 0 ? [inbox.insert(shopId, SOURCE, decided.records)] : []),
                ...orders.saveStatusChanges(shopId, decided.changes, decided.orders),
              ],
              answer: decided.answers.map((answer) =>
                answer === undefined ? undefined : { answer, foundNanos, mappedNanos },
              ),
            }
          },
        })
      }

      const groups = yield* GroupCommitPerShop.make({
        keyOf: ({ event }: Delivery) => event.order_id,
        commit,
        heldTooLong: () => new DatabaseUnavailable(),
      })

      const apply = Effect.fnUntraced(function* (event: OrderStatusEvent) {
        const submittedNanos = clock.currentTimeNanosUnsafe()
        const span = yield* currentSpan
        const { answer, foundNanos, mappedNanos } = yield* groups.submit({
          id: newInboxId(clock.currentTimeMillisUnsafe()),
          event,
          receivedAt: new Date(clock.currentTimeMillisUnsafe()),
          wasParked: false,
          traceParent: span === undefined ? null : traceParent(span),
        })
        yield* LatencyBudget.record("webhook.find_order", submittedNanos, foundNanos)
        yield* LatencyBudget.record("webhook.map_status", foundNanos, mappedNanos)
        yield* LatencyBudget.record("webhook.update_and_record", mappedNanos, clock.currentTimeNanosUnsafe())
        return answer
      })

      return { apply }
    }),
  )
}

const possibleIds = (deliveries: ReadonlyArray<Delivery>): ReadonlyArray<string> => [
  ...new Set(deliveries.map(({ event }) => event.order_id).filter(isPossibleId)),
]

const eventIds = (deliveries: ReadonlyArray<Delivery>): ReadonlyArray<string> =>
  deliveries.flatMap(({ event }) => (event.event_id == null ? [] : [event.event_id]))

const currentSpan = Effect.contextWith((context: Context.Context<never>) =>
  Effect.succeed(Context.getOrUndefined(context, ParentSpan)),
)
