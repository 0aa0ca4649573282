import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { toldFields } from "../../src/bitrix/MirroredProduct.ts"
import { ProductSyncModel, type Habits, type Step } from "../support/ProductSyncModel.ts"

const RUNS = 20_000

const field = fc.constantFrom(...toldFields)
const pick = fc.nat({ max: 5 })
const only = <K extends Step["kind"]>(...kinds: ReadonlyArray<K>) =>
  fc.constantFrom(...kinds).map((kind) => ({ kind }) as unknown as Step)

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("editHere"), field, pick }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("editThere"), field, pick }) },
  { weight: 6, arbitrary: only("leave", "arrive") },
  { weight: 3, arbitrary: only("answer", "answer", "fail") },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("hear"), pick, again: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lose"), pick }) },
  { weight: 1, arbitrary: only("read") },
) as never

const run = (habits: Habits) => (steps: ReadonlyArray<Step>) => {
  const model = new ProductSyncModel(habits)
  for (const one of steps) model.take(one)
  model.settle()
}

describe("whatever happens to a product on both sides", () => {
  for (const hasTimes of [true, false])
    for (const readsLate of [true, false])
      it(`both end up equal (${hasTimes} ${readsLate})`, () => {
        fc.assert(fc.property(fc.array(step, { maxLength: 30 }), run({ hasTimes, readsLate })), { numRuns: RUNS })
        assert.isTrue(true)
      })
})
