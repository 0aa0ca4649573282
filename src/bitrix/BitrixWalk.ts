/** A walk through the list of a shop's Bitrix: who makes it and how, and how far a step of it came. */
import type { ShopId } from "../shared/ShopId.ts"
import type { BitrixApi } from "./BitrixConnection.ts"
import type { Tally } from "./PassTally.ts"

export interface Walk {
  readonly shopId: ShopId
  readonly api: BitrixApi
  /** A UUID of whoever walks. */
  readonly lease: string
  /** `listed` takes what is listed and leaves the rest alone. */
  readonly scope: "listed" | "all"
  /** Believes a list that is much shorter than the last one. */
  readonly trustsShortList: boolean
}

/** What one page came to. */
export interface Step {
  readonly tally: Tally
  readonly offset: number
  readonly total: number | null
  readonly isFinished: boolean
  /** The list was too short to be believed. */
  readonly isShort: boolean
  /** A part of it could not be read. */
  readonly isIncomplete: boolean
}
