/**
 * What an event of Bitrix does to a product, decided in one place for webhooks, for the walk through Bitrix's list and
 * for replays. Pure.
 *
 *   kind of event unknown        --> parked   "Unknown event type"
 *   deleted, never known here    --> skipped  "Product not found"
 *   older than the last one      --> skipped  "Stale event"
 *   deleted here                 --> skipped  "Product was deleted here"
 *   unknown here, without a name or a readable price  --> parked: nothing is sold for a price that nobody named
 *   unknown here                 --> applied  created
 *   all as it stands here        --> skipped  "Nothing new"
 *   something could not be read  --> the rest is applied, and the event is parked for people to look at
 *   otherwise                    --> applied  updated | deleted (taken off sale, because orders name it)
 */
import type { InboxState } from "../platform/Inbox.ts"
import type { MirroredProduct, MirroredState } from "../products/MirroredProduct.ts"
import type { ProductId } from "../products/Product.ts"
import { Tiyn } from "../shared/Tiyn.ts"
import type { LedgerChange, LedgerRow } from "./BitrixProductsRepo.ts"
import type { Ledger, Mirrored, SomeFields } from "./MirroredProduct.ts"
import { fields } from "./MirroredProduct.ts"
import type { ProductAnswer, ProductEvent } from "./ProductEvent.ts"
import type { Mapped } from "./ProductMapping.ts"
import { map } from "./ProductMapping.ts"
import type { Conflict } from "./ProductMerge.ts"
import { assumed, merge, needsTelling } from "./ProductMerge.ts"

export interface Situation {
  readonly id: ProductId
  readonly event: ProductEvent
  readonly product: MirroredProduct | undefined
  readonly ledger: LedgerRow | undefined
  /** What the undelivered fact says of how the product was; empty when there is none. */
  readonly before: Readonly<Record<string, unknown>>
  /** Whether it was read from Bitrix itself, after everything that we know had happened. */
  readonly isAuthoritative: boolean
  /** Of what was read from Bitrix itself: no event from before this moment is news after it. */
  readonly readAt: Date | null
  /** When an event that is decided again had arrived; null for one that arrives now. */
  readonly waitedSince: Date | null
  /** Where Bitrix's own paths lead. */
  readonly origin: string | undefined
}

export interface Decision {
  readonly answer: ProductAnswer
  readonly state: InboxState
  readonly reason: string | null
  readonly write:
    | { readonly kind: "none" }
    | { readonly kind: "insert"; readonly product: MirroredState }
    | { readonly kind: "save"; readonly product: MirroredState; readonly hasNewImages: boolean }
  readonly ledger: LedgerChange | null
  readonly conflicts: ReadonlyArray<Conflict>
  /** Whether it said all that events say and all of it was read: what waits from before needs no more looking at. */
  readonly isWhole: boolean
  /** Whether something stands here that Bitrix has yet to be told. */
  readonly isUntold: boolean
}

const CANNOT_BE_CREATED = "Cannot be created without"
const KEPT = "Kept:"
/** How the reasons begin that a later event makes good, which says the same properly. */
export const UNREAD_REASONS = [CANNOT_BE_CREATED, KEPT] as const

export const decide = (situation: Situation): Decision => {
  const { id, event, product } = situation
  const isDeletion = event.event_type === "product.deleted"
  if (!isDeletion && event.event_type !== "product.created" && event.event_type !== "product.updated")
    return { ...nothing(id, null, null), state: "parked", reason: "Unknown event type" }
  if (product === undefined) {
    if (isDeletion) return skipped(id, "Product not found")
    return create(situation, map(event.product_data, situation.origin))
  }
  if (product.is_deleted) return skipped(id, "Product was deleted here")
  if (isStale(situation)) return skipped(id, "Stale event")
  return update(situation, product, isDeletion)
}

/** Older than the last event by Bitrix's own clock, or overtaken while it waited. */
const isStale = ({ event: { occurred_at }, ledger, waitedSince }: Situation): boolean => {
  if (occurred_at != null && ledger?.last_event_at != null) return occurred_at < ledger.last_event_at
  return waitedSince !== null && ledger?.last_pulled_at != null && waitedSince < ledger.last_pulled_at
}

