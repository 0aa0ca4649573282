/**
 * Decides a batch of product events against what was locked and says what to write. Pure: each sees the goods as the ones
 * before it left them, so the same events in the same order give the same result, in one batch or in many.
 */
import * as Schema from "effect/Schema"
import type { InboxRecord } from "../platform/Inbox.ts"
import type { MirroredProduct } from "../products/MirroredProduct.ts"
import type { ProductId } from "../products/Product.ts"
import type { LedgerRow } from "./BitrixProductsRepo.ts"
import type { Decision } from "./ProductDecision.ts"
import { decide } from "./ProductDecision.ts"
import { ProductAnswer, ProductEvent } from "./ProductEvent.ts"

/** An event on its way into the inbox. */
export interface Arrival {
  readonly inboxId: string
  readonly id: ProductId
  readonly event: ProductEvent
  readonly receivedAt: Date
  readonly traceParent: string | null
  /** Of what was read from Bitrix itself: applies only while the agreement is of this version, or not made yet (null). */
  readonly seenVersion?: number | null
}

export interface Found {
  /** That exist, but are locked by another transaction. */
  readonly heldIds: ReadonlySet<ProductId>
  readonly products: ReadonlyArray<MirroredProduct>
  readonly ledgers: ReadonlyArray<LedgerRow>
  readonly open: ReadonlyArray<OpenFact & { readonly aggregate_id: string }>
  readonly given: ReadonlyArray<{ readonly event_id: string; readonly answer: unknown }>
}

interface OpenFact {
  readonly before: Readonly<Record<string, unknown>>
  readonly is_held: boolean
}

/** How an event was taken: `moved` when something happened to the product since it was read. */
export type Taken =
  | { readonly kind: "answered"; readonly answer: ProductAnswer }
  | { readonly kind: "foreign" }
  | { readonly kind: "moved" }

export interface Outcome {
  /** Undefined for an event whose product somebody else holds: nothing was decided. */
  readonly taken: Taken | undefined
  /** What is to be written; none for a repeat. */
  readonly settled?: {
    readonly arrival: Arrival
    readonly decision: Decision
    readonly record: InboxRecord
    readonly hasOpenFact: boolean
  }
}

export const FOREIGN = "Product id belongs to another shop"
/** How far Bitrix's clock may be behind ours, and how long a page may have been on its way. */
const READ_MARGIN_MS = 60_000

export const decideBatch = (
  arrivals: ReadonlyArray<Arrival>,
  found: Found,
  at: { readonly origin: string | undefined; readonly now: Date },
): ReadonlyArray<Outcome> => {
  const products = new Map(found.products.map((product) => [product.id, product]))
  const ledgers = new Map(found.ledgers.map((ledger) => [ledger.product_id, ledger]))
  const open = new Map(found.open.map((fact) => [fact.aggregate_id, fact as OpenFact]))
  const answers = new Map(found.given.map(({ event_id, answer }) => [event_id, decodeAnswer(answer)]))

  return arrivals.map((arrival): Outcome => {
    const { id, event, seenVersion } = arrival
    const repeated = event.event_id == null ? undefined : answers.get(event.event_id)
    if (repeated !== undefined) {
      const isForeign = repeated.message === FOREIGN
      return { taken: isForeign ? { kind: "foreign" } : { kind: "answered", answer: repeated } }
    }
    if (found.heldIds.has(id)) return { taken: undefined }
    const ledger = ledgers.get(id)
    const fact = open.get(String(id))
    const isRead = seenVersion !== undefined
    if (isRead && ((ledger?.version ?? null) !== seenVersion || fact?.is_held === true))
      return { taken: { kind: "moved" } }
    const decision = decide({
      id,
      event,
      product: products.get(id),
      ledger,
      before: fact?.before ?? {},
      isAuthoritative: isRead,
      readAt: isRead ? new Date(at.now.getTime() - READ_MARGIN_MS) : null,
      waitedSince: null,
      origin: at.origin,
    })
    const { write, answer } = decision
    if (write.kind !== "none") products.set(id, { ...write.product, is_deleted: false })
    if (decision.ledger !== null) ledgers.set(id, toRow(decision.ledger, ledger, at.now))
    if (decision.isUntold && fact === undefined) open.set(String(id), { before: {}, is_held: false })
    if (event.event_id != null) answers.set(event.event_id, answer)
    return {
      taken: { kind: "answered", answer },
      settled: { arrival, decision, record: toRecord(arrival, decision), hasOpenFact: fact !== undefined },
    }
  })
}

const toRow = (
  { productId, ours, theirs, sent, blurred, lastEventAt }: NonNullable<Decision["ledger"]>,
  former: LedgerRow | undefined,
  now: Date,
): LedgerRow => ({
  product_id: productId,
  ours,
  theirs,
  sent,
  blurred,
  version: (former?.version ?? 0) + 1,
  last_event_at: lastEventAt,
  last_pulled_at: now,
})

export const toRecord = (
  { inboxId, id, event, receivedAt, traceParent }: Arrival,
  { answer, state, reason }: Pick<Decision, "answer" | "state" | "reason">,
): InboxRecord => ({
  id: inboxId,
  subject: String(id),
  eventId: event.event_id ?? null,
  occurredAt: event.occurred_at ?? null,
  receivedAt,
  payload: encodeEvent(event),
  answer,
  state,
  reason,
  traceParent,
})

export const foreignAnswer = (product_id: ProductId): ProductAnswer => ({
  status: "skipped",
  action: "skipped",
  product_id,
  reindex_triggered: false,
  embedding_generated: false,
  message: FOREIGN,
})

const encodeEvent = Schema.encodeSync(ProductEvent)
const decodeAnswer = Schema.decodeUnknownSync(ProductAnswer)
