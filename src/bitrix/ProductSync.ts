/**
 * Applies what Bitrix says of goods: event, product, pictures, agreement and conflicts in one commit of two round
 * trips, many events in one when many wait, like the order webhook (see GroupCommit).
 *
 *   lock the free goods, read them and their agreements, look up repeated event ids
 *     -->  decide each  -->  inbox, goods, agreements, COMMIT
 *
 * What came from Bitrix records no fact for Bitrix: it is not told what it said, unless it turns out to lack something of
 * ours of which nobody is about to tell it (a push whose answer was lost). An id that belongs to another shop is
 * refused, kept in the inbox and counted: two connections claim the same goods.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import { Db } from "../platform/Db.ts"
import * as GroupCommitPerShop from "../platform/GroupCommitPerShop.ts"
import { Inbox, newInboxId } from "../platform/Inbox.ts"
import * as LatencyBudget from "../platform/LatencyBudget.ts"
import { currentTrace, Outbox } from "../platform/Outbox.ts"
import type { TenantContext } from "../platform/TenantContext.ts"
import { MirroredProducts } from "../products/MirroredProducts.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { Overloaded } from "../shared/Overloaded.ts"
import type { ShopId } from "../shared/ShopId.ts"
import { BitrixConnections } from "./BitrixConnections.ts"
import { BitrixProductsRepo } from "./BitrixProductsRepo.ts"
import { ConflictsRepo } from "./ConflictsRepo.ts"
import type { Arrival } from "./ProductBatch.ts"
import { decideBatch, FOREIGN, foreignAnswer, toRecord } from "./ProductBatch.ts"
import type { ProductAnswer, ProductEvent } from "./ProductEvent.ts"
import { idOf } from "./ProductEvent.ts"
import { ProductIdMissing, ProductOfAnotherShop } from "./ProductFault.ts"
import { makeWrites, SOURCE } from "./ProductWrites.ts"

/** How an event is to be taken. */
export interface Reading {
  /** Read from Bitrix itself; applies only while the agreement is still of this version, or not made yet (null). */
  readonly seenVersion: number | null
}

type Fault = ProductIdMissing | ProductOfAnotherShop | Overloaded | DatabaseUnavailable

export class ProductSync extends Context.Service<
  ProductSync,
  {
    /** Answers after the commit. */
    readonly apply: (event: ProductEvent) => Effect.Effect<ProductAnswer, Fault, TenantContext>
    /** Applies what was read from Bitrix's list; null when something happened to the product meanwhile. */
    readonly applyRead: (
      event: ProductEvent,
      reading: Reading,
    ) => Effect.Effect<ProductAnswer | null, Fault, TenantContext>
  }
