/**
 * Applies what Bitrix says of goods: event, product, pictures, agreement and conflicts in one commit of two round
 * trips, like the order webhook.
 *
 *   lock product and agreement, look up a repeated event id  -->  decide  -->  inbox, product, agreement, COMMIT
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
import * as Schema from "effect/Schema"
import { Db, refuse } from "../platform/Db.ts"
import type { InboxRecord } from "../platform/Inbox.ts"
import { Inbox, newInboxId } from "../platform/Inbox.ts"
import * as LatencyBudget from "../platform/LatencyBudget.ts"
import { currentTrace, Outbox } from "../platform/Outbox.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import { MirroredProducts } from "../products/MirroredProducts.ts"
import type { ProductId } from "../products/Product.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { ShopId } from "../shared/ShopId.ts"
import { BitrixConnections } from "./BitrixConnections.ts"
import { BitrixProductsRepo } from "./BitrixProductsRepo.ts"
import { ConflictsRepo } from "./ConflictsRepo.ts"
import type { Decision } from "./ProductDecision.ts"
import { decide } from "./ProductDecision.ts"
import { idOf, ProductAnswer, ProductEvent } from "./ProductEvent.ts"
import { ProductIdMissing, ProductOfAnotherShop } from "./ProductFault.ts"
import { makeWrites, SOURCE } from "./ProductWrites.ts"

/** How an event is to be taken. */
export interface Reading {
  /** Read from Bitrix itself; applies only while the agreement is still of this version, or not made yet (null). */
  readonly seenVersion: number | null
}

