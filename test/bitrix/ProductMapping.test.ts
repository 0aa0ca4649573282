/** What Bitrix says of goods, from the body of its event to the row: first the rules, then through the real webhook. */
import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type postgres from "postgres"
import { map } from "../../src/bitrix/ProductMapping.ts"
import { PRICE_SPELLINGS } from "../simulators/bitrix/Fixtures.ts"
import { productEvents } from "../simulators/bitrix/WebhookFixtures.ts"
import { makeWorld, nextProductId } from "../support/BitrixWorld.ts"
import * as Prometheus from "../support/Prometheus.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { insertShop } from "../support/TestPeople.ts"
import * as TestProducts from "../support/TestProducts.ts"

const ORIGIN = "https://bitrix.example"
const said = (data: Record<string, unknown>) => map(data, ORIGIN)

describe("what Bitrix says of a product", () => {
  it("is read under our names, in our units", () => {
    const data = {
      id: 1,
      title: " Розы \u0000 ",
      price: "7 500,50 ₸",
      isAvailable: false,
      description: "Красные",
      image: "/upload/a.jpg",
      images: ["/upload/a.jpg", "https://images.example/b.jpg", "/upload/a.jpg"],
      type: "vitrina",
      catalogWidth: "50 см",
      catalogHeight: "0,7 м",
      colors: ["red"],
      tags: ["x"],
      occasions: ["y"],
      discount: "10",
    }
    assert.deepStrictEqual(said(data), {
      said: {
        name: "Розы \ufffd",
        price: 750_050,
        enabled: false,
        description: "Красные",
        image: `${ORIGIN}/upload/a.jpg`,
        images: [`${ORIGIN}/upload/a.jpg`, "https://images.example/b.jpg"],
        type: "vitrina",
        width: 50,
        height: 70,
      },
      blurred: ["price"],
      notes: [],
    })
  })

  it("is nothing where nothing is said", () => {
    for (const data of [{}, { id: 1 }, { id: 1, colors: false, composition: null, images: null, images2: 1 }])
      assert.deepStrictEqual(said(data), { said: {}, blurred: [], notes: [] })
  })

  it("says by null, false and an empty text that there is none", () => {
    assert.deepStrictEqual(said({ image: false, description: null, width: "", height: false }), {
      said: { image: null, description: null, width: null, height: null },
      blurred: [],
      notes: [],
    })
    assert.deepStrictEqual(said({ image: "", images: [], description: "  " }).said, {
      image: null,
      images: [],
      description: null,
    })
  })

  for (const [what, data] of [
    ["a name", { title: "" }],
    ["a name", { title: "  \t " }],
    ["a name", { title: null }],
    ["a name", { title: ["Розы"] }],
    ["availability", { isAvailable: null }],
    ["availability", { isAvailable: "может быть" }],
    ["availability", { isAvailable: {} }],
    ["a description", { description: 5 }],
    ["a picture", { image: "javascript:alert(1)" }],
    ["a picture", { image: "data:image/png;base64,AAAA" }],
    ["a picture", { image: { SRC: "/upload/a.jpg" } }],
    ["a picture", { image: `/${"x".repeat(500)}` }],
    ["pictures", { images: "/upload/a.jpg" }],
    ["pictures", { images: ["/upload/a.jpg", null] }],
    ["pictures", { images: ["ftp://images.example/a.jpg"] }],
    ["a type", { type: "mebel" }],
    ["a type", { type: null }],
    ["a length", { catalogWidth: "50-60 см" }],
    ["a price", { price: "договорная" }],
  ] as const) {
    it(`keeps ${what} when it is ${JSON.stringify(Object.values(data)[0]).slice(0, 40)}`, () => {
      const { said: taken, notes } = said(data)
      assert.deepStrictEqual(taken, {})
      assert.strictEqual(notes.length, 1)
      assert.match(notes[0] ?? "", /^[a-zA-Z]+: [a-z]/)
    })
  }

  it("says yes and no in every spelling of PHP", () => {
    for (const yes of [true, "Y", "y", "true", "1", 1]) assert.isTrue(said({ isAvailable: yes }).said.enabled)
    for (const no of [false, "N", "n", "false", "0", 0])
      assert.isFalse(said({ isAvailable: no }).said.enabled, `${no}`)
  })

  it("takes the lengths of the catalogue before those of the shop window, and either when the other is empty", () => {
    assert.strictEqual(said({ width: "40 см", catalogWidth: "50 см" }).said.width, 50)
    assert.strictEqual(said({ width: "40 см", catalogWidth: null }).said.width, 40)
    assert.strictEqual(said({ width: "", catalogWidth: "50см" }).said.width, 50)
    assert.strictEqual(said({ width: "40 см", catalogWidth: "?" }).said.width, 40)
  })

  it("fits into the row, whatever its length, and is never cut in the middle of a character", () => {
    const { name, description, images } = said({
      title: `${"я".repeat(199)}🌷`,
      description: `${"я".repeat(999)}🌷`,
      images: Array.from({ length: 50 }, (_, n) => `/upload/${n}.jpg`),
    }).said
    assert.strictEqual(name?.length, 200)
    assert.strictEqual(description?.length, 1_000)
    assert.isTrue(name?.isWellFormed() && description?.isWellFormed())
    assert.strictEqual(images?.length, 20)
  })

  it("has pictures of no site only by whole addresses", () => {
    const { said: taken, notes } = map(
      { image: "/upload/a.jpg", images: ["https://images.example/b.jpg"] },
      undefined,
    )
    assert.deepStrictEqual(taken, { images: ["https://images.example/b.jpg"] })
    assert.strictEqual(notes.length, 1)
  })
})

