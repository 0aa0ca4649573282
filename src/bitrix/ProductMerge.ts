/**
 * Joins what Bitrix says of a product with what stands here, field by field, as of the last agreement. Pure.
 *
 *   Bitrix says what it said last           --> ours stays, and is told if it changed
 *   Bitrix says what a push of ours told    --> our push came back: agreed on
 *   Bitrix says something new, ours is old  --> theirs is taken
 *   both are new, and the same              --> agreed on
 *   both are new, and differ                --> a conflict: theirs is taken, ours is kept in the list
 *
 * A push that is not the newest is old news when it comes back after a newer one was delivered. Only a reader who
 * looked at Bitrix itself (`isAuthoritative`) knows better: then it is what Bitrix has now, and it is taken.
 *
 * Bitrix downloads a picture and keeps a copy, so the first new address after a push of a picture is that copy.
 */
import type { Field, Ledger, Mirrored, Sent, SomeFields } from "./MirroredProduct.ts"
import { fields, isSame, toldFields } from "./MirroredProduct.ts"
import { asBitrixSays } from "./ProductParcel.ts"

export interface Conflict {
  readonly field: Field
  readonly ours: unknown
  readonly theirs: unknown
}

export interface Merged {
  /** What is to change here. */
  readonly changes: SomeFields
  readonly conflicts: ReadonlyArray<Conflict>
  readonly ledger: Ledger
}

export const merge = (input: {
  readonly local: Mirrored
  readonly agreed: Ledger
  readonly incoming: SomeFields
  readonly isAuthoritative: boolean
}): Merged => {
  const { local, agreed, incoming, isAuthoritative } = input
  const ours: Record<string, unknown> = { ...agreed.ours }
  const theirs: Record<string, unknown> = { ...agreed.theirs }
  const changes: Record<string, unknown> = {}
  const conflicts: Array<Conflict> = []
  let sent = agreed.sent

  for (const field of fields) {
    if (!(field in incoming)) continue
    const value = incoming[field]
    if (isSame(value, theirs[field])) continue
    const push = findPush(sent, field, value)
    if (push === "old" && !isAuthoritative) continue
    if (typeof push === "object") {
      ours[field] = push.ours[field]
      theirs[field] = value
      continue
    }
    sent = sent.map((one) => without(one, field))
    if (!isSame(local[field], value)) {
      if (!isSame(local[field], ours[field])) conflicts.push({ field, ours: local[field], theirs: value })
      changes[field] = value
    }
    ours[field] = value
    theirs[field] = value
  }
  return {
    changes: changes as SomeFields,
    conflicts,
    ledger: { ours, theirs, sent: isConfirmed(sent.at(-1), incoming) ? [] : sent } as Ledger,
  }
}

/** What is taken for agreed on when the two sides have not met over this product: how it was before we changed it. */
export const assumed = (local: Mirrored, before: Readonly<Record<string, unknown>>): Ledger => {
  const ours: Record<string, unknown> = { ...local }
  for (const field of toldFields) if (field in before) ours[field] = before[field]
  return { ours: ours as SomeFields, theirs: { ...ours, ...asBitrixSays(ours as Mirrored) }, sent: [] }
}

/** The told fields that differ from what was agreed on: what Bitrix does not know yet. */
export const untold = (local: Mirrored, { ours }: Ledger): ReadonlyArray<(typeof toldFields)[number]> =>
  toldFields.filter((field) => !isSame(local[field], ours[field]))

/** The newest push was delivered: it is what both sides agree on now. */
export const delivered = (ledger: Ledger): Ledger => {
  const newest = ledger.sent.at(-1)
  if (newest === undefined) return ledger
  return {
    ours: { ...ledger.ours, ...newest.ours },
    theirs: { ...ledger.theirs, ...newest.theirs },
    sent: [...ledger.sent.slice(0, -1), { ...newest, isDelivered: true }],
  }
}

const findPush = (sent: ReadonlyArray<Sent>, field: Field, value: unknown): Sent | "old" | undefined => {
  const index = sent.findLastIndex(
    ({ ours, theirs }) =>
      (field in theirs && isSame(theirs[field], value)) || isCopyOfPicture(field, ours, theirs, value),
  )
  if (index === -1) return undefined
  return sent.slice(index + 1).some(({ isDelivered }) => isDelivered) ? "old" : sent[index]
}

const isCopyOfPicture = (field: Field, ours: SomeFields, theirs: SomeFields, value: unknown): boolean =>
  field === "image" && value !== null && ours.image != null && !("image" in theirs)

const without = ({ ours, theirs, isDelivered }: Sent, field: Field): Sent => {
  const { [field]: _ours, ...otherOurs } = ours
  const { [field]: _theirs, ...otherTheirs } = theirs
  return { ours: otherOurs, theirs: otherTheirs, isDelivered }
}

/** Bitrix says all that the push told it: nothing older is to be expected after that. */
const isConfirmed = (newest: Sent | undefined, incoming: SomeFields): boolean =>
  newest !== undefined &&
  "price" in incoming &&
  fields.every(
    (field) =>
      !(field in newest.theirs) || !(field in incoming) || isSame(newest.theirs[field], incoming[field]),
  )
