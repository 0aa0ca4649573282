/**
 * Decides events of the inbox again: parked ones when what they lacked has appeared, past ones when an operator asks.
 * The rules are those of an arrival, and the time of receipt still counts: an event that a later one has overtaken is
 * stale and stays without effect. The answer that the sender got does not change.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { LockedOrder, StatusChangeRecord } from "../orders/Order.ts"
import { Orders } from "../orders/Orders.ts"
import { Db } from "../platform/Db.ts"
import type { InboxEntry, InboxState } from "../platform/Inbox.ts"
import { Inbox } from "../platform/Inbox.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { ShopId } from "../shared/ShopId.ts"
import { heldIds, toChangeRecord } from "./OrderStatusBatch.ts"
import type { Decision } from "./OrderStatusDecision.ts"
import { decide } from "./OrderStatusDecision.ts"
import { isPossibleId, OrderStatusEvent } from "./OrderStatusEvent.ts"
import { OrderStatusMapping } from "./OrderStatusMapping.ts"
import type { ApplicableEvent } from "./ParkedEventsRepo.ts"
import { ParkedEventsRepo } from "./ParkedEventsRepo.ts"

export const BATCH_MAX = 100

export interface Replayed {
  readonly entry: InboxEntry
  readonly decision: Decision
}

export class OrderStatusReplay extends Context.Service<
  OrderStatusReplay,
  {
    /** Applies up to `BATCH_MAX` parked events that can be applied by now; says how many it settled. */
    readonly applyParked: Effect.Effect<number, DatabaseUnavailable>
    /** Replays one event of any state; a dry run decides and writes nothing. Undefined: no such event. */
    readonly replay: (
      id: string,
      options: { readonly isDryRun: boolean },
    ) => Effect.Effect<Replayed | undefined, DatabaseUnavailable>
  }
>()("cvety/bitrix/OrderStatusReplay") {
  static readonly layerNoDeps = Layer.effect(
    OrderStatusReplay,
    Effect.gen(function* () {
      const db = yield* Db
      const inbox = yield* Inbox
      const orders = yield* Orders
      const parked = yield* ParkedEventsRepo
      const mapping = yield* OrderStatusMapping

      const replayAll = (
        shopId: ShopId,
        events: ReadonlyArray<{ readonly id: string; readonly subject: string }>,
        options: ReplayOptions,
      ) =>
        db
          .transact({
            read: [
              options.isWaiting
                ? orders.lockByBitrixOrderIds(shopId, subjects(events))
                : orders.lockFreeByBitrixOrderIds(shopId, subjects(events)),
              orders.findBitrixOrderIds(shopId, subjects(events)),
              inbox.claim(
                shopId,
                events.map(({ id }) => id),
                options.states,
              ),
            ],
            write: ([locked, existing, entries]) => {
              const held = heldIds(existing, locked)
              const free = entries.filter(({ subject }) => !held.has(subject))
              const replayed = decideAgain(free, locked, mapping)
              return {
                queries: options.isDryRun
                  ? []
                  : [
                      ...orders.saveStatusChanges(shopId, replayed.changes, replayed.orders),
                      inbox.settle(shopId, replayed.settled),
                    ],
                answer: replayed.decided,
              }
            },
          })
          .pipe(Effect.provideService(TenantContext, { shopId }))

      const applyParked = Effect.gen(function* () {
        const [applicable] = yield* db.readThrough("across_shops", [
          parked.findApplicable([...mapping.keys()], BATCH_MAX),
        ])
        // A shop whose turn fails must not keep the others from theirs.
        const turns = yield* Effect.forEach(byShop(applicable), ([shopId, events]) =>
          Effect.exit(replayAll(shopId, events, { states: ["parked"], isWaiting: false, isDryRun: false })),
        )
        const settled = turns.flatMap((turn) => (turn._tag === "Success" ? turn.value : []))
        const failed = turns.find((turn) => turn._tag === "Failure")
        if (failed !== undefined && settled.length === 0) return yield* Effect.failCause(failed.cause)
        return settled.length
      }).pipe(Effect.withSpan("OrderStatusReplay.applyParked"))

      const replay = Effect.fn("OrderStatusReplay.replay")(function* (
        id: string,
        { isDryRun }: { readonly isDryRun: boolean },
      ) {
        const [[entry]] = yield* db.readThrough("across_shops", [inbox.findById(id)])
        if (entry === undefined) return undefined
        const states = ["parked", "skipped", "applied"] as const
        const [replayed] = yield* replayAll(entry.shop_id, [entry], { states, isWaiting: true, isDryRun })
        return replayed
      })

      return { applyParked, replay }
    }),
  )

  static readonly layer = OrderStatusReplay.layerNoDeps.pipe(Layer.provide(ParkedEventsRepo.layer))
}

interface ReplayOptions {
  readonly states: ReadonlyArray<InboxState>
  /** Whether to wait for an order that somebody else holds, or to leave its events for the next time. */
  readonly isWaiting: boolean
  readonly isDryRun: boolean
}

const subjects = (events: ReadonlyArray<{ readonly subject: string }>): ReadonlyArray<string> => [
  ...new Set(events.map(({ subject }) => subject).filter(isPossibleId)),
]

const decideAgain = (
  entries: ReadonlyArray<InboxEntry>,
  locked: ReadonlyArray<LockedOrder>,
  mapping: Parameters<typeof decide>[2],
) => {
  const ordersByBitrixId = new Map(locked.map((order) => [order.bitrix_order_id, order]))
  const reached = new Map<string, LockedOrder>()
  const decided: Array<Replayed> = []
  const changes: Array<StatusChangeRecord> = []

  for (const entry of entries) {
    const event = Option.getOrUndefined(decodeEvent(entry.payload))
    if (event === undefined) {
      decided.push({ entry, decision: unreadable(entry) })
      continue
    }
    const arrival = { event, receivedAt: entry.received_at, wasParked: true }
    const decision = decide(arrival, ordersByBitrixId.get(entry.subject), mapping)
    decided.push({ entry, decision })
    if (decision.change !== null) changes.push(toChangeRecord(entry.id, event, decision.change))
    if (decision.order !== null) {
      ordersByBitrixId.set(entry.subject, decision.order)
      reached.set(entry.subject, decision.order)
    }
  }
  // What was applied once stays applied, whatever a replay makes of it.
  const settled = decided
    .filter(({ entry, decision }) => entry.state === "parked" || decision.state === "applied")
    .map(({ entry, decision }) => ({ id: entry.id, state: decision.state, reason: decision.reason }))
  return { decided, changes, orders: [...reached.values()], settled }
}

const byShop = (
  events: ReadonlyArray<ApplicableEvent>,
): ReadonlyArray<[ShopId, ReadonlyArray<ApplicableEvent>]> => [
  ...Map.groupBy(events, ({ shop_id }) => shop_id),
]

const decodeEvent = Schema.decodeUnknownOption(OrderStatusEvent)

/** A payload that this version cannot read stays as it is, and must not stop what stands behind it. */
const unreadable = ({ subject }: InboxEntry): Decision => ({
  answer: { status: "skipped", reason: UNREADABLE, bitrix_order_id: subject },
  state: "skipped",
  reason: UNREADABLE,
  change: null,
  order: null,
})
const UNREADABLE = "Payload cannot be read"
