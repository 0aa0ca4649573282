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
 * looked at Bitrix itself (`isAuthoritative`) knows better: a push whose answer was lost arrived last, and ours is told
 * again; one that was answered is long past, and it was a florist who set that value.
 *
 * Bitrix downloads a picture and keeps a copy, so the first new address after a push of a picture is that copy. While it
 * is not known whether the push arrived, the address may be a florist's as well: ours is not agreed on then, and is told
 * again if the push turns out to have failed.
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
  /** Of what it said besides, or said not whole. */
  readonly blurred?: ReadonlyArray<Field>
  readonly isAuthoritative: boolean
}): Merged => {
  const { local, agreed, incoming, blurred = [], isAuthoritative } = input
  const ours: Record<string, unknown> = { ...agreed.ours }
  const theirs: Record<string, unknown> = { ...agreed.theirs }
  const changes: Record<string, unknown> = {}
  const conflicts: Array<Conflict> = []
  let sent = agreed.sent
  const isOfNewest = isAuthoritative || isAfterNewest(sent, incoming)

  for (const field of fields) {
    if (!(field in incoming)) continue
    const value = incoming[field]
    if (isSame(value, theirs[field])) continue
    const push = findPush(sent, field, value, isOfNewest)
    if (field === "image" && push !== undefined)
      sent = sent.map((one, index) => (index === push.index ? withCopy(one, String(value)) : one))
    if (push?.isOld === true && !isAuthoritative) continue
    if (push !== undefined && !(push.isOld && push.isDelivered)) {
      theirs[field] = value
      if (field === "image" && !push.isDelivered) continue
      ours[field] = push.ours[field]
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
    ledger: {
      ours,
      theirs,
      sent: afterHearing(sent, incoming, isOfNewest),
      blurred: [...new Set([...agreed.blurred.filter((field) => !(field in incoming)), ...blurred])],
    } as Ledger,
  }
}

/** What is taken for agreed on when the two sides have not met over this product: how it was before we changed it. */
export const assumed = (local: Mirrored, before: Readonly<Record<string, unknown>>): Ledger => {
  const ours: Record<string, unknown> = { ...local }
  for (const field of toldFields) if (field in before) ours[field] = before[field]
  return {
    ours: ours as SomeFields,
    theirs: { ...ours, ...asBitrixSays(ours as Mirrored) },
    sent: [],
    blurred: [],
  }
}

/** The told fields that differ from what was agreed on: what Bitrix does not know yet. */
export const untold = (local: Mirrored, { ours }: Ledger): ReadonlyArray<(typeof toldFields)[number]> =>
  toldFields.filter((field) => !isSame(local[field], ours[field]))

/** Whether Bitrix has to be told: of a field it does not know, or because a lost push may have told it something else. */
export const needsTelling = (local: Mirrored, ledger: Ledger): boolean =>
  untold(local, ledger).length > 0 ||
  ledger.sent
    .slice(ledger.sent.findLastIndex(({ isDelivered }) => isDelivered) + 1)
    .some(({ ours }) => toldFields.some((field) => field in ours && !isSame(ours[field], local[field])))

/**
 * The newest push was delivered: it is what both sides agree on now. What Bitrix said before may still be on its way
 * here, so it is kept as old news.
 */
export const delivered = (ledger: Ledger): Ledger => {
  const newest = ledger.sent.at(-1)
  if (newest === undefined) return ledger
  const former: Sent = {
    ours: sameFields(ledger.ours, newest.ours),
    theirs: sameFields(ledger.theirs, newest.ours),
    isDelivered: true,
    isFormer: true,
  }
  const arrived = { ...newest, isDelivered: true }
  const known = newest.met === undefined ? arrived : withCopy(arrived, newest.met)
  return {
    ours: { ...ledger.ours, ...newest.ours },
    theirs: { ...ledger.theirs, ...known.theirs },
    sent: newest.isSeen
      ? []
      : [...ledger.sent.slice(0, -1), ...(isRemembered(ledger.sent, former) ? [] : [former]), known].slice(
          -SENT_MAX,
        ),
    blurred: ledger.blurred.filter((field) => !(field in newest.ours)),
  }
}

/** What was agreed on before is often what the push before told. */
const isRemembered = (sent: ReadonlyArray<Sent>, former: Sent): boolean => {
  const before = sent.at(-2)
  return (
    before?.isDelivered === true &&
    Object.entries(former.theirs).every(([field, value]) => isSame(before.theirs[field as Field], value))
  )
}

/** The push leaves: it is noted, once for all attempts. */
export const noted = (ledger: Ledger, push: Sent): Ledger => {
  const newest = ledger.sent.at(-1)
  const isRepeated = newest !== undefined && !newest.isDelivered && isSamePush(newest, push)
  return isRepeated ? ledger : { ...ledger, sent: [...ledger.sent, push].slice(-SENT_MAX) }
}

/** Pushes and former agreements whose coming back is still looked for. */
const SENT_MAX = 24

const isSamePush = (one: Sent, other: Sent): boolean =>
  toldFields.every((field) => isSame(one.ours[field], other.ours[field]))

const sameFields = (some: SomeFields, like: SomeFields): SomeFields =>
  Object.fromEntries(Object.entries(some).filter(([field]) => field in like)) as SomeFields

const findPush = (sent: ReadonlyArray<Sent>, field: Field, value: unknown, isOfNewest: boolean) => {
  const exact = sent.findLastIndex((one) => field in one.theirs && isSame(one.theirs[field], value))
  const index = field === "image" && value !== null ? indexOfCopied(sent, exact, isOfNewest) : exact
  const push = sent[index]
  if (push === undefined) return undefined
  const isOld = sent.slice(index + 1).some(({ isDelivered, ours }) => isDelivered && field in ours)
  return { ...push, index, isOld }
}

/**
 * Copies come in the order of the pushes that arrived. In Bitrix itself any copy of ours is the last one that we told it to
 * make.
 */
const indexOfCopied = (sent: ReadonlyArray<Sent>, exact: number, isOfNewest: boolean): number => {
  const isFormer = sent[exact]?.isFormer === true
  if (!isOfNewest) {
    if (exact !== -1) return exact
    const arrived = sent.findIndex((one) => one.isDelivered && awaitsCopy(one))
    return arrived === -1 ? sent.findLastIndex(awaitsCopy) : arrived
  }
  return isFormer || (exact === -1 && !sent.some(awaitsCopy))
    ? exact
    : sent.findLastIndex(({ ours, isFormer }) => ours.image != null && isFormer !== true)
}

const awaitsCopy = ({ ours, theirs }: Sent): boolean => ours.image != null && !("image" in theirs)

/** Which copy it is, is known from now on: the next new address is a florist's doing. */
const withCopy = (push: Sent, image: string): Sent =>
  push.isDelivered ? { ...push, theirs: { ...push.theirs, image } } : { ...push, met: image }

const without = (push: Sent, field: Field): Sent => {
  const others = (some: SomeFields) =>
    Object.fromEntries(Object.entries(some).filter(([key]) => key !== field)) as SomeFields
  return { ...push, ours: others(push.ours), theirs: others(push.theirs) }
}

/**
 * Once Bitrix says all that the newest push told it, nothing older is to be expected. Until its answer is there the push
 * is kept all the same: an event does not say all that was told.
 */
const afterHearing = (
  sent: ReadonlyArray<Sent>,
  incoming: SomeFields,
  isOfNewest: boolean,
): ReadonlyArray<Sent> => {
  const newest = sent.at(-1)
  if (newest === undefined || !isConfirmed(newest, incoming)) return sent
  if (awaitsCopy(newest) && !isOfNewest) return sent
  return newest.isDelivered ? [] : [...sent.slice(0, -1), { ...newest, isSeen: true }]
}

const isConfirmed = (newest: Sent, incoming: SomeFields): boolean =>
  "price" in incoming &&
  fields.every(
    (field) =>
      !(field in newest.theirs) || !(field in incoming) || isSame(newest.theirs[field], incoming[field]),
  )

/**
 * Whether an event shows that it is from after the newest push, by a field that nothing else told so. Without the copy of
 * a picture it then says that the picture could not be had; otherwise it may be older, and the copy is still to come.
 */
const isAfterNewest = (sent: ReadonlyArray<Sent>, incoming: SomeFields): boolean => {
  const newest = sent.at(-1)
  const others = sent.slice(0, -1)
  return (
    newest?.isDelivered === true &&
    others.length > 0 &&
    isConfirmed(newest, incoming) &&
    (["name", "price", "enabled"] as const).some((field) =>
      others.every(({ theirs }) => field in theirs && !isSame(newest.theirs[field], theirs[field])),
    )
  )
}
