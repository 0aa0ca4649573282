/**
 * How what Bitrix lists of a product differs from what it said of it last, and the event that repairs it. Pure.
 *
 * The two are compared by a hash over the fields that the list tells, in our units: a price in another spelling is the
 * same price. What stands here needs no looking at: where only that changed, Bitrix is told by the outbox.
 *
 * The event id decides whether it is applied again in the next pass:
 *
 *   something readable differs   the item and the version of the agreement: each difference is applied once
 *   the rest cannot be read      the item and what was agreed on: kept once for people, however many passes see it
 */
import { hash } from "node:crypto"
import type { ProductId } from "../products/Product.ts"
import type { LedgerRow } from "./BitrixProductsRepo.ts"
import type { Field, SomeFields } from "./MirroredProduct.ts"
import { fields } from "./MirroredProduct.ts"
import { map } from "./ProductMapping.ts"

/** A product as Bitrix lists it. */
export type ListItem = Readonly<Record<string, unknown>>

export interface Difference {
  /** What Bitrix says otherwise than before; none where all that is new cannot be read. */
  readonly fields: ReadonlyArray<Field>
  /** A body of the product webhook. */
  readonly event: Readonly<Record<string, unknown>>
}

/** Undefined where Bitrix says what it said before. */
export const differenceOf = (
  item: ListItem,
  ledger: LedgerRow | undefined,
  origin: string | undefined,
): Difference | undefined => {
  const { said, isUnclear } = readable(item, ledger, origin)
  if (ledger === undefined)
    return { fields: fields.filter((field) => field in said), event: updated(item, "unknown") }
  const agreed = only(ledger.theirs, said)
  if (hashOf(said) === hashOf(agreed))
    return isUnclear ? { fields: [], event: updated(item, hashOf(ledger.theirs)) } : undefined
  return {
    fields: fields.filter((field) => field in said && hashOf(said, field) !== hashOf(agreed, field)),
    event: updated(item, ledger.version),
  }
}

/** Bitrix lists it no more, which is how it deletes. */
export const absence = (id: ProductId, version: number): Difference => ({
  fields: ["enabled"],
  event: {
    event_type: "product.deleted",
    product_data: { id },
    event_id: eventId("absent", id, version),
  },
})

const updated = (item: ListItem, since: number | string) => ({
  event_type: "product.updated",
  product_data: item,
  event_id: eventId(item, since),
})

/** An accidental zero is no price, as `ProductDecision` has it. */
const readable = (item: ListItem, ledger: LedgerRow | undefined, origin: string | undefined) => {
  const { said, notes } = map(item, origin)
  const isZeroKnown =
    ledger === undefined || ledger.theirs.price === 0 || ledger.sent.some(({ theirs }) => theirs.price === 0)
  if (said.price !== 0 || isZeroKnown) return { said, isUnclear: notes.length > 0 }
  const others = Object.fromEntries(Object.entries(said).filter(([field]) => field !== "price"))
  return { said: others as SomeFields, isUnclear: true }
}

const only = (some: SomeFields, asked: SomeFields): SomeFields =>
  Object.fromEntries(
    fields.flatMap((field) => (field in asked && field in some ? [[field, some[field]]] : [])),
  )

/** Of one field, or of all that there are. */
const hashOf = (some: SomeFields, one?: Field): string =>
  sha256(fields.flatMap((field) => (field in some && (one ?? field) === field ? [field, some[field]] : [])))

const eventId = (...parts: ReadonlyArray<unknown>): string => `list:${sha256(parts)}`

const sha256 = (value: unknown): string => hash("sha256", JSON.stringify(value), "hex")
