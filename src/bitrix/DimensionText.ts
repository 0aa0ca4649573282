/**
 * Widths and heights as Bitrix writes them: `"70 см"`, `"60см"`, `"1,5 м"`, `"700 mm"`, `70`; without a unit,
 * centimetres. They become whole centimetres, half of one up. A range or anything else that is no single length is
 * refused with a reason, so that the length we have is kept; an empty one says that there is none.
 */
export type Parsed = { readonly lengthCm: number | null } | { readonly reason: string }

/** Takes any value of a JSON body. The reasons are few and carry nothing of the text. */
export const parse = (value: unknown): Parsed => {
  // PHP says false for a property without a value.
  if (value === null || value === undefined || value === false) return ABSENT
  if (typeof value === "number") return fromNumber(value)
  return typeof value === "string" ? fromText(value) : NOT_A_LENGTH
}

const LENGTH_CM_MAX = 10_000n
const TEXT_CHARS_MAX = 32

const refused = (reason: string): Parsed => ({ reason })

const ABSENT: Parsed = { lengthCm: null }
const NOT_A_LENGTH = refused("not a length")
const UNCLEAR = refused("more than one reading of the length")
const RANGE = refused("a range of lengths")
const TOO_LONG = refused(`a length above ${LENGTH_CM_MAX} cm`)

const fromNumber = (centimetres: number): Parsed => {
  if (!(centimetres >= 0)) return NOT_A_LENGTH
  if (centimetres > Number(LENGTH_CM_MAX) + 1) return TOO_LONG
  // Rounds to the whole number that is at least as near; what lies within the limit is far from the edge of floats.
  return toWhole(BigInt(Math.floor(centimetres)) + (centimetres % 1 >= 0.5 ? 1n : 0n), 1n)
}

const SPACE = "[ \\t\\u00a0\\u202f\\u2009]"
const trimmed = new RegExp(`^${SPACE}+|${SPACE}+$`, "g")
const measured = new RegExp(`^(\\d+)(?:[.,](\\d+))?${SPACE}*(?:(см|cm|мм|mm|м|m)\\.?)?$`, "i")
const range = /\d.*(?:[-\u2010-\u2015\u2212…]|до|\.\.).*\d/i

const millimetresByUnit: Readonly<Record<string, bigint>> = {
  мм: 1n,
  mm: 1n,
  см: 10n,
  cm: 10n,
  м: 1_000n,
  m: 1_000n,
}

const fromText = (given: string): Parsed => {
  if (given.length > TEXT_CHARS_MAX) return NOT_A_LENGTH
  const text = given.replaceAll(trimmed, "")
  if (text === "") return ABSENT
  const [, whole, fraction = "", unit = "см"] = measured.exec(text) ?? []
  const millimetres = millimetresByUnit[unit.toLowerCase()]
  if (whole === undefined || millimetres === undefined) return range.test(text) ? RANGE : NOT_A_LENGTH
  // `1,500 мм` may be meant as fifteen hundred; nobody sells a bouquet of fifteen hundred metres.
  if (fraction.length === 3 && millimetres < 1_000n) return UNCLEAR
  return toWhole(BigInt(whole + fraction) * millimetres, 10n ** BigInt(fraction.length) * 10n)
}

const toWhole = (dividend: bigint, divisor: bigint): Parsed => {
  const lengthCm = (2n * dividend + divisor) / (2n * divisor)
  return lengthCm > LENGTH_CM_MAX ? TOO_LONG : { lengthCm: Number(lengthCm) }
}
