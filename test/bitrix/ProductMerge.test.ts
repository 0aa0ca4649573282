import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import type { Ledger, Mirrored, SomeFields } from "../../src/bitrix/MirroredProduct.ts"
import { toldFields } from "../../src/bitrix/MirroredProduct.ts"
import { assumed, delivered, merge, needsTelling, noted, untold } from "../../src/bitrix/ProductMerge.ts"
import { asBitrixSays, toParcel, toSent } from "../../src/bitrix/ProductParcel.ts"
import { type Habits, ProductSyncModel, type Step } from "../support/ProductSyncModel.ts"

const RUNS = 10_000
const STEPS_MAX = 30
const ID = 668_826

const roses: Mirrored = {
  name: "Розы",
  price: 500_000,
  description: "Красные",
  image: "https://bitrix.example/upload/a.jpg",
  enabled: true,
  type: "catalog",
  width: 40,
  height: null,
  images: ["https://bitrix.example/upload/a.jpg", "https://bitrix.example/upload/b.jpg"],
}
const agreed = assumed(roses, {})
const OURS = "https://shop.example/new.jpg"
const COPY = "https://bitrix.example/upload/copy.jpg"

const hear = (local: Mirrored, ledger: Ledger, incoming: SomeFields) =>
  merge({ local, agreed: ledger, incoming, isAuthoritative: false })
/** As Bitrix itself has it. */
const look = (local: Mirrored, ledger: Ledger, incoming: SomeFields) =>
  merge({ local, agreed: ledger, incoming, isAuthoritative: true })
const push = (local: Mirrored, ledger: Ledger) => noted(ledger, toSent(local, ledger))
/** All that Bitrix says of a product once it took it. */
const echo = (local: Mirrored): SomeFields => ({ ...local, ...asBitrixSays(local) })

describe("what Bitrix says", () => {
  it("changes nothing where it is what it said last, and leaves what changed here to be told", () => {
    const local = { ...roses, name: "Пионы" }
    const merged = hear(local, agreed, roses)
    assert.deepStrictEqual(merged, { changes: {}, conflicts: [], ledger: agreed })
    assert.deepStrictEqual(untold(local, merged.ledger), ["name"])
  })

  it("is taken where nothing changed here, field by field", () => {
    const news: Mirrored = {
      name: "Пионы",
      price: 700_000,
      description: null,
      image: COPY,
      enabled: false,
      type: "vitrina",
      width: null,
      height: 70,
      images: [COPY],
    }
    for (const field of Object.keys(news) as ReadonlyArray<keyof Mirrored>) {
      const said = { [field]: news[field] }
      const { changes, conflicts, ledger } = hear(roses, agreed, said)
      assert.deepStrictEqual(changes, said)
      assert.deepStrictEqual(conflicts, [])
      assert.deepStrictEqual([ledger.ours[field], ledger.theirs[field]], [news[field], news[field]])
      assert.isFalse(needsTelling({ ...roses, ...changes }, ledger))
    }
    assert.deepStrictEqual(hear(roses, agreed, news).changes, news)
  })

  it("says nothing by a field that is absent", () => {
    const local = { ...roses, price: 1, width: 1 }
    assert.deepStrictEqual(hear(local, agreed, {}), { changes: {}, conflicts: [], ledger: agreed })
  })

  it("is agreed on where the same changed here", () => {
    const local = { ...roses, name: "Пионы" }
    const { changes, conflicts, ledger } = hear(local, agreed, { name: "Пионы" })
    assert.deepStrictEqual([changes, conflicts], [{}, []])
    assert.deepStrictEqual(untold(local, ledger), [])
  })

  it("wins a conflict, and ours is kept in the list; what was told is not told over it", () => {
    const local = { ...roses, name: "Пионы", price: 700_000 }
    const { changes, conflicts, ledger } = hear(local, agreed, { name: "Лилии", price: 500_000 })
    assert.deepStrictEqual(changes, { name: "Лилии" })
    assert.deepStrictEqual(conflicts, [{ field: "name", ours: "Пионы", theirs: "Лилии" }])
    assert.deepStrictEqual(untold({ ...local, ...changes }, ledger), ["price"])
  })

  it("wins a conflict over what Bitrix is never told", () => {
    const local = { ...roses, width: 50 }
    const { changes, conflicts } = hear(local, agreed, { width: 45 })
    assert.deepStrictEqual(changes, { width: 45 })
    assert.deepStrictEqual(conflicts, [{ field: "width", ours: 50, theirs: 45 }])
    assert.deepStrictEqual(hear(local, agreed, { width: 40 }).changes, {})
  })

  it("counts pictures by their order", () => {
    const turned = roses.images.toReversed()
    assert.deepStrictEqual(hear(roses, agreed, { images: [...roses.images] }).changes, {})
    assert.deepStrictEqual(hear(roses, agreed, { images: turned }).changes, { images: turned })
  })
})