/** Every spelling of the fixtures, and what else florists have been seen to write. `null` keeps the price. */
const PRICES: ReadonlyArray<readonly [spelling: unknown, tiyn: number | null]> = [
  ...PRICE_SPELLINGS.map(({ price, kopecks }) => [price, kopecks === 0 ? null : kopecks] as const),
  ["7\u2009500\u2009₸", 750_000],
  ["12,5", 1_250],
  ["99,50 ₸", 9_950],
  ["12.990,00 ₸", 1_299_000],
  ["12,990.50", 1_299_050],
  ["12990.0000", 1_299_000],
  [7_500.5, 750_050],
  [0.1 + 0.2, null],
  ["от 5 000 ₸", 500_000],
  ["5 000 тг", 500_000],
  ["5 000 - 7 000 ₸", null],
  ["7 500 р.", null],
  ["договорная", null],
  ["-5 000 ₸", null],
  [-5_000, null],
  [0, null],
  ["0", null],
  ["0,00 ₸", null],
  [1e300, null],
  ["1 200.500", null],
  ["₸", null],
  [true, null],
  [["7 500 ₸"], null],
  [{ VALUE: "7 500 ₸" }, null],
]
const PRICE_BEFORE = 1_234_567

const inboxOf = (witness: postgres.Sql, id: number) =>
  Effect.promise(
    () => witness`
      SELECT state, reason, event_id, settled_at IS NOT NULL AS is_settled
      FROM inbox
      WHERE source = 'bitrix.product' AND subject = ${String(id)}
      ORDER BY received_at, id`,
  )

const updated = (product_data: object, more: object = {}) => ({
  event_type: "product.updated",
  product_data,
  ...more,
})

