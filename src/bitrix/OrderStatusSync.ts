/**
 * Applies order-status events of Bitrix: event, order and history in one commit, many events in one commit when many
 * wait (see GroupCommit). Two round trips per commit, whatever its size:
 *
 *   lock the orders, look up repeated event ids  -->  decide  -->  inbox, history, orders, COMMIT
 *
 * Events for one order are decided one after another under its lock, so its history is one unbroken chain.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Span } from "effect/Tracer"
import { Orders } from "../orders/Orders.ts"
import { Db } from "../platform/Db.ts"
import * as GroupCommit from "../platform/GroupCommit.ts"
import { Inbox } from "../platform/Inbox.ts"
import * as LatencyBudget from "../platform/LatencyBudget.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { Overloaded } from "../shared/Overloaded.ts"
import { BitrixConnection } from "./BitrixConnection.ts"
import type { Delivery } from "./OrderStatusBatch.ts"
import { decideBatch, SOURCE } from "./OrderStatusBatch.ts"
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
    ) => Effect.Effect<OrderStatusAnswer, DatabaseUnavailable | Overloaded>
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
      const { shopId } = yield* BitrixConnection

      const commit = (deliveries: ReadonlyArray<Delivery>) =>
        db
          .transact({
            read: [
              orders.lockByBitrixOrderIds(shopId, possibleIds(deliveries)),
              inbox.findAnswers(shopId, SOURCE, eventIds(deliveries)),
            ],
            write: ([locked, given]) => {
              const foundNanos = clock.currentTimeNanosUnsafe()
              const decided = decideBatch(deliveries, locked, given, mapping)
              const mappedNanos = clock.currentTimeNanosUnsafe()
              return {
                queries: [
                  ...(decided.records.length > 0 ? [inbox.insert(shopId, SOURCE, decided.records)] : []),
                  ...orders.saveStatusChanges(shopId, decided.changes, decided.orders),
                ],
                answer: decided.answers.map((answer) => ({ answer, foundNanos, mappedNanos })),
              }
            },
          })
          .pipe(Effect.provideService(TenantContext, { shopId }))

      const group = yield* GroupCommit.make(commit)

      const apply = Effect.fnUntraced(function* (event: OrderStatusEvent) {
        const submittedNanos = clock.currentTimeNanosUnsafe()
        const span = yield* Effect.option(Effect.currentSpan)
        const { answer, foundNanos, mappedNanos } = yield* group.submit({
          id: SecureRandom.uuidV7Unsafe(),
          event,
          receivedAt: new Date(clock.currentTimeMillisUnsafe()),
          wasParked: false,
          traceParent: span._tag === "Some" ? traceParentOf(span.value) : null,
        })
        yield* LatencyBudget.record("find_order", submittedNanos, foundNanos)
        yield* LatencyBudget.record("map_status", foundNanos, mappedNanos)
        yield* LatencyBudget.record("update_and_record", mappedNanos, clock.currentTimeNanosUnsafe())
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

const traceParentOf = (span: Span): string =>
  `00-${span.traceId}-${span.spanId}-${span.sampled ? "01" : "00"}`