>()("cvety/bitrix/ProductSync") {
  static readonly layer = Layer.effect(
    ProductSync,
    Effect.gen(function* () {
      const db = yield* Db
      const inbox = yield* Inbox
      const outbox = yield* Outbox
      const products = yield* MirroredProducts
      const repo = yield* BitrixProductsRepo
      const conflictsRepo = yield* ConflictsRepo
      const connections = yield* BitrixConnections
      const clock = yield* Clock.Clock
      const writesOf = makeWrites({ inbox, outbox, products, repo, conflictsRepo })

      const attempt = (shopId: ShopId, arrivals: ReadonlyArray<Arrival>) => {
        const ids = [...new Set(arrivals.map(({ id }) => id))]
        const eventIds = arrivals.flatMap(({ event }) => (event.event_id == null ? [] : [event.event_id]))
        return db.transact({
          read: [
            products.lockFree(shopId, ids),
            products.find(shopId, ids),
            repo.lock(shopId, ids),
            outbox.findOpen(shopId, "bitrix", "product", ids.map(String)),
            inbox.findAnswers(shopId, SOURCE, eventIds),
          ],
          write: ([free, existing, ledgers, open, given]) => {
            const foundNanos = clock.currentTimeNanosUnsafe()
            const now = new Date(clock.currentTimeMillisUnsafe())
            const heldIds = new Set(existing.map(({ id }) => id))
            for (const { id } of free) heldIds.delete(id)
            const outcomes = decideBatch(
              arrivals,
              { heldIds, products: existing, ledgers, open, given },
              { origin: connections.originOf(shopId), now },
            )
            const settled = outcomes.flatMap((outcome) => outcome.settled ?? [])
            const mappedNanos = clock.currentTimeNanosUnsafe()
            return {
              queries: [
                ...(settled.length > 0
                  ? [
                      inbox.insert(
                        shopId,
                        SOURCE,
                        settled.map(({ record }) => record),
                      ),
                    ]
                  : []),
                ...settled.flatMap(({ arrival: { id, traceParent }, decision, hasOpenFact }) =>
                  writesOf(shopId, id, decision, { hasOpenFact, traceParent }),
                ),
              ],
              answer: outcomes.map(({ taken }) =>
                taken === undefined ? undefined : { taken, foundNanos, mappedNanos },
              ),
            }
          },
          // Among many nobody knows whose id it was: they are tried again one by one.
          ...(arrivals.length === 1 ? { violations: { product_pkey: new ProductOfAnotherShop() } } : {}),
        })
      }

      /** Kept for people to look at: the event itself changed nothing. */
      const refuseForeign = Effect.fnUntraced(function* (shopId: ShopId, arrival: Arrival | undefined) {
        if (arrival === undefined) return []
        yield* Effect.logError("an id of another shop's product was refused").pipe(
          Effect.annotateLogs({ shop_id: shopId, product_id: arrival.id }),
        )
        yield* Metric.update(foreign, 1)
        const answer = foreignAnswer(arrival.id)
        const record = toRecord(arrival, { answer, state: "parked", reason: FOREIGN })
        yield* db.transact({
          read: [],
          write: () => ({ queries: [inbox.insert(shopId, SOURCE, [record])], answer: undefined }),
        })
        const nowNanos = clock.currentTimeNanosUnsafe()
        return [{ taken: { kind: "foreign" } as const, foundNanos: nowNanos, mappedNanos: nowNanos }]
      })

      // Two events may create the same product at the same time: the second then finds it.
      const commit = (shopId: ShopId, arrivals: ReadonlyArray<Arrival>) =>
        attempt(shopId, arrivals).pipe(
          Effect.catchTag("ProductOfAnotherShop", () => attempt(shopId, arrivals)),
          Effect.catchTag("ProductOfAnotherShop", () => refuseForeign(shopId, arrivals[0])),
        )

      const groups = yield* GroupCommitPerShop.make({
        keyOf: ({ id }: Arrival) => String(id),
        commit,
        heldTooLong: () => new DatabaseUnavailable(),
      })

      const submit = Effect.fnUntraced(function* (event: ProductEvent, reading: Reading | undefined) {
        const id = idOf(event.product_data)
        if (id === undefined) return yield* new ProductIdMissing()
        const nowMs = clock.currentTimeMillisUnsafe()
        const { taken, ...times } = yield* groups.submit({
          inboxId: newInboxId(nowMs),
          id,
          event,
          receivedAt: new Date(nowMs),
          traceParent: yield* currentTrace,
          ...(reading === undefined ? {} : { seenVersion: reading.seenVersion }),
        })
        if (taken.kind === "foreign") return yield* new ProductOfAnotherShop()
        return { answer: taken.kind === "moved" ? null : taken.answer, ...times }
      })

      const apply: ProductSync["Service"]["apply"] = Effect.fnUntraced(function* (event) {
        const submittedNanos = clock.currentTimeNanosUnsafe()
        const { answer, foundNanos, mappedNanos } = yield* submit(event, undefined)
        yield* LatencyBudget.record("webhook.find_product", submittedNanos, foundNanos)
        yield* LatencyBudget.record("webhook.map_product", foundNanos, mappedNanos)
        yield* LatencyBudget.record("webhook.update_and_record", mappedNanos, clock.currentTimeNanosUnsafe())
        return answer ?? (yield* Effect.die(new Error("an event of Bitrix was not decided")))
      })

      const applyRead: ProductSync["Service"]["applyRead"] = Effect.fn("ProductSync.applyRead")(
        (event, reading) => Effect.map(submit(event, reading), ({ answer }) => answer),
      )

      return { apply, applyRead }
    }),
  ).pipe(Layer.provide([BitrixProductsRepo.layer, ConflictsRepo.layer, MirroredProducts.layer]))
}

const foreign = Metric.counter("bitrix_foreign_products_total", {
  description: "Events that named a product of another shop",
  incremental: true,
})
