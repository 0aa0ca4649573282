import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as fc from "fast-check"
import * as JsonBody from "../../src/platform/JsonBody.ts"
import { BodyMalformed, BodyTooLarge, MediaTypeUnsupported } from "../../src/shared/BodyFault.ts"
import { ValidationFailed } from "../../src/shared/ValidationFailed.ts"

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const parse = (text: string): unknown => Effect.runSync(JsonBody.parse(bytesOf(text)))
const faultOf = (bytes: Uint8Array | string): BodyMalformed | ValidationFailed =>
  Effect.runSync(Effect.flip(JsonBody.parse(typeof bytes === "string" ? bytesOf(bytes) : bytes)))

const nested = (depth: number, inner = "") => `${"[".repeat(depth)}${inner}${"]".repeat(depth)}`

describe("a JSON body", () => {
  it("reads every JSON text as the language does", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        fc.pre(!/[0-9]{16}/.test(text))
        assert.deepStrictEqual(parse(text), JSON.parse(text))
        assert.deepStrictEqual(parse(`\ufeff${text}`), JSON.parse(text))
      }),
    )
  })

  it("keeps every whole number exactly, wherever it stands", () => {
    const wholes = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n })
    fc.assert(
      fc.property(fc.array(wholes, { maxLength: 5 }), wholes, (list, one) => {
        const read = parse(`{"list":[${list.join()}],"one":${one},"text":"${one}"}`) as {
          list: ReadonlyArray<number | bigint>
          one: number | bigint
          text: string
        }
        assert.deepStrictEqual(read.list.map(BigInt), list)
        assert.strictEqual(BigInt(read.one), one)
        assert.strictEqual(read.text, String(one))
      }),
    )
  })

  it("makes a bigint only of whole numbers that a double cannot hold", () => {
    assert.deepStrictEqual(
      parse("[9007199254740991,9007199254740992,-9007199254740992,0.1234567890123456789,1e400,1e17,-0]"),
      [
        9_007_199_254_740_991,
        9_007_199_254_740_992n,
        -9_007_199_254_740_992n,
        0.123_456_789_012_345_68,
        Number.POSITIVE_INFINITY,
        1e17,
        -0,
      ],
    )
  })

  it("takes the last of two equal keys, and a key of the prototype for an ordinary one", () => {
    assert.deepStrictEqual(parse('{"a":1,"b":2,"a":{"c":3}}'), { a: { c: 3 }, b: 2 })
    for (const tail of ["", ',"n":12345678901234567890']) {
      const read = parse(`{"__proto__":{"admin":true},"constructor":1${tail}}`) as Record<string, unknown>
      assert.deepStrictEqual(Object.keys(read).slice(0, 2), ["__proto__", "constructor"])
      assert.isUndefined(read["admin"])
    }
  })

  it("is a clear refusal or a value for any bytes at all, never a defect", () => {
    const almostJson = fc
      .tuple(fc.json(), fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 4 }))
      .map(([text, place, noise]) => {
        const bytes = Buffer.from(text)
        const at = place % (bytes.length + 1)
        return Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at + 1)])
      })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), almostJson), (bytes) => {
        const exit = Effect.runSyncExit(JsonBody.parse(bytes))
        if (Exit.isSuccess(exit)) return
        const fault = Effect.runSync(Effect.flip(JsonBody.parse(bytes)))
        assert.isTrue(fault instanceof BodyMalformed || fault instanceof ValidationFailed)
      }),
      { numRuns: 1_000 },
    )
  })

  it("agrees with the platform on which bytes are UTF-8", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), (bytes) => {
        const quoted = Buffer.concat([Buffer.from("["), bytes, Buffer.from("]")])
        const isUtf8 = Buffer.from(quoted.toString("utf8")).equals(quoted)
        const exit = Effect.runSyncExit(JsonBody.parse(quoted))
        const isRefused =
          Exit.isFailure(exit) && Effect.runSync(Effect.flip(JsonBody.parse(quoted))) instanceof BodyMalformed
        if (!isUtf8) assert.isTrue(isRefused)
      }),
      { numRuns: 1_000 },
    )
  })

  it("may be nested 32 levels deep, by arrays and objects alike, and no deeper", () => {
    assert.deepStrictEqual(parse(nested(32)), JSON.parse(nested(32)))
    assert.deepStrictEqual(faultOf(nested(33)).detail, "Request body is nested deeper than 32 levels")
    const objects = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`
    assert.deepStrictEqual(parse(objects(32)), JSON.parse(objects(32)))
    assert.instanceOf(faultOf(objects(33)), BodyMalformed)
    assert.instanceOf(faultOf('[{"a":'.repeat(10_000)), BodyMalformed)
  })

  it("counts no bracket inside a string, and every bracket after one", () => {
    const brackets = "[{".repeat(500)
    for (const text of [`"${brackets}"`, `{"${brackets}":"\\"${brackets}\\\\"}`, `"\\\\","${brackets}"`]) {
      const list = `[${text}]`
      assert.deepStrictEqual(parse(list), JSON.parse(list))
    }
    assert.instanceOf(faultOf(`["\\\\",${nested(32)}]`), BodyMalformed)
    assert.instanceOf(faultOf(`["\\"",${nested(32)}]`), BodyMalformed)
    assert.deepStrictEqual(
      parse(`[${Array.from({ length: 1_000 }, () => nested(31)).join()}]`),
      JSON.parse(`[${Array.from({ length: 1_000 }, () => nested(31)).join()}]`),
    )
  })

  it("that is no JSON says so in list form, and repeats nothing of it", () => {
    const marker = "sesame"
    const spoiled = fc.tuple(fc.json(), fc.nat()).map(([text, place]) => {
      const at = place % (text.length + 1)
      return text.slice(0, at) + marker + text.slice(at)
    })
    fc.assert(
      fc.property(spoiled, (text) => {
        const exit = Effect.runSyncExit(JsonBody.parse(bytesOf(text)))
        if (Exit.isSuccess(exit)) return
        const fault = faultOf(text)
        assert.instanceOf(fault, ValidationFailed)
        const [problem, ...others] = fault.detail as ValidationFailed["detail"]
        assert.deepStrictEqual(others, [])
        assert.deepInclude(problem, { type: "json_invalid", loc: ["body"], input: {} })
        assert.match(problem?.msg ?? "", /^JSON decode error: ./)
        assert.notInclude(problem?.msg, marker)
      }),
      { numRuns: 1_000 },
    )
  })
})

