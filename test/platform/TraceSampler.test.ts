import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { TraceSampler } from "../../src/platform/TraceSampler.ts"

describe("TraceSampler", () => {
  it("keeps a trace when the last 56 bits of its id are in the upper share", () => {
    const quarter = new TraceSampler({ share: 0.25, followsParent: true })
    assert.isTrue(quarter.isInShare("000000000000000000c0000000000000"))
    assert.isFalse(quarter.isInShare("ffffffffffffffffffbfffffffffffff"))
    assert.isTrue(new TraceSampler({ share: 1, followsParent: true }).isInShare("0".repeat(32)))
    assert.isFalse(new TraceSampler({ share: 0, followsParent: true }).isInShare("f".repeat(32)))
  })

  it.effect.prop(
    "keeps with a larger share what a smaller one keeps",
    [Schema.BigInt, Schema.Finite, Schema.Finite],
    ([n, a, b]) =>
      Effect.sync(() => {
        const traceId = BigInt.asUintN(128, n).toString(16).padStart(32, "0")
        const shares = [a, b].map((x) => Math.abs(x) % 1).toSorted((x, y) => x - y)
        const [small, large] = shares.map((share) => new TraceSampler({ share, followsParent: true }))
        assert.isTrue(!small?.isInShare(traceId) || large?.isInShare(traceId))
      }),
  )
})