describe("a push that comes back", () => {
  const first = { ...roses, name: "Пионы" }
  const second = { ...roses, name: "Лилии" }

  it("is agreed on, before its answer and after it, once and again", () => {
    const left = push(first, agreed)
    for (const ledger of [left, delivered(left)]) {
      const once = hear(first, ledger, echo(first))
      const again = hear(first, once.ledger, echo(first))
      for (const { changes, conflicts } of [once, again])
        assert.deepStrictEqual([changes, conflicts], [{}, []])
      assert.isFalse(needsTelling(first, again.ledger))
    }
  })

  it("does not undo what changed here after it left", () => {
    const left = push(first, agreed)
    const { changes, conflicts, ledger } = hear(second, left, echo(first))
    assert.deepStrictEqual([changes, conflicts], [{}, []])
    assert.deepStrictEqual(untold(second, ledger), ["name"])
  })

  it("is old news once a newer one was delivered, unless it is what Bitrix has", () => {
    const ledger = delivered(push(second, delivered(push(first, agreed))))
    for (const old of [first, roses]) {
      assert.deepStrictEqual(hear(second, ledger, echo(old)).changes, {}, old.name)
      assert.deepStrictEqual(look(second, ledger, echo(old)).changes, { name: old.name })
    }
  })

  it("arrived last when Bitrix itself has it and its answer was lost: ours is told again", () => {
    const ledger = delivered(push(second, push(first, agreed)))
    assert.deepStrictEqual(hear(second, ledger, echo(first)).changes, {})
    const seen = look(second, ledger, echo(first))
    assert.deepStrictEqual([seen.changes, seen.conflicts], [{}, []])
    assert.deepStrictEqual(untold(second, seen.ledger), ["name"])
  })

  it("is no news when it arrived although its answer was lost and others failed after it", () => {
    let ledger = push(first, agreed)
    for (let attempt = 0; attempt < 100; attempt += 1) ledger = push(second, ledger)
    const { changes, conflicts } = look(second, ledger, echo(first))
    assert.deepStrictEqual([changes, conflicts], [{}, []])
  })

  it("makes way for what a florist says after it was confirmed", () => {
    const { ledger } = hear(first, delivered(push(first, agreed)), echo(first))
    assert.deepStrictEqual(hear(first, ledger, echo(roses)).changes, { name: "Розы" })
  })

  it("does not let an event that it overtook undo it", () => {
    const ledger = delivered(push(first, agreed))
    const { changes, conflicts } = hear(second, ledger, { ...echo(roses), price: 700_000 })
    assert.deepStrictEqual([changes, conflicts], [{ price: 700_000 }, []])
  })

  it("has to be told again when it may have said what no longer stands here", () => {
    const lost = push(first, agreed)
    assert.deepStrictEqual(untold(roses, lost), [])
    assert.isTrue(needsTelling(roses, lost))
    assert.isFalse(needsTelling(roses, delivered(push(roses, lost))))
  })
})