describe("reading a JSON body from a request", () => {
  const untouchable = Effect.die(new Error("the body was read"))
  const read = (headers: Readonly<Record<string, string>>, body: Effect.Effect<ArrayBuffer> = untouchable) =>
    JsonBody.read({ headers, arrayBuffer: body } as unknown as HttpServerRequest)

  it.effect("refuses a type, an encoding or a length before a byte is read", () =>
    Effect.gen(function* () {
      for (const headers of [
        { "content-type": "text/plain" },
        { "content-encoding": "gzip" },
        { "content-type": "application/json;charset=koi8-r" },
      ]) {
        assert.instanceOf(yield* Effect.flip(read(headers)), MediaTypeUnsupported)
      }
      assert.instanceOf(yield* Effect.flip(read({ "content-length": "65537" })), BodyTooLarge)
    }),
  )

  it.effect("takes every type that ends in +json, in any letters", () =>
    Effect.gen(function* () {
      const body = Effect.succeed(bytesOf("[1]").buffer as ArrayBuffer)
      for (const type of ["", "application/json", "Application/LD+JSON", "application/a.b-c+d+json ; q=1"]) {
        assert.deepStrictEqual(yield* read({ "content-type": type }, body), [1])
      }
      assert.deepStrictEqual(yield* read({}, body), [1])
    }),
  )
})
