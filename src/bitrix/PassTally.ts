/** What a walk through Bitrix's list came to, counted. Pure. */
import type { ProductAnswer } from "./ProductEvent.ts"

/** `met`: both sides had it and had not compared it yet. */
export type Repair = "created" | "met" | "updated" | "disabled" | "toldAgain"

/** What became of one product. */
export type Outcome =
  | { readonly kind: "same" }
  /** Something happened to it while we looked: the next pass looks again. */
  | { readonly kind: "moved" }
  /** `reason` says what could not be repaired, in words without the text of the product. */
  | { readonly kind: "different"; readonly repair: Repair | null; readonly reason: string | null }

export interface Tally {
  /** Listed products. */
  readonly seen: number
  readonly same: number
  readonly moved: number
  readonly repairs: Readonly<Record<Repair, number>>
  readonly differences: number
  readonly repaired: number
  readonly unrepaired: number
  /** How often, by reason. */
  readonly reasons: Readonly<Record<string, number>>
}

export const empty: Tally = {
  seen: 0,
  same: 0,
  moved: 0,
  repairs: { created: 0, met: 0, updated: 0, disabled: 0, toldAgain: 0 },
  differences: 0,
  repaired: 0,
  unrepaired: 0,
  reasons: {},
}

export const SAME: Outcome = { kind: "same" }
export const MOVED: Outcome = { kind: "moved" }
export const NOT_LISTED = "Not listed any more"

export const unrepaired = (reason: string): Outcome => ({ kind: "different", repair: null, reason })

/** Of so many pages nobody knows what stands on them: each counts as one that was not repaired. */
export const unread = (pages: number): ReadonlyArray<Outcome> =>
  Array.from({ length: pages }, () => unrepaired("A page of the list cannot be read"))

/** `hasFields`: whether something readable differs. `isKnown`: whether the two sides had compared it before. */
export const outcomeOf = (
  answer: Pick<ProductAnswer, "action" | "message" | "notes"> | null,
  { hasFields, isKnown }: { readonly hasFields: boolean; readonly isKnown: boolean },
): Outcome => {
  if (answer === null) return { kind: "moved" }
  const { action, message, notes } = answer
  if (action === "skipped" || action === null) return unrepaired(message ?? "Skipped")
  return {
    kind: "different",
    repair: hasFields ? repairOf(action, isKnown) : null,
    reason: notes?.join("; ") ?? null,
  }
}

const repairOf = (action: "created" | "updated" | "deleted", isKnown: boolean): Repair => {
  if (action === "deleted") return "disabled"
  return action === "updated" && !isKnown ? "met" : action
}

export const tallyOf = (outcomes: ReadonlyArray<Outcome>): Tally => outcomes.map(ofOne).reduce(plus, empty)

export const plus = (one: Tally, other: Tally): Tally => ({
  seen: one.seen + other.seen,
  same: one.same + other.same,
  moved: one.moved + other.moved,
  repairs: {
    created: one.repairs.created + other.repairs.created,
    met: one.repairs.met + other.repairs.met,
    updated: one.repairs.updated + other.repairs.updated,
    disabled: one.repairs.disabled + other.repairs.disabled,
    toldAgain: one.repairs.toldAgain + other.repairs.toldAgain,
  },
  differences: one.differences + other.differences,
  repaired: one.repaired + other.repaired,
  unrepaired: one.unrepaired + other.unrepaired,
  reasons: sum(one.reasons, other.reasons),
})

const ofOne = (outcome: Outcome): Tally => {
  if (outcome.kind !== "different") return { ...empty, [outcome.kind]: 1 }
  const { repair, reason } = outcome
  return {
    ...empty,
    repairs: repair === null ? empty.repairs : { ...empty.repairs, [repair]: 1 },
    differences: 1,
    repaired: reason === null ? 1 : 0,
    unrepaired: reason === null ? 0 : 1,
    reasons: reason === null ? {} : { [reason]: 1 },
  }
}

const sum = (
  one: Readonly<Record<string, number>>,
  other: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> => {
  const total = { ...one }
  for (const [reason, count] of Object.entries(other)) total[reason] = (total[reason] ?? 0) + count
  return total
}

/** A list that is empty or much shorter than the last one says nothing of what was deleted. */
export const isTooShort = (seen: number, lastSeen: number | null): boolean =>
  seen === 0 || (lastSeen !== null && seen * 2 < lastSeen)