describe("a price with tiyn", () => {
  const local = { ...roses, price: 612_350 }

  it("stays exact here, though Bitrix keeps whole tenge", () => {
    const left = push(local, agreed)
    assert.strictEqual(toParcel(ID, local, agreed).price, "6 124 ₸")
    for (const ledger of [left, delivered(left)]) {
      const merged = hear(local, ledger, { ...echo(local), price: 612_400 })
      assert.deepStrictEqual([merged.changes, merged.conflicts], [{}, []])
      assert.isFalse(needsTelling(local, merged.ledger))
    }
  })

  it("goes along as Bitrix has it when another field is told", () => {
    const ledger = delivered(push(local, agreed))
    const renamed = { ...local, name: "Пионы" }
    assert.strictEqual(toParcel(ID, renamed, ledger).price, "6 124 ₸")
    assert.deepStrictEqual(hear(renamed, push(renamed, ledger), echo(renamed)).changes, {})
  })

  it("gives way to another price of a florist", () => {
    const ledger = delivered(push(local, agreed))
    assert.deepStrictEqual(hear(local, ledger, { price: 612_300 }).changes, { price: 612_300 })
  })
})

describe("a picture", () => {
  const local = { ...roses, image: OURS }

  it("is told once, and its copy is not news", () => {
    const left = push(local, agreed)
    assert.strictEqual(toParcel(ID, local, agreed).image, OURS)
    for (const before of [left, delivered(left)]) {
      const { changes, conflicts, ledger } = hear(local, before, { ...echo(local), image: COPY })
      assert.deepStrictEqual([changes, conflicts], [{}, []])
      const known = delivered(ledger)
      assert.deepStrictEqual(known.ours.image, OURS)
      assert.deepStrictEqual(hear(local, known, { image: COPY }).changes, {})
      assert.isNull(toParcel(ID, { ...local, name: "Пионы" }, known).image)
    }
  })

  it("of a florist is taken after a push that told no picture", () => {
    const renamed = { ...roses, name: "Пионы" }
    for (const ledger of [push(renamed, agreed), delivered(push(renamed, agreed))])
      assert.deepStrictEqual(hear(renamed, ledger, { ...echo(renamed), image: COPY }).changes, {
        image: COPY,
      })
  })

  it("of a florist is taken after the copy was met", () => {
    const met = hear(local, delivered(push(local, agreed)), { ...echo(local), image: COPY }).ledger
    const other = "https://bitrix.example/upload/other.jpg"
    assert.deepStrictEqual(hear(local, met, { image: other }).changes, { image: other })
  })

  it("has its copy recognised also after a later push that told none", () => {
    const renamed = { ...local, name: "Пионы" }
    const ledger = delivered(push(renamed, delivered(push(local, agreed))))
    for (const merged of [hear, look])
      assert.deepStrictEqual(merged(renamed, ledger, { ...echo(renamed), image: COPY }).changes, {})
  })

  it("pushed alone is still expected as a copy after an event that the push overtook", () => {
    const pushed = delivered(push(local, agreed))
    const { ledger } = hear(local, pushed, echo(roses))
    for (const there of [local, { ...local, image: "https://shop.example/newer.jpg" }]) {
      const { changes, conflicts } = hear(there, ledger, { ...echo(local), image: COPY })
      assert.deepStrictEqual([changes, conflicts], [{}, []])
    }
  })

  it("that Bitrix could not have is expected no more, once an event shows the rest of its push", () => {
    const both = { ...local, price: 700_000 }
    const { ledger } = hear(both, delivered(push(both, agreed)), { ...echo(both), image: roses.image })
    assert.deepStrictEqual(hear(both, ledger, { image: COPY }).changes, { image: COPY })
  })

  it("has its own copy when several were told one after another", () => {
    const second = { ...local, image: "https://shop.example/second.jpg" }
    const copies = [COPY, "https://bitrix.example/upload/copy2.jpg"]
    let ledger = delivered(push(second, delivered(push(local, agreed))))
    for (const image of copies) {
      const merged = hear(second, ledger, { ...echo(second), image })
      assert.deepStrictEqual([merged.changes, merged.conflicts], [{}, []])
      ledger = merged.ledger
    }
    assert.deepStrictEqual([ledger.ours.image, ledger.theirs.image], [second.image, copies[1]])
  })

  it("that left and never arrived is still to be told when a florist sets another one", () => {
    const { changes, ledger } = hear(local, push(local, agreed), { ...echo(roses), image: COPY })
    assert.deepStrictEqual(changes, {})
    assert.isTrue(needsTelling(local, ledger))
  })
})

