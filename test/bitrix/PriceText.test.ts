import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import type { Parsed } from "../../src/bitrix/PriceText.ts"
import { format, parse } from "../../src/bitrix/PriceText.ts"
import { Tiyn } from "../../src/shared/Tiyn.ts"

const PRICE_MAX = 2_147_483_647
const TIYN_PER_TENGE = 100
const SPACES = [" ", "\u00a0", "\u202f", "\u2009"]
const SIGNS = ["", "₸", "тг", "тг.", "ТГ", "тенге", "Тенге", "KZT", "kzt"]

const accepted: ReadonlyArray<readonly [value: unknown, tiyn: number]> = [
  ["7 500 ₸", 750_000],
  ["4 950 ₸", 495_000],
  ["5\u00a0000 ₸", 500_000],
  ["5\u202f000\u202f₸", 500_000],
  ["5\u2009000 ₸", 500_000],
  ["5\t000 ₸", 500_000],
  ["  5  000  ", 500_000],
  ["1\u00a0234 567 ₸", 123_456_700],
  ["12990", 1_299_000],
  ["12990.0000", 1_299_000],
  ["12990.5000", 1_299_050],
  ["12990.000", 1_299_000],
  ["5000₸", 500_000],
  ["₸5 000", 500_000],
  ["KZT 5 000", 500_000],
  ["5 000 тг", 500_000],
  ["5 000 тг.", 500_000],
  ["5 000 ТЕНГЕ", 500_000],
  ["5 000 kzt", 500_000],
  ["от 5 000 ₸", 500_000],
  ["От\u00a05000", 500_000],
  ["12,500 ₸", 1_250_000],
  ["12.500", 1_250_000],
  ["123,456", 12_345_600],
  ["1,234,567", 123_456_700],
  ["1.234.567", 123_456_700],
  ["1,234,567.89", 123_456_789],
  ["1.234.567,89", 123_456_789],
  ["1,234.5", 123_450],
  ["99,50", 9_950],
  ["99.5", 9_950],
  ["12,5", 1_250],
  ["1234,500", 123_450],
  ["0,500", 50],
  ["1 200.50 ₸", 120_050],
  ["1 200,5 ₸", 120_050],
  ["1 200,5000", 120_050],
  ["0.01", 1],
  ["0", 0],
  ["0 ₸", 0],
  ["0.00", 0],
  ["21 474 836,47 ₸", PRICE_MAX],
  [0, 0],
  [-0, 0],
  [15_000, 1_500_000],
  [99.99, 9_999],
  [0.29, 29],
  [1.1, 110],
  [12.5, 1_250],
  [21_474_836.47, PRICE_MAX],
]

const refused: ReadonlyArray<readonly [value: unknown, reason: string]> = [
  [undefined, "no price"],
  [null, "no price"],
  ["", "no price"],
  [" \u00a0\t", "no price"],
  [true, "not a price"],
  [false, "not a price"],
  [Number.NaN, "not a price"],
  [Number.POSITIVE_INFINITY, "not a price"],
  [{}, "not a price"],
  [["5 000"], "not a price"],
  [5_000n, "not a price"],
  ["₸", "not a price"],
  ["от", "not a price"],
  ["до 5 000 ₸", "not a price"],
  ["бесплатно", "not a price"],
  ["5 000 ₸ ₸", "not a price"],
  ["₸ 5 000 ₸", "not a price"],
  ["5 000 ₸/шт", "not a price"],
  ["５ ０００ ₸", "not a price"],
  ["٥٠٠٠", "not a price"],
  ["0x10", "not a price"],
  ["1e3", "not a price"],
  ["5_000", "not a price"],
  ["5'000", "not a price"],
  ["5\u200b000", "not a price"],
  ["5 00", "not a price"],
  ["5 0000", "not a price"],
  ["5000 7000", "not a price"],
  ["0 500", "not a price"],
  ["1,23,456", "not a price"],
  ["1,234,56", "not a price"],
  ["1.234.56", "not a price"],
  ["1,234.567,89", "not a price"],
  ["1.200,50.5", "not a price"],
  ["1 200 50", "not a price"],
  ["12 ,5", "not a price"],
  ["12, 5", "not a price"],
  [".5", "not a price"],
  ["5.", "not a price"],
  ["5,", "not a price"],
  ["1".repeat(65), "not a price"],
  ["1 200.500", "more than one reading of the price"],
  ["1,234.500", "more than one reading of the price"],
  ["-5 000 ₸", "a negative price"],
  ["−5", "a negative price"],
  [-5, "a negative price"],
  ["5 000 - 7 000", "a range of prices"],
  ["5000–7000 ₸", "a range of prices"],
  ["от 5 000 до 7 000 ₸", "a range of prices"],
  ["65 USD", "a price in another currency"],
  ["$65", "a price in another currency"],
  ["65 €", "a price in another currency"],
  ["5 000 руб", "a price in another currency"],
  ["5 000 руб.", "a price in another currency"],
  ["5 000 ₽", "a price in another currency"],
  ["1999.999", "a price finer than a tiyn"],
  ["0.005", "a price finer than a tiyn"],
  ["1 200,5001", "a price finer than a tiyn"],
  [0.1 + 0.2, "a price finer than a tiyn"],
  [12.345, "a price finer than a tiyn"],
  [1e-7, "a price finer than a tiyn"],
  ["21 474 836,48 ₸", "a price above the highest one allowed"],
  ["9".repeat(64), "a price above the highest one allowed"],
  [21_474_837, "a price above the highest one allowed"],
  [Number.MAX_VALUE, "a price above the highest one allowed"],
]