layer(TestDatabase.layer, { excludeTestServices: true })("the product webhook", (it) => {
  it.effect(
    "takes a price exactly or keeps the old one, says so, and forgets it when a good price comes",
    () =>
      Effect.gen(function* () {
        const world = yield* makeWorld()
        for (const [price, tiyn] of PRICES) {
          const spelling = JSON.stringify(price)
          const id = yield* world.insertProduct({ priceTiyn: PRICE_BEFORE })
          const { status, body } = yield* world.webhook(updated({ id, price }))
          assert.strictEqual(status, 200, spelling)
          assert.include(body, { status: "success", action: "updated", product_id: id }, spelling)
          const after = (yield* world.findProduct(id))?.["price"]
          assert.strictEqual(after, String(tiyn ?? PRICE_BEFORE), spelling)
          const [event] = yield* inboxOf(world.witness, id)
          if (tiyn !== null) {
            assert.notProperty(body, "notes", spelling)
            assert.deepInclude(event, { state: "applied", reason: null, is_settled: true }, spelling)
            continue
          }
          assert.strictEqual(body.notes?.length, 1, spelling)
          assert.match(body.notes[0], /^price: /, spelling)
          assert.deepInclude(event, { state: "parked", is_settled: false }, spelling)
          assert.strictEqual(event?.["reason"], `Kept: ${body.notes[0]}`)

          yield* world.webhook(updated({ id, title: "Розы", price: "8 000 ₸" }))
          assert.strictEqual((yield* world.findProduct(id))?.["price"], "800000", spelling)
          const [first, second] = yield* inboxOf(world.witness, id)
          assert.deepInclude(first, { state: "skipped", is_settled: true }, spelling)
          assert.include(first?.["reason"], body.notes[0])
          assert.deepInclude(second, { state: "applied", is_settled: true }, spelling)
        }
        yield* world.calm
        assert.deepStrictEqual(world.simulator.writes, [], "what Bitrix said is not told back")
      }),
  )

  it.effect("takes a zero where the price was zero already", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      const id = yield* world.insertProduct({ priceTiyn: 0 })
      const { body } = yield* world.webhook(updated({ id, title: "Открытка", price: "0 ₸" }))
      assert.notProperty(body, "notes")
      assert.deepInclude(yield* world.findProduct(id), { name: "Открытка", price: "0" })
    }),
  )

  it.effect("changes the fields that are there and leaves what people set here", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      const { witness } = world
      const id = yield* world.insertProduct()
      yield* Effect.promise(
        () => witness`
          UPDATE product
          SET colors = '{Красный}', tags = '{розы}', occasions = '{Свадьба}', cities = '{Almaty}',
              description = 'Своими словами', image = 'https://shop.example/a.jpg', width = 40, height = 60,
              manufacturing_time = 30, shelf_life = 5, is_featured = true
          WHERE id = ${id}`,
      )
      const parts = {
        title: ["name", "Пионы", "Пионы"],
        price: ["price", "7 500 ₸", "750000"],
        isAvailable: ["enabled", false, false],
        type: ["type", "vitrina", "vitrina"],
        image: ["image", "/upload/b.jpg", `${world.simulator.origin}/upload/b.jpg`],
        catalogHeight: ["height", "70 см", 70],
        width: ["width", "", null],
        description: ["description", "Словами Bitrix", "Словами Bitrix"],
      } as const
      let before = yield* world.findProduct(id)
      for (const [key, [column, given, taken]] of Object.entries(parts)) {
        const { body } = yield* world.webhook(
          updated({ id, [key]: given, colors: false, tags: [], occasions: null }),
        )
        assert.include(body, { action: "updated" })
        const after = yield* world.findProduct(id)
        const same = Object.fromEntries(
          Object.entries({ ...before, [column]: taken }).filter(
            ([key]) => !["updated_at", "search"].includes(key),
          ),
        )
        assert.deepInclude(after, same, key)
        before = after
      }
    }),
  )

  it.effect("replaces the pictures by those of the list, and leaves them when it gives none", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      const id = yield* world.insertProduct()
      const pictures = Effect.promise(
        () => world.witness`
          SELECT url, "order", is_primary FROM product_image WHERE product_id = ${id} ORDER BY "order"`,
      )
      yield* world.webhook(updated({ id, images: ["/a.jpg", "/b.jpg", "/a.jpg"] }))
      const two = [...(yield* pictures)]
      assert.deepStrictEqual(two, [
        { url: `${world.simulator.origin}/a.jpg`, order: 0, is_primary: true },
        { url: `${world.simulator.origin}/b.jpg`, order: 1, is_primary: false },
      ])
      for (const images of [null, undefined, false, "", "/c.jpg", ["/c.jpg", 5]]) {
        const { status } = yield* world.webhook(updated({ id, images }))
        assert.strictEqual(status, 200)
        assert.deepStrictEqual([...(yield* pictures)], two, JSON.stringify(images))
      }
      yield* world.webhook(updated({ id, images: ["/b.jpg", "/a.jpg"] }))
      assert.deepStrictEqual(
        [...(yield* pictures)].map(({ is_primary }) => is_primary),
        [true, false],
      )
      yield* world.webhook(updated({ id, images: [] }))
      assert.deepStrictEqual([...(yield* pictures)], [])
    }),
  )

  it.effect(
    "creates what is unknown, under either name of the event, and never without a name or a price",
    () =>
      Effect.gen(function* () {
        const world = yield* makeWorld()
        for (const event of ["created", "createdAsUpdated", "extraKeys"]) {
          const id = nextProductId()
          const { body } = yield* world.webhook(productEvents(id)[event])
          assert.include(body, { status: "success", action: "created", product_id: id })
          assert.deepInclude(yield* world.findProduct(id), {
            price: "750000",
            type: "vitrina",
            origin: "bitrix",
            enabled: true,
            image: `${world.simulator.origin}/upload/iblock/${id}.jpg`,
          })
        }
        const whole = { title: "Розы", price: "7 500 ₸" }
        for (const lack of [
          { price: "?" },
          { price: "0 ₸" },
          { price: undefined },
          { title: undefined },
          { title: " " },
        ]) {
          const id = nextProductId()
          const { status, body } = yield* world.webhook(updated({ id, ...whole, ...lack }))
          assert.deepStrictEqual([status, body.action], [200, "skipped"])
          assert.isString(body.message)
          assert.isUndefined(yield* world.findProduct(id))
          assert.deepInclude((yield* inboxOf(world.witness, id))[0], { state: "parked" })
          yield* world.webhook(updated({ id, ...whole }))
          assert.deepInclude(yield* world.findProduct(id), { name: "Розы", price: "750000" })
          assert.deepInclude((yield* inboxOf(world.witness, id))[0], { state: "skipped" })
        }
      }),
  )

  it.effect("takes a deleted product off sale, whatever form its id has", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      for (const form of ["deletedInt", "deletedString", "deletedNested"]) {
        const id = yield* world.insertProduct()
        const { body } = yield* world.webhook(productEvents(id)[form])
        assert.include(body, { status: "success", action: "deleted", product_id: id })
        assert.deepInclude(yield* world.findProduct(id), {
          enabled: false,
          deleted_at: null,
          price: "500000",
        })
        const unknown = nextProductId()
        const none = yield* world.webhook(productEvents(unknown)[form])
        assert.include(none.body, { status: "success", action: "skipped", product_id: unknown })
        assert.isUndefined(yield* world.findProduct(unknown))
      }
    }),
  )

  it.effect("keeps an event of a kind that nobody knows, and changes nothing by it", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      const id = yield* world.insertProduct()
      const before = yield* world.findProduct(id)
      const { status, body } = yield* world.webhook(productEvents(id)["unknownType"])
      assert.deepStrictEqual([status, body.action], [200, null])
      assert.deepStrictEqual(yield* world.findProduct(id), before)
      assert.deepInclude((yield* inboxOf(world.witness, id))[0], {
        state: "parked",
        reason: "Unknown event type",
      })
    }),
  )

  it.effect("refuses what names no product, and what is no product", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      for (const id of [undefined, null, "", "abc", 0, -5, 1.5, "12345678901", {}, [1], { ID: "x" }, true]) {
        const { status, body } = yield* world.webhook(updated({ id, title: "Розы", price: 5 }))
        assert.strictEqual(status, 400, JSON.stringify(id))
        assert.deepStrictEqual(body, { detail: "Missing product id" })
      }
      for (const product_data of [null, [], "x", 5, undefined]) {
        const { status, body } = yield* world.webhook(updated(product_data as never))
        assert.strictEqual(status, 422, JSON.stringify(product_data))
        assert.deepStrictEqual(body.detail[0].loc, ["body", "product_data"])
      }
      const [kept] = yield* Effect.promise(
        () => world.witness`SELECT count(*)::integer AS n FROM inbox WHERE shop_id = ${world.shopId}`,
      )
      assert.strictEqual(kept?.["n"], 0)
    }),
  )

  it.effect("makes one product of many events that create it at once", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      for (let turn = 0; turn < 5; turn += 1) {
        const id = nextProductId()
        const answers = yield* Effect.forEach(
          Array.from({ length: 8 }, () => productEvents(id)["created"]),
          (event) => world.webhook(event),
          { concurrency: "unbounded" },
        )
        assert.deepStrictEqual(answers.map(({ status, body }) => `${status} ${body.action}`).sort(), [
          "200 created",
          ...Array.from({ length: 7 }, () => "200 updated"),
        ])
        const [found] = yield* Effect.promise(
          () => world.witness`SELECT count(*)::integer AS n FROM product WHERE id = ${id}`,
        )
        assert.strictEqual(found?.["n"], 1)
        assert.strictEqual((yield* inboxOf(world.witness, id)).length, 8)
      }
    }),
  )

  it.effect("leaves a product of another shop alone, and tells people", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      const other = yield* insertShop(world.witness)
      const id = yield* Effect.promise(() =>
        TestProducts.insertProduct(world.witness, { shopId: other.shopId }),
      )
      const find = Effect.promise(() => world.witness`SELECT * FROM product WHERE id = ${id}`)
      const before = yield* find
      for (const event of [updated({ id, title: "Чужие", price: "1 ₸" }), productEvents(id)["created"]]) {
        const { status, body } = yield* world.webhook(event)
        assert.strictEqual(status, 409)
        assert.deepStrictEqual(Object.keys(body), ["detail"])
      }
      // To the sender a foreign product that was deleted does not exist.
      assert.strictEqual((yield* world.webhook(productEvents(id)["deletedInt"])).body.action, "skipped")
      assert.deepStrictEqual([...(yield* find)], [...before])
      const kept = yield* inboxOf(world.witness, id)
      assert.deepStrictEqual(
        kept.map(({ state }) => state),
        ["parked", "parked", "skipped"],
      )
      const mine = yield* Effect.promise(
        () => world.witness`SELECT DISTINCT shop_id FROM inbox WHERE subject = ${String(id)}`,
      )
      assert.deepStrictEqual([...mine], [{ shop_id: world.shopId }])
      const errors = world.node.log.filter(
        ({ level, text }) => level === "Error" && text.includes(String(id)),
      )
      assert.strictEqual(errors.length, 2)
      const metrics = Prometheus.parse(
        yield* Effect.promise(() => fetch(`${world.node.url}/metrics`).then((answer) => answer.text())),
      )
      assert.strictEqual(Prometheus.total(metrics, "bitrix_foreign_products_total"), 2)
    }),
  )

  it.effect("answers a repeated event as it did the first time", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      const id = nextProductId()
      const first = yield* world.webhook({ ...(productEvents(id)["created"] as object), event_id: `e-${id}` })
      const other = yield* world.webhook(
        updated({ id, title: "Другое", price: "1 000 ₸" }, { event_id: `e-${id}` }),
      )
      assert.deepStrictEqual(other.body, first.body)
      assert.strictEqual(first.body.action, "created")
      assert.deepInclude(yield* world.findProduct(id), { price: "750000" })
      assert.strictEqual((yield* inboxOf(world.witness, id)).length, 1)
      const crowd = yield* Effect.forEach(
        Array.from({ length: 8 }, () => updated({ id, price: "9 000 ₸" }, { event_id: `f-${id}` })),
        (event) => world.webhook(event),
        { concurrency: "unbounded" },
      )
      for (const { status, body } of crowd) assert.deepStrictEqual([status, body.action], [200, "updated"])
      assert.strictEqual((yield* inboxOf(world.witness, id)).length, 2)
    }),
  )

  it.effect("skips what is older than what it heard", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      const id = yield* world.insertProduct()
      const at = (time: string, title: string) =>
        world.webhook(updated({ id, title }, { occurred_at: `2026-01-31T${time}+0500` }))
      yield* at("15:00:00.000002", "новое")
      const { status, body } = yield* at("14:59:59.999", "старое")
      assert.strictEqual(status, 200)
      assert.include(body, { action: "skipped", message: "Stale event" })
      assert.strictEqual((yield* world.findProduct(id))?.["name"], "новое")
      yield* at("15:00:00.000002", "в тот же миг")
      assert.strictEqual((yield* world.findProduct(id))?.["name"], "в тот же миг")
      yield* world.webhook(updated({ id, title: "без времени" }))
      assert.strictEqual((yield* world.findProduct(id))?.["name"], "без времени")
    }),
  )

  it.effect("does not bring back what was deleted here", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      const id = yield* world.insertProduct()
      yield* Effect.promise(() => world.witness`UPDATE product SET deleted_at = now() WHERE id = ${id}`)
      const before = yield* world.findProduct(id)
      for (const event of ["created", "createdAsUpdated", "deletedInt"]) {
        const { status, body } = yield* world.webhook(productEvents(id)[event])
        assert.strictEqual(status, 200)
        assert.include(body, { action: "skipped", message: "Product was deleted here" })
      }
      assert.deepStrictEqual(yield* world.findProduct(id), before)
    }),
  )
})