describe("what Bitrix cannot take", () => {
  it("is not expected back: an emptied description and a removed picture", () => {
    const local = { ...roses, description: null, image: null }
    const parcel = toParcel(ID, local, agreed)
    assert.deepStrictEqual([parcel.description, parcel.image], ["", null])
    const ledger = delivered(push(local, agreed))
    assert.isFalse(needsTelling(local, ledger))
    assert.deepStrictEqual(hear(local, ledger, echo(roses)).changes, {})
  })
})

describe("the parcel", () => {
  it("carries the fields of the script and of the diagrams", () => {
    const local = { ...roses, name: "Букет Rosa Deluxe", price: 612_300, enabled: false, image: OURS }
    assert.deepStrictEqual(toParcel(ID, local, agreed), {
      id: ID,
      name: "Букет Rosa Deluxe",
      title: "Букет Rosa Deluxe",
      price: "6 123 ₸",
      image: OURS,
      description: "Красные",
      enabled: "N",
      isAvailable: false,
    })
  })

  it("carries what did not change here as Bitrix itself last said it", () => {
    const ledger = hear(roses, agreed, { description: "Алые" }).ledger
    const parcel = toParcel(ID, { ...roses, description: "Алые", name: "Пионы" }, ledger)
    assert.strictEqual(parcel.description, "Алые")
    assert.isNull(parcel.image)
  })
})

describe("two sides that have not met", () => {
  it("are taken to have agreed on what stood here before it was changed", () => {
    const local = { ...roses, name: "Пионы", price: 700_000 }
    const ledger = assumed(local, { name: "Розы", price: 500_000 })
    assert.deepStrictEqual(untold(local, ledger), ["name", "price"])
    assert.deepStrictEqual(hear(local, ledger, roses), { changes: {}, conflicts: [], ledger })
    assert.deepStrictEqual(hear(local, ledger, { price: 600_000 }).conflicts, [
      { field: "price", ours: 700_000, theirs: 600_000 },
    ])
  })

  it("agree where nothing was changed here, so that what Bitrix says is taken", () => {
    assert.deepStrictEqual(hear(roses, assumed(roses, {}), { name: "Пионы", width: 41 }), {
      changes: { name: "Пионы", width: 41 },
      conflicts: [],
      ledger: {
        ours: { ...agreed.ours, name: "Пионы", width: 41 },
        theirs: { ...agreed.theirs, name: "Пионы", width: 41 },
        sent: [],
        blurred: [],
      },
    })
  })
})

const field = fc.constantFrom(...toldFields)
const pick = fc.nat({ max: 5 })
const word = (...kinds: ReadonlyArray<"leave" | "arrive" | "answer" | "fail" | "read">) =>
  fc.constantFrom(...kinds).map((kind): Step => ({ kind }))

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("editHere" as const), field, pick }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("editThere" as const), field, pick }) },
  { weight: 6, arbitrary: word("leave", "arrive") },
  { weight: 3, arbitrary: word("answer", "answer", "fail") },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("hear" as const), pick, again: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lose" as const), pick }) },
  { weight: 1, arbitrary: word("read") },
)

/** What differs between the event handlers that are met. */
const HABITS: ReadonlyArray<readonly [string, Habits]> = [
  ["handlers with event ids and times", { hasTimes: true, readsLate: true, haveMet: true }],
  ["such handlers, out of order", { hasTimes: true, readsLate: false, haveMet: true }],
  ["handlers of old", { hasTimes: false, readsLate: true, haveMet: true }],
  ["handlers of old, out of order", { hasTimes: false, readsLate: false, haveMet: true }],
  ["sides that have not met", { hasTimes: true, readsLate: true, haveMet: false }],
]

describe("edits on both sides, pushes that are lost, repeated or late, and events in any order", () => {
  for (const [whose, habits] of HABITS) {
    it(`end with both sides equal and no conflict that is none: ${whose}`, () => {
      let conflicts = 0
      const property = fc.property(fc.array(step, { maxLength: STEPS_MAX }), (steps) => {
        const model = new ProductSyncModel(habits)
        for (const one of steps) model.take(one)
        model.settle()
        conflicts += model.conflicts
      })
      fc.assert(property, { numRuns: RUNS })
      assert.isAbove(conflicts, 0)
    })
  }
})
