/**
 * The events that every generator sends: each one moves its order one step along
 *
 *   N -> PD -> AP -> CO -> DE -> F -> N -> ...
 *
 * so that every request changes a row. An order has been visited as often as its status chain is long.
 */
export const SHOP_ID = 17_008
export const CHANGED_BY_ID = 42
export const NOTES = "Принят флорист"

/** Orders are numbered from 0 here; Bitrix knows them by this number plus their own. */
export const BITRIX_ORDER_ID_MIN = 1_000_000

const codes = ["N", "PD", "AP", "CO", "DE", "F"] as const

export interface Step {
  readonly order: number
  readonly bitrixOrderId: number
  readonly code: string
}

/** Which orders a generator may change: from the first, up to and without the last. */
export interface Range {
  readonly from: number
  readonly to: number
}

const LEFT_ALONE = 255

/** Hands out the next step of some order. Each worker has a slice of its own, so no two steps meet on one order. */
export class Walk {
  private readonly range: Range
  private readonly visits: Uint8Array
  private readonly cursorsByConcurrency = new Map<number, Uint32Array>()

  constructor(range: Range) {
    this.range = range
    this.visits = new Uint8Array(range.to - range.from)
  }

  next(worker: number, concurrency: number): Step {
    const slice = Math.floor(this.visits.length / concurrency)
    const cursors = this.cursors(concurrency)
    for (let tried = 0; tried < slice; tried++) {
      const order = worker * slice + ((cursors[worker] ?? 0) % slice)
      cursors[worker] = (cursors[worker] ?? 0) + 1
      const visit = this.visits[order] ?? LEFT_ALONE
      if (visit === LEFT_ALONE) continue
      const code = codes[(visit + 1) % codes.length] ?? "N"
      return { order, bitrixOrderId: BITRIX_ORDER_ID_MIN + this.range.from + order, code }
    }
    throw new Error("no order is left to change")
  }

  succeeded({ order }: Step): void {
    this.visits[order] = ((this.visits[order] ?? 0) + 1) % codes.length
  }

  /** Nobody knows its status any more. */
  failed({ order }: Step): void {
    this.visits[order] = LEFT_ALONE
  }

  private cursors(concurrency: number): Uint32Array {
    const known = this.cursorsByConcurrency.get(concurrency)
    if (known !== undefined) return known
    const made = new Uint32Array(concurrency)
    this.cursorsByConcurrency.set(concurrency, made)
    return made
  }
}