export class ProductSync extends Context.Service<
  ProductSync,
  {
    /** Answers after the commit. */
    readonly apply: (
      event: ProductEvent,
    ) => Effect.Effect<
      ProductAnswer,
      ProductIdMissing | ProductOfAnotherShop | DatabaseUnavailable,
      TenantContext
    >
    /** Applies what was read from Bitrix's list; null when something happened to the product meanwhile. */
    readonly applyRead: (
      event: ProductEvent,
      reading: Reading,
    ) => Effect.Effect<
      ProductAnswer | null,
      ProductIdMissing | ProductOfAnotherShop | DatabaseUnavailable,
      TenantContext
    >
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

      const writesOf = makeWrites({ inbox, outbox, products, repo, conflictsRepo })

      const attempt = Effect.fnUntraced(function* (
        id: ProductId,
        event: ProductEvent,
        reading: Reading | undefined,
        record: (decision: Pick<Decision, "answer" | "state" | "reason">) => InboxRecord,
      ) {
        const { shopId } = yield* TenantContext
        const origin = connections.originOf(shopId)
        const startNanos = yield* Clock.currentTimeNanos
        const clock = yield* Clock.Clock
        return yield* db.transact({
          read: [
            products.lock(shopId, [id]),
            products.find(shopId, [id]),
            repo.lock(shopId, [id]),
            outbox.findOpen(shopId, "bitrix", "product", String(id)),
            inbox.findAnswers(shopId, SOURCE, event.event_id == null ? [] : [event.event_id]),
          ],
          write: ([, [product], [ledger], [open], [given]]) => {
            const foundNanos = clock.currentTimeNanosUnsafe()
            const times = { startNanos, foundNanos, mappedNanos: foundNanos }
            if (given !== undefined) {
              const answer = decodeAnswer(given.answer)
              return answer.message === FOREIGN
                ? refuse(new ProductOfAnotherShop())
                : { queries: [], answer: { ...times, answer } }
            }
            const hasMoved =
              reading !== undefined &&
              ((ledger?.version ?? null) !== reading.seenVersion || open?.is_held === true)
            if (hasMoved) return { queries: [], answer: { ...times, answer: null } }
            const decision = decide({
              id,
              event,
              product,
              ledger,
              before: open?.before ?? {},
              isAuthoritative: reading !== undefined,
              readAt:
                reading === undefined ? null : new Date(clock.currentTimeMillisUnsafe() - READ_MARGIN_MS),
              waitedSince: null,
              origin,
            })
            const kept = record(decision)
            return {
              queries: [
                inbox.insert(shopId, SOURCE, [kept]),
                ...writesOf(shopId, id, decision, {
                  hasOpenFact: open !== undefined,
                  traceParent: kept.traceParent,
                }),
              ],
              answer: {
                ...times,
                mappedNanos: clock.currentTimeNanosUnsafe(),
                answer: decision.answer,
              },
            }
          },
          violations: { product_pkey: new ProductOfAnotherShop() },
        })
      })

      /** Kept for people to look at: the event itself changed nothing. */
      const refuseForeign = Effect.fnUntraced(function* (record: () => InboxRecord) {
        const { shopId } = yield* TenantContext
        yield* Effect.logError("an id of another shop's product was refused").pipe(
          Effect.annotateLogs({ shop_id: shopId, product_id: record().subject }),
        )
        yield* Metric.update(foreign, 1)
        return yield* db.transact({
          read: [],
          write: () => ({
            ...refuse(new ProductOfAnotherShop()),
            queries: [inbox.insert(shopId, SOURCE, [record()])],
          }),
        })
      })

      const applyAs = Effect.fnUntraced(function* (event: ProductEvent, reading: Reading | undefined) {
        const id = idOf(event.product_data)
        if (id === undefined) return yield* new ProductIdMissing()
        const nowMs = yield* Clock.currentTimeMillis
        const traceParent = yield* currentTrace
        const record = ({ answer, state, reason }: Pick<Decision, "answer" | "state" | "reason">) => ({
          id: newInboxId(nowMs),
          subject: String(id),
          eventId: event.event_id ?? null,
          occurredAt: event.occurred_at ?? null,
          receivedAt: new Date(nowMs),
          payload: encodeEvent(event),
          answer,
          state,
          reason,
          traceParent,
        })
        const applying = attempt(id, event, reading, record)
        // Two events may create the same product at the same time: the second then finds it.
        const { answer, startNanos, foundNanos, mappedNanos } = yield* applying.pipe(
          Effect.catchTag("ProductOfAnotherShop", () => applying),
          Effect.catchTag("ProductOfAnotherShop", () =>
            refuseForeign(() => record({ answer: foreignAnswer(id), state: "parked", reason: FOREIGN })),
          ),
        )
        // The budget is the webhook's.
        if (reading !== undefined) return answer
        yield* LatencyBudget.record("webhook.find_product", startNanos, foundNanos)
        yield* LatencyBudget.record("webhook.map_product", foundNanos, mappedNanos)
        yield* LatencyBudget.record("webhook.update_and_record", mappedNanos, yield* Clock.currentTimeNanos)
        return answer
      })

      return {
        apply: Effect.fnUntraced(function* (event) {
          const answer = yield* applyAs(event, undefined)
          return answer ?? (yield* Effect.die(new Error("an event of Bitrix was not decided")))
        }),
        applyRead: Effect.fn("ProductSync.applyRead")((event, reading) => applyAs(event, reading)),
      }
    }),
  ).pipe(Layer.provide([BitrixProductsRepo.layer, ConflictsRepo.layer, MirroredProducts.layer]))
}

/** How far Bitrix's clock may be behind ours, and how long a page may have been on its way. */
const READ_MARGIN_MS = 60_000
const FOREIGN = "Product id belongs to another shop"
const foreignAnswer = (product_id: ProductId): ProductAnswer => ({
  status: "skipped",
  action: "skipped",
  product_id,
  reindex_triggered: false,
  embedding_generated: false,
  message: FOREIGN,
})
const encodeEvent = Schema.encodeSync(ProductEvent)
const decodeAnswer = Schema.decodeUnknownSync(ProductAnswer)

const foreign = Metric.counter("bitrix_foreign_products_total", {
  description: "Events that named a product of another shop",
  incremental: true,
})
