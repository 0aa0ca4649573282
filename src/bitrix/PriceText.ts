/**
 * Prices as Bitrix writes them, in tenge: `"7 500 ₸"`, `"12,500 ₸"`, `"99,50"`, `"12990.0000"`, `15000`.
 *
 * They become whole tiyn by their digits, never by a float. What has no reading, or more than one, is refused with a
 * reason, so that the price we have is kept; zero comes out only where zero is written.
 *
 * A comma or a point separates thousands where three digits follow each of them and one to three precede the first
 * (`12,500` is twelve thousand five hundred); otherwise the last one separates the tiyn. Spaces separate thousands only.
 */
import * as Schema from "effect/Schema"
import { Price } from "../products/Product.ts"
import { Tiyn } from "../shared/Tiyn.ts"

export type Parsed = { readonly price: Tiyn } | { readonly reason: string }

/** Takes any value of a JSON body. The reasons are few and carry nothing of the text. */
export const parse = (value: unknown): Parsed => {
  if (value === null || value === undefined) return NO_PRICE
  if (typeof value === "number") return fromNumber(value)
  return typeof value === "string" ? fromText(value) : NOT_A_PRICE
}

/** The spelling Bitrix keeps: whole tenge, half a tenge up, `"5 000 ₸"`. */
export const format = (price: Tiyn): string => {
  const tenge = (BigInt(price) + TIYN_PER_TENGE / 2n) / TIYN_PER_TENGE
  return `${tenge.toString().replaceAll(/\B(?=(?:\d{3})+$)/g, " ")} ₸`
}

const TIYN_PER_TENGE = 100n
const TIYN_DIGITS = 2
const TEXT_CHARS_MAX = 64

const refused = (reason: string): Parsed => ({ reason })

const NO_PRICE = refused("no price")
const NOT_A_PRICE = refused("not a price")
const UNCLEAR = refused("more than one reading of the price")
const NEGATIVE = refused("a negative price")
const RANGE = refused("a range of prices")
const OTHER_CURRENCY = refused("a price in another currency")
const TOO_FINE = refused("a price finer than a tiyn")
const TOO_HIGH = refused("a price above the highest one allowed")

const fromNumber = (tenge: number): Parsed => {
  if (!Number.isFinite(tenge)) return NOT_A_PRICE
  if (tenge < 0) return NEGATIVE
  const [, whole, fraction = ""] = /^(\d+)(?:\.(\d+))?$/.exec(String(tenge)) ?? []
  // The other spelling of a number has an exponent: at least 1e21, or less than a millionth.
  if (whole === undefined) return tenge > 1 ? TOO_HIGH : TOO_FINE
  return toTiyn(whole, fraction)
}

const SPACE = "[ \\t\\u00a0\\u202f\\u2009]"
const TENGE_SIGN = "(?:₸|тг\\.?|тенге|kzt)"
const NUMBER = `\\d(?:[\\d.,]|${SPACE}+(?=\\d))*`

const trimmed = new RegExp(`^${SPACE}+|${SPACE}+$`, "g")
const priced = new RegExp(
  `^(?:от${SPACE}*)?(?:(${NUMBER})${SPACE}*${TENGE_SIGN}?|${TENGE_SIGN}${SPACE}*(${NUMBER}))$`,
  "i",
)
const negative = new RegExp(`^[-\u2010-\u2015\u2212]${SPACE}*\\d`)
const range = /\d.*(?:[-\u2010-\u2015\u2212…]|до|\.\.).*\d/i
const foreign = /[$€£¥₽₴₺₿]|руб|рубл|usd|eur|rub|kgs|uzs|cny|сом|долл|евро/i

const fromText = (given: string): Parsed => {
  if (given.length > TEXT_CHARS_MAX) return NOT_A_PRICE
  const text = given.replaceAll(trimmed, "")
  if (text === "") return NO_PRICE
  const [, before, after] = priced.exec(text) ?? []
  const number = before ?? after
  if (number !== undefined) return fromDigits(number)
  if (foreign.test(text)) return OTHER_CURRENCY
  if (negative.test(text)) return NEGATIVE
  return range.test(text) ? RANGE : NOT_A_PRICE
}

const GROUP = "[1-9]\\d{0,2}"
const plain = /^(\d+)(?:[.,](\d+))?$/
const groupedByMarks = new RegExp(`^${GROUP}(?:(?:,\\d{3})+|(?:\\.\\d{3})+)$`)
const groupedWithTiyn = new RegExp(
  `^(${GROUP}(?:(?:${SPACE}+\\d{3})+(?=[.,]|$)|(?:,\\d{3})+(?=\\.)|(?:\\.\\d{3})+(?=,)))(?:[.,](\\d+))?$`,
)

const fromDigits = (number: string): Parsed => {
  if (groupedByMarks.test(number)) return toTiyn(onlyDigits(number), "")
  const [, alone, fine = ""] = plain.exec(number) ?? []
  if (alone !== undefined) return toTiyn(alone, fine)
  const [, grouped, fraction = ""] = groupedWithTiyn.exec(number) ?? []
  if (grouped === undefined) return NOT_A_PRICE
  // `1 200.500` may be meant as another group.
  return fraction.length === 3 ? UNCLEAR : toTiyn(onlyDigits(grouped), fraction)
}

const onlyDigits = (grouped: string): string => grouped.replaceAll(/\D/g, "")

const isPrice = Schema.is(Price)

const toTiyn = (whole: string, fraction: string): Parsed => {
  if (/[1-9]/.test(fraction.slice(TIYN_DIGITS))) return TOO_FINE
  const tiyn = Number(BigInt(whole + fraction.slice(0, TIYN_DIGITS).padEnd(TIYN_DIGITS, "0")))
  return isPrice(tiyn) ? { price: Tiyn.make(tiyn) } : TOO_HIGH
}
