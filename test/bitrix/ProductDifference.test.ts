import { assert, describe, it } from "@effect/vitest"
import type { LedgerRow } from "../../src/bitrix/BitrixProductsRepo.ts"
import type { SomeFields } from "../../src/bitrix/MirroredProduct.ts"
import { empty, isTooShort, outcomeOf, plus, tallyOf, unrepaired } from "../../src/bitrix/PassTally.ts"
import { absence, differenceOf } from "../../src/bitrix/ProductDifference.ts"
import { ProductId } from "../../src/products/Product.ts"

const ORIGIN = "https://bitrix.example"
const id = ProductId.make(668_826)

const item = {
  id: 668_826,
  title: "Букет Rosa",
  price: "7 500 ₸",
  image: "/upload/a.jpg",
  images: [],
  isAvailable: true,
  type: "catalog",
  catalogHeight: "70 см",
}
const theirs: SomeFields = {
  name: "Букет Rosa",
  price: 750_000,
  description: "Не в списке",
  image: "https://bitrix.example/upload/a.jpg",
  images: [],
  enabled: true,
  type: "catalog",
  width: null,
  height: 70,
}

const ledger = (change: SomeFields = {}, version = 3): LedgerRow => ({
  product_id: id,
  ours: {},
  theirs: { ...theirs, ...change },
  sent: [],
  blurred: [],
  version,
  last_event_at: null,
  last_pulled_at: null,
})

const fieldsOf = (change: object, agreed: LedgerRow | undefined = ledger()) =>
  differenceOf({ ...item, ...change }, agreed, ORIGIN)?.fields
const eventIdOf = (change: object, agreed: LedgerRow | undefined) =>
  differenceOf({ ...item, ...change }, agreed, ORIGIN)?.event["event_id"]

describe("what Bitrix lists", () => {
  it("is the same in any spelling, and however often it was told", () => {
    for (const change of [
      {},
      { price: "7\u00a0500 ₸" },
      { price: 7_500 },
      { title: "  Букет Rosa " },
      { image: "https://bitrix.example/upload/a.jpg" },
      { isAvailable: "Y" },
      { catalogHeight: "0,7 м" },
      { colors: ["red"], video: "https://video.example/v.mp4" },
    ])
      assert.strictEqual(fieldsOf(change), undefined, JSON.stringify(change))
  })

  it("differs in the fields that say something else", () => {
    assert.deepStrictEqual(fieldsOf({ price: "7 501 ₸" }), ["price"])
    assert.deepStrictEqual(fieldsOf({ title: "Пионы", isAvailable: false }), ["name", "enabled"])
    assert.deepStrictEqual(fieldsOf({ images: ["/upload/b.jpg"] }), ["images"])
    assert.deepStrictEqual(fieldsOf({ image: null }), ["image"])
    assert.deepStrictEqual(fieldsOf({ description: "Сказано" }), ["description"])
  })

  it("differs in everything it says of what was never compared", () => {
    assert.includeMembers(
      [...(differenceOf(item, undefined, ORIGIN)?.fields ?? [])],
      ["name", "price", "enabled"],
    )
  })

  it("differs without a field where only something unreadable is new, an accidental zero included", () => {
    assert.deepStrictEqual(fieldsOf({ price: "65 USD" }), [])
    assert.deepStrictEqual(fieldsOf({ price: "0 ₸" }), [])
    assert.strictEqual(fieldsOf({ price: "0 ₸" }, ledger({ price: 0 })), undefined)
    assert.deepStrictEqual(fieldsOf({ price: "0 ₸", title: "Пионы" }), ["name"])
  })
})

describe("the event of a difference", () => {
  it("is another one for each version, so that a difference that comes back is repaired again", () => {
    assert.notStrictEqual(
      eventIdOf({ title: "Пионы" }, ledger({}, 3)),
      eventIdOf({ title: "Пионы" }, ledger({}, 5)),
    )
  })

  it("stays the same while it cannot be read, whatever happens to the version", () => {
    assert.strictEqual(eventIdOf({ price: "?" }, ledger({}, 3)), eventIdOf({ price: "?" }, ledger({}, 5)))
    assert.notStrictEqual(
      eventIdOf({ price: "?" }, ledger()),
      eventIdOf({ price: "?" }, ledger({ price: 800_000 })),
    )
    assert.strictEqual(eventIdOf({ price: "?" }, undefined), eventIdOf({ price: "?" }, undefined))
  })

  it("of a product that is gone is another one for each version", () => {
    assert.notStrictEqual(absence(id, 1).event["event_id"], absence(id, 2).event["event_id"])
  })
})

describe("what a walk came to", () => {
  const known = { hasFields: true, isKnown: true }

  it("is counted by what was repaired and what was not", () => {
    const tally = tallyOf([
      { kind: "same" },
      outcomeOf(null, known),
      outcomeOf({ action: "created" }, { hasFields: true, isKnown: false }),
      outcomeOf({ action: "updated" }, { hasFields: true, isKnown: false }),
      outcomeOf({ action: "updated", notes: ["price: not a price"] }, known),
      outcomeOf({ action: "updated", notes: ["price: not a price"] }, { hasFields: false, isKnown: true }),
      outcomeOf({ action: "deleted" }, known),
      outcomeOf({ action: "skipped", message: "No" }, known),
      unrepaired("No"),
    ])
    assert.deepStrictEqual(tally, {
      seen: 0,
      same: 1,
      moved: 1,
      repairs: { created: 1, met: 1, updated: 1, disabled: 1, toldAgain: 0 },
      differences: 7,
      repaired: 3,
      unrepaired: 4,
      reasons: { "price: not a price": 2, No: 2 },
    })
    assert.deepStrictEqual(plus(tally, empty), tally)
    assert.strictEqual(plus(tally, tally).reasons["No"], 4)
  })

  it("says nothing of deletions when the list was empty or less than half of the last one", () => {
    assert.deepStrictEqual(
      [isTooShort(0, null), isTooShort(0, 0), isTooShort(4, 9), isTooShort(5, 9), isTooShort(1, null)],
      [true, true, true, false, false],
    )
  })
})