const SAMPLES = 9

layer(TestDatabase.layer, { excludeTestServices: true })("round trips to the database", (it) => {
  it.effect("a product event takes two, whatever becomes of it", () =>
    Effect.gen(function* () {
      const { url, witness } = yield* TestDatabase
      const proxy = yield* TcpProxy.to(url)
      const settings = { BITRIX_BASE_URL: "" }
      const world = yield* makeWorld({ settings }).pipe(
        Effect.provideService(TestDatabase, { url: proxy.url, witness }),
      )
      const id = yield* world.insertProduct()
      const gone = yield* world.insertProduct()
      yield* Effect.promise(() => witness`UPDATE product SET deleted_at = now() WHERE id = ${gone}`)
      const pictures = (turn: number) =>
        ["a", "b", "c"].map((name) => `https://images.example/${name}${turn}.jpg`)
      const kinds: Readonly<Record<string, (turn: number) => object>> = {
        changing: (turn) =>
          updated({ id, title: `Букет ${turn}`, price: 1_000 + turn, images: pictures(turn) }),
        creating: () => productEvents(nextProductId())["created"] as object,
        unreadable: () => updated({ id, price: "?" }),
        unchanged: () => updated({ id, type: "catalog" }),
        unknown: () => productEvents(nextProductId())["deletedInt"] as object,
        deleted: () => updated({ id: gone, title: "Букет" }),
        repeated: () => updated({ id, title: "Букет" }, { event_id: "repeated" }),
      }
      for (const [kind, event] of Object.entries(kinds)) {
        const trips: Array<number> = []
        for (let turn = 0; turn < SAMPLES + 2; turn += 1) {
          const before = proxy.roundTrips
          assert.strictEqual((yield* world.webhook(event(turn))).status, 200)
          trips.push(proxy.roundTrips - before)
        }
        // The median, because the actors speak to the database too; the first ones prepare their statements.
        assert.strictEqual(trips.slice(2).sort((a, b) => a - b)[(SAMPLES - 1) / 2], 2, `${kind}: ${trips}`)
      }
    }),
  )
})
