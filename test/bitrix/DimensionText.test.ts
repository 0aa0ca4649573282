import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { parse } from "../../src/bitrix/DimensionText.ts"

const LENGTH_CM_MAX = 10_000

const accepted: ReadonlyArray<readonly [value: unknown, lengthCm: number | null]> = [
  ["70 см", 70],
  ["60см", 60],
  ["70 СМ.", 70],
  ["70 cm", 70],
  ["70\u00a0см", 70],
  ["\u202f70 см ", 70],
  ["70", 70],
  ["70.0000", 70],
  ["70,4", 70],
  ["70,5 см", 71],
  ["1,5 м", 150],
  ["0.7 m", 70],
  ["1,255 м", 126],
  ["700 мм", 70],
  ["704mm", 70],
  ["705 мм", 71],
  ["0", 0],
  ["100 м", LENGTH_CM_MAX],
  [70, 70],
  [70.5, 71],
  [70.125, 70],
  [0, 0],
  [LENGTH_CM_MAX, LENGTH_CM_MAX],
  [LENGTH_CM_MAX + 0.4, LENGTH_CM_MAX],
  ["", null],
  [" \u00a0", null],
  [null, null],
  [undefined, null],
  [false, null],
]

const refused: ReadonlyArray<readonly [value: unknown, reason: string]> = [
  ["70-80 см", "a range of lengths"],
  ["70 – 80", "a range of lengths"],
  ["от 70 до 80 см", "a range of lengths"],
  ["70x80", "not a length"],
  ["70*80 см", "not a length"],
  ["около 70 см", "not a length"],
  ["до 70 см", "not a length"],
  ['70"', "not a length"],
  ["7 дм", "not a length"],
  ["７０ см", "not a length"],
  ["7 0", "not a length"],
  ["-70 см", "not a length"],
  ["70.", "not a length"],
  [",7 м", "not a length"],
  ["см", "not a length"],
  ["1e2", "not a length"],
  [`${"0".repeat(32)}7`, "not a length"],
  [-1, "not a length"],
  [Number.NaN, "not a length"],
  [true, "not a length"],
  [{}, "not a length"],
  [[70], "not a length"],
  ["1,500 мм", "more than one reading of the length"],
  ["1.500", "more than one reading of the length"],
  ["10001", "a length above 10000 cm"],
  ["100,01 м", "a length above 10000 cm"],
  [LENGTH_CM_MAX + 0.5, "a length above 10000 cm"],
  [Number.POSITIVE_INFINITY, "a length above 10000 cm"],
]

describe("a width or a height that Bitrix wrote", () => {
  it.each(accepted)("%j is %j cm", (value, lengthCm) => {
    assert.deepStrictEqual(parse(value), { lengthCm })
  })

  it.each(refused)("%o is refused: %s", (value, reason) => {
    assert.deepStrictEqual(parse(value), { reason })
  })

  it("is the same length in millimetres, centimetres and metres, half a centimetre up", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: LENGTH_CM_MAX * 10 }), fc.constantFrom(",", "."), (mm, mark) => {
        const expected = { lengthCm: Math.floor((mm + 5) / 10) }
        const [inCentimetres, inMetres] = [10, 1_000].map(
          (unit) => `${Math.floor(mm / unit)}${mark}${String(mm % unit).padStart(unit === 10 ? 1 : 3, "0")}`,
        )
        assert.deepStrictEqual(parse(`${mm} мм`), expected)
        assert.deepStrictEqual(parse(`${inCentimetres} см`), expected)
        assert.deepStrictEqual(parse(`${inCentimetres}`), expected)
        assert.deepStrictEqual(parse(`${inMetres} м`), expected)
        assert.deepStrictEqual(parse(JSON.parse(`${Math.floor(mm / 10)}.${mm % 10}`)), expected)
      }),
    )
  })

  it("is a whole number within the limits, absent, or a reason, whatever was written", () => {
    const nearly = fc.string({ unit: fc.constantFrom(..."0123456789,.- смmcx"), maxLength: 12 })
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string({ unit: "binary" }), fc.anything()), (value) => {
        const parsed = parse(value)
        if ("reason" in parsed || parsed.lengthCm === null) return
        assert.isTrue(Number.isInteger(parsed.lengthCm))
        assert.isTrue(parsed.lengthCm >= 0 && parsed.lengthCm <= LENGTH_CM_MAX)
      }),
      { numRuns: 2_000 },
    )
  })
})