const create = ({ id, event, readAt }: Situation, { said, blurred, notes }: Mapped): Decision => {
  const { name, price } = said
  if (name === undefined || price === undefined || price === 0) {
    const lack = name === undefined ? "its name" : price === 0 ? "a price above zero" : "its price"
    const reason = [`${CANNOT_BE_CREATED} ${lack}`, ...notes].join("; ")
    return { ...skipped(id, reason), state: "parked" }
  }
  const local: Mirrored = { ...blank, ...said, name, price }
  return {
    answer: answer(id, "created", notes),
    ...verdict(notes),
    write: { kind: "insert", product: toState(id, local) },
    ledger: pulled(id, { ours: local, theirs: { ...local, ...said }, sent: [], blurred }, event, readAt),
    conflicts: [],
    isWhole: notes.length === 0,
    isUntold: false,
  }
}

const update = (
  { id, event, ledger, before, isAuthoritative, readAt, origin }: Situation,
  product: MirroredProduct,
  isDeletion: boolean,
): Decision => {
  const local = toMirrored(product)
  const agreed: Ledger = ledger ?? assumed(local, before)
  const mapped = isDeletion
    ? { said: { enabled: false }, blurred: [], notes: [] }
    : map(event.product_data, origin)
  const { said, blurred, notes } = withoutAccidentalZero(mapped, local, agreed)
  const merged = merge({ local, agreed, incoming: said, blurred, isAuthoritative })
  const hasChanges = Object.keys(merged.changes).length > 0
  return {
    answer: answer(id, isDeletion ? "deleted" : "updated", notes),
    ...(notes.length > 0 || hasChanges ? verdict(notes) : { state: "skipped", reason: "Nothing new" }),
    write: hasChanges
      ? {
          kind: "save",
          product: toState(id, { ...local, ...merged.changes }),
          hasNewImages: "images" in merged.changes,
        }
      : { kind: "none" },
    ledger: pulled(id, merged.ledger, event, latest(ledger?.last_event_at ?? null, readAt)),
    conflicts: merged.conflicts,
    isWhole: notes.length === 0 && "price" in said && "name" in said,
    isUntold: needsTelling({ ...local, ...merged.changes }, merged.ledger),
  }
}

/** A zero is believed only where the price is zero here, was, or was told by us. */
const withoutAccidentalZero = (mapped: Mapped, local: Mirrored, agreed: Ledger): Mapped => {
  const { said, blurred, notes } = mapped
  const isKnown =
    local.price === 0 || agreed.theirs.price === 0 || agreed.sent.some(({ theirs }) => theirs.price === 0)
  if (said.price !== 0 || isKnown) return mapped
  const others: SomeFields = Object.fromEntries(Object.entries(said).filter(([field]) => field !== "price"))
  return { said: others, blurred: [...blurred, "price"], notes: [...notes, "price: zero"] }
}

const verdict = (notes: ReadonlyArray<string>): Pick<Decision, "state" | "reason"> =>
  notes.length === 0
    ? { state: "applied", reason: null }
    : { state: "parked", reason: `${KEPT} ${notes.join("; ")}` }

const blank: Mirrored = {
  name: "",
  price: 0,
  description: null,
  image: null,
  enabled: true,
  type: "flowers",
  width: null,
  height: null,
  images: [],
}

const latest = (one: Date | null, other: Date | null): Date | null =>
  one === null || (other !== null && other > one) ? other : one

const pulled = (
  productId: ProductId,
  ledger: Ledger,
  { occurred_at }: ProductEvent,
  lastEventAt: Date | null,
): LedgerChange => ({
  productId,
  ...ledger,
  lastEventAt: occurred_at ?? lastEventAt,
  happened: "pulled",
})

export const toMirrored = (product: MirroredProduct): Mirrored =>
  Object.fromEntries(
    fields.map((field) => [
      field,
      field === "enabled" ? product.enabled && !product.is_deleted : product[field],
    ]),
  ) as unknown as Mirrored

const toState = (id: ProductId, local: Mirrored & SomeFields): MirroredState => ({
  ...local,
  id,
  price: Tiyn.make(local.price),
})

const answer = (
  product_id: ProductId,
  action: ProductAnswer["action"],
  notes: ReadonlyArray<string> = [],
): ProductAnswer => ({
  status: "success",
  action,
  product_id,
  reindex_triggered: false,
  embedding_generated: false,
  ...(notes.length === 0 ? {} : { notes }),
})

const nothing = (id: ProductId, action: ProductAnswer["action"], reason: string | null) => ({
  answer: { ...answer(id, action), ...(reason === null ? {} : { message: reason }) },
  reason,
  write: { kind: "none" } as const,
  ledger: null,
  conflicts: [],
  isWhole: false,
  isUntold: false,
})

const skipped = (id: ProductId, reason: string): Decision => ({
  ...nothing(id, "skipped", reason),
  state: "skipped",
})