const expectPrice = (value: unknown, tiyn: number): void => {
  assert.deepStrictEqual(parse(value), { price: Tiyn.make(tiyn) }, JSON.stringify(value))
}

const priceOf = (parsed: Parsed): number | undefined => ("price" in parsed ? parsed.price : undefined)

const prices = fc.integer({ min: 0, max: PRICE_MAX }).map((tiyn) => Tiyn.make(tiyn))
const tenges = fc.oneof(
  fc.integer({ min: 0, max: 21_474_836 }),
  fc.nat(100_000),
  fc.constantFrom(0, 1, 999, 1_000, 999_999, 1_000_000),
)
const spaces = fc.constantFrom(...SPACES)

const groupsOf = (whole: number): ReadonlyArray<string> => whole.toLocaleString("en-US").split(",")

/** Texts that look like prices, right and wrong. */
const nearlyPrice = fc.string({
  unit: fc.constantFrom(..."0123456789.,- ", ...SPACES, "₸", "т", "г", "о", "$", "０", "\t"),
  maxLength: 20,
})

describe("a price that Bitrix wrote", () => {
  it.each(accepted)("%j is %d tiyn", (value, tiyn) => {
    expectPrice(value, tiyn)
  })

  it.each(refused)("%o is refused: %s", (value, reason) => {
    assert.deepStrictEqual(parse(value), { reason })
  })

  it("is the same whichever space stands between its groups, and whichever sign of the tenge follows", () => {
    fc.assert(
      fc.property(
        tenges,
        fc.array(fc.array(spaces, { minLength: 1, maxLength: 2 }), { minLength: 3, maxLength: 3 }),
        fc.constantFrom(...SIGNS),
        fc.constantFrom("", ...SPACES),
        (tenge, gaps, sign, gap) => {
          const [first, ...others] = groupsOf(tenge)
          const grouped = others.reduce(
            (text, group, index) => `${text}${gaps[index]?.join("")}${group}`,
            first,
          )
          expectPrice(`${grouped}${gap}${sign}`, tenge * TIYN_PER_TENGE)
          expectPrice(`${tenge}${gap}${sign}`, tenge * TIYN_PER_TENGE)
        },
      ),
    )
  })

  it("is the same with comma and point in either role", () => {
    fc.assert(
      fc.property(prices, fc.constantFrom([",", "."], [".", ","], [" ", ","], ["", "."]), (price, marks) => {
        const [thousands, decimal] = marks
        const tiyn = price % TIYN_PER_TENGE
        const whole = groupsOf((price - tiyn) / TIYN_PER_TENGE).join(thousands)
        expectPrice(`${whole}${decimal}${String(tiyn).padStart(2, "0")} ₸`, price)
      }),
    )
  })

  it("is exact as a JSON number: no float comes near it", () => {
    fc.assert(
      fc.property(prices, (price) => {
        const text = `${Math.floor(price / TIYN_PER_TENGE)}.${String(price % TIYN_PER_TENGE).padStart(2, "0")}`
        expectPrice(JSON.parse(text), price)
      }),
    )
  })

  it("is zero only where no digit but zero is written", () => {
    fc.assert(
      fc.property(fc.oneof(nearlyPrice, fc.string(), fc.double().map(String)), (text) => {
        if (priceOf(parse(text)) === 0) assert.match(text, /^[^1-9]*0[^1-9]*$/)
      }),
      { numRuns: 2_000 },
    )
  })

  it("is a whole number within the limits or a reason, whatever was written", () => {
    fc.assert(
      fc.property(fc.oneof(nearlyPrice, fc.string({ unit: "binary" }), fc.anything()), (value) => {
        const parsed = parse(value)
        const price = priceOf(parsed)
        if (price === undefined) assert.isTrue("reason" in parsed)
        else assert.isTrue(Number.isInteger(price) && price >= 0 && price <= PRICE_MAX)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe("a price that we write to Bitrix", () => {
  it.each([
    [0, "0 ₸"],
    [49, "0 ₸"],
    [50, "1 ₸"],
    [149, "1 ₸"],
    [150, "2 ₸"],
    [99_949, "999 ₸"],
    [99_950, "1 000 ₸"],
    [500_000, "5 000 ₸"],
    [123_456_700, "1 234 567 ₸"],
    [PRICE_MAX, "21 474 836 ₸"],
  ])("%d tiyn is %j", (tiyn, text) => {
    assert.strictEqual(format(Tiyn.make(tiyn)), text)
  })

  it("reads back as itself in whole tenge, half a tenge up", () => {
    fc.assert(
      fc.property(prices, (price) => {
        const rest = price % TIYN_PER_TENGE
        expectPrice(format(price), price - rest + (rest >= TIYN_PER_TENGE / 2 ? TIYN_PER_TENGE : 0))
      }),
    )
  })
})
