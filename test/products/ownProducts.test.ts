import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { bareMarkup } from "../shops/ShopWorld.ts"
import { TestService } from "../support/TestService.ts"
import { idsOf, world } from "./ProductWorld.ts"

layer(TestService.layer, { excludeTestServices: true })("the goods of one's own shop", (it) => {
  it.effect("are listed with those not for sale, and not with those of others", () =>
    Effect.gen(function* () {
      const { insert, act } = yield* world
      const other = yield* world
      const shown = yield* insert({ name: "Пионы" })
      const hidden = yield* insert({ enabled: false })
      yield* insert({ isDeleted: true })
      yield* other.insert()
      const list = (query: string) => Effect.map(act("GET", `/admin?${query}`), ({ body }) => idsOf(body))
      assert.deepStrictEqual(yield* list(""), [hidden, shown])
      assert.deepStrictEqual(yield* list("enabled_only=true"), [shown])
      assert.deepStrictEqual(yield* list(`shop_id=${other.shopId}&limit=1`), [hidden])
      assert.deepStrictEqual(yield* list(`search=${encodeURIComponent("пеоны")}`), [shown])
      assert.deepStrictEqual(yield* list("min_price=1500001"), [])
    }),
  )

  it.effect("are seen and changed by those roles that may, and by nobody without a token", () =>
    Effect.gen(function* () {
      const { insert, ask, colleague } = yield* world
      const id = yield* insert()
      const image = { url: "https://images.example/1.webp" }
      const calls: ReadonlyArray<
        [allowed: ReadonlyArray<string>, method: string, path: string, body?: unknown]
      > = [
        [["MANAGER", "FLORIST"], "GET", "/admin"],
        [["MANAGER"], "POST", "/", { name: "Роза", price: 100 }],
        [["MANAGER"], "PUT", `/${id}`, { name: "Роза" }],
        [["MANAGER"], "PATCH", `/${id}/status?enabled=true`],
        [["MANAGER"], "POST", `/${id}/images`, image],
        [["MANAGER"], "DELETE", `/${id}`],
      ]
      const people = yield* Effect.forEach(["COURIER", "FLORIST", "MANAGER"], (role) =>
        Effect.map(colleague(role), ({ token }) => ({ role, token })),
      )
      for (const [allowed, method, path, body] of calls) {
        assert.strictEqual((yield* ask(method, path, { body })).status, 401, `${method} ${path}`)
        for (const { role, token } of people) {
          const { status } = yield* ask(method, path, { token, body })
          assert.strictEqual(status, allowed.includes(role) ? 200 : 403, `${method} ${path} by ${role}`)
        }
      }
    }),
  )

  it.effect("are made with defaults, whatever shop is named, under ids that Bitrix never uses", () =>
    Effect.gen(function* () {
      const { act, look, shopId, witness } = yield* world
      const other = yield* world
      const { status, body } = yield* act("POST", "/", {
        name: "  Букет  ",
        price: 1_200_000,
        shop_id: other.shopId,
        id: 5,
        unknown: true,
      })
      assert.strictEqual(status, 200)
      const { id, created_at, updated_at, ...product } = body
      assert.isAtLeast(id, 1_000_000_000)
      assert.strictEqual(created_at, updated_at)
      assert.deepStrictEqual(product, {
        name: "Букет",
        price: 1_200_000,
        type: "flowers",
        description: null,
        manufacturingTime: null,
        width: null,
        height: null,
        shelfLife: null,
        enabled: true,
        is_featured: false,
        colors: [],
        occasions: [],
        cities: [],
        tags: [],
        image: null,
        images: [],
        colors_detailed: null,
        bitrix_sync: null,
      })
      assert.deepStrictEqual((yield* look(`/${id}`)).body, body)
      const [row] = yield* Effect.promise(
        () =>
          witness`SELECT shop_id, origin, created_at = updated_at AS is_new FROM product WHERE id = ${id}`,
      )
      assert.deepStrictEqual({ ...row }, { shop_id: shopId, origin: "here", is_new: true })
    }),
  )

  it.effect("keep every field that is given", () =>
    Effect.gen(function* () {
      const { act, look } = yield* world
      const whole = {
        name: "Букет",
        price: 1,
        type: "gifts",
        description: "Тёплый",
        manufacturingTime: 30,
        width: 20,
        height: 60,
        shelfLife: 5,
        enabled: true,
        is_featured: true,
        colors: ["Красный"],
        occasions: ["8 марта"],
        cities: ["Almaty"],
        tags: ["розы"],
        image: "/images/1.webp",
      }
      const made = yield* act("POST", "/", { ...whole, tags: ["розы", "", "розы"] })
      assert.deepInclude(made.body, whole)
      assert.deepStrictEqual((yield* look(`/${made.body.id}`)).body, made.body)
      const cleared = yield* act("PUT", `/${made.body.id}`, {
        description: null,
        manufacturingTime: null,
        width: null,
        height: null,
        shelfLife: null,
        colors: null,
        tags: ["акция"],
        image: "",
      })
      assert.deepInclude(cleared.body, {
        name: "Букет",
        description: null,
        manufacturingTime: null,
        width: null,
        height: null,
        shelfLife: null,
        colors: null,
        occasions: ["8 марта"],
        tags: ["акция"],
        image: null,
      })
      assert.deepStrictEqual((yield* look(`/${made.body.id}`)).body, cleared.body)
    }),
  )

  it.effect("are refused with what no product can have", () =>
    Effect.gen(function* () {
      const { act, insert } = yield* world
      const id = yield* insert()
      for (const wrong of [
        { name: "" },
        { name: "  " },
        { name: "x".repeat(201) },
        { name: null },
        { price: 0 },
        { price: -1 },
        { price: 1.5 },
        { price: "100" },
        { price: 3_000_000_000 },
        { type: "plants" },
        { description: "x".repeat(1_001) },
        { width: -1 },
        { enabled: null },
        { tags: "розы" },
        { tags: [1] },
        { colors: Array.from({ length: 51 }, String) },
        { image: "javascript:alert(1)" },
        { image: "//elsewhere.example/1.webp" },
        { image: "https://user:secret@images.example/1.webp" },
        { image: `https://images.example/${"x".repeat(500)}` },
      ]) {
        const created = yield* act("POST", "/", { name: "Роза", price: 100, ...wrong })
        assert.strictEqual(created.status, 422, `POST ${JSON.stringify(wrong)}`)
        const updated = yield* act("PUT", `/${id}`, wrong)
        assert.strictEqual(updated.status, 422, `PUT ${JSON.stringify(wrong)}`)
        assert.isArray(updated.body.detail)
      }
      for (const missing of [{ name: "Роза" }, { price: 100 }]) {
        assert.strictEqual((yield* act("POST", "/", missing)).status, 422)
      }
    }),
  )

  it.effect("are taken off the shelf and put back, by query or by body", () =>
    Effect.gen(function* () {
      const { act, insert, look } = yield* world
      const id = yield* insert()
      const off = yield* act("PATCH", `/${id}/status?enabled=false`)
      assert.deepStrictEqual([off.status, off.body.id, off.body.enabled], [200, id, false])
      assert.strictEqual((yield* look(`/${id}`)).status, 404)
      assert.strictEqual((yield* act("PATCH", `/${id}/status`, { enabled: true })).body.enabled, true)
      assert.strictEqual(
        (yield* act("PATCH", `/${id}/status?enabled=true`, { enabled: false })).body.enabled,
        false,
      )
      for (const path of ["", "?enabled=maybe"]) {
        assert.strictEqual((yield* act("PATCH", `/${id}/status${path}`)).status, 422)
      }
      assert.strictEqual((yield* act("PATCH", `/${id}/status`, { enabled: "no" })).status, 422)
    }),
  )

  it.effect("are deleted once, though orders name them", () =>
    Effect.gen(function* () {
      const { act, insert, look, sell, witness } = yield* world
      const id = yield* insert()
      yield* sell({ [id]: 1 })
      yield* act("POST", `/${id}/images`, { url: "/1.webp" })
      const { status, body } = yield* act("DELETE", `/${id}`)
      assert.deepStrictEqual([status, Object.keys(body)], [200, ["message"]])
      assert.strictEqual((yield* act("DELETE", `/${id}`)).status, 404)
      assert.strictEqual((yield* act("PUT", `/${id}`, { name: "Роза" })).status, 404)
      assert.strictEqual((yield* look(`/${id}`)).status, 404)
      const [row] = yield* Effect.promise(() => witness`SELECT deleted_at FROM product WHERE id = ${id}`)
      assert.isNotNull(row?.["deleted_at"])
    }),
  )

  it.effect("of another shop do not exist", () =>
    Effect.gen(function* () {
      const { act } = yield* world
      const other = yield* world
      const id = yield* other.insert({ name: "Чужой" })
      const image = (yield* other.act("POST", `/${id}/images`, { url: "/1.webp" })).body.id
      for (const [method, path, body] of [
        ["PUT", `/${id}`, { name: "Мой" }],
        ["PATCH", `/${id}/status?enabled=false`],
        ["DELETE", `/${id}`],
        ["POST", `/${id}/images`, { url: "/2.webp" }],
        ["DELETE", `/${id}/images/${image}`],
      ] as const) {
        const { status, body: answer } = yield* act(method, path, body)
        assert.deepStrictEqual({ status, answer }, { status: 404, answer: { detail: "Product not found" } })
      }
      const { body } = yield* other.look(`/${id}`)
      assert.deepStrictEqual([body.name, body.enabled, body.images.length], ["Чужой", true, 1])
    }),
  )
})

layer(TestService.layer, { excludeTestServices: true })("images of a product", (it) => {
  it.effect("belong to the product of the path, and another in the body is refused", () =>
    Effect.gen(function* () {
      const { act, insert, look } = yield* world
      const other = yield* world
      const id = yield* insert()
      const foreign = yield* other.insert()
      const refused = yield* act("POST", `/${id}/images`, { product_id: foreign, url: "/1.webp" })
      assert.strictEqual(refused.status, 422)
      assert.deepStrictEqual(refused.body.detail[0].loc, ["body", "product_id"])
      assert.deepStrictEqual((yield* look(`/${foreign}`)).body.images, [])
      const { status, body } = yield* act("POST", `/${id}/images`, { product_id: id, url: "/1.webp" })
      assert.strictEqual(status, 200)
      const { id: imageId, created_at, ...image } = body
      assert.deepStrictEqual(image, { product_id: id, url: "/1.webp", order: 0, is_primary: false })
      assert.deepStrictEqual((yield* look(`/${id}`)).body.images, [{ ...image, id: imageId, created_at }])
    }),
  )

  it.effect("have at most one primary among them: the last that was given", () =>
    Effect.gen(function* () {
      const { act, insert, look } = yield* world
      const id = yield* insert()
      const answers = yield* Effect.forEach(
        [1, 2, 3],
        (order) => act("POST", `/${id}/images`, { url: `/${order}.webp`, order, is_primary: true }),
        { concurrency: "unbounded" },
      )
      for (const { status } of answers) assert.strictEqual(status, 200)
      const { body } = yield* look(`/${id}`)
      assert.lengthOf(body.images, 3)
      assert.lengthOf(
        body.images.filter((image: any) => image.is_primary),
        1,
      )
    }),
  )

  it.effect("are at most ten, also when eleven come at once, and are removed one by one", () =>
    Effect.gen(function* () {
      const { act, insert, look } = yield* world
      const id = yield* insert()
      const answers = yield* Effect.forEach(
        Array.from({ length: 11 }, (_, n) => n),
        (order) => act("POST", `/${id}/images`, { url: `/${order}.webp`, order }),
        { concurrency: 4 },
      )
      assert.deepStrictEqual(answers.map(({ status }) => status).toSorted(), [
        ...Array.from({ length: 10 }, () => 200),
        409,
      ])
      const [first] = (yield* look(`/${id}`)).body.images
      const removed = yield* act("DELETE", `/${id}/images/${first.id}`)
      assert.deepStrictEqual([removed.status, Object.keys(removed.body)], [200, ["message"]])
      const again = yield* act("DELETE", `/${id}/images/${first.id}`)
      assert.deepStrictEqual([again.status, again.body], [404, { detail: "Image not found" }])
      assert.lengthOf((yield* look(`/${id}`)).body.images, 9)
    }),
  )

  it.effect("are addresses of pictures and nothing else", () =>
    Effect.gen(function* () {
      const { act, insert } = yield* world
      const id = yield* insert()
      for (const url of [
        "",
        "1.webp",
        "ftp://images.example/1",
        "data:image/png;base64,AAAA",
        "/a b",
        "https://",
      ]) {
        assert.strictEqual((yield* act("POST", `/${id}/images`, { url })).status, 422, url)
      }
      assert.strictEqual((yield* act("POST", `/${id}/images`, { url: "/1.webp", order: -1 })).status, 422)
      assert.strictEqual((yield* act("POST", `/${id}/images`, {})).status, 422)
    }),
  )
})

layer(TestService.layer, { excludeTestServices: true })("the operators of the platform", (it) => {
  it.effect("are told of the first product of a shop, and of each further one", () =>
    Effect.gen(function* () {
      const { act, shopId, witness, director } = yield* world
      const first = yield* act("POST", "/", { name: "<b>&Розы", price: 1_234_50 })
      const second = yield* act("POST", "/", { name: "Пионы", price: 200_000 })
      const third = yield* act("POST", "/", { name: "Ирисы", price: 100 })
      const notices = yield* Effect.promise(
        () => witness`
          SELECT aggregate_id, payload FROM outbox WHERE shop_id = ${shopId} AND target = 'telegram' ORDER BY id`,
      )
      assert.deepStrictEqual(
        notices.map(({ aggregate_id, payload }) => [payload.event, Number(aggregate_id)]),
        [
          ["first_product_added", first.body.id],
          ["product_added", second.body.id],
          ["product_added", third.body.id],
        ],
      )
      const texts = notices.map(({ payload }): string => payload.text)
      for (const text of texts) {
        assert.notMatch(text, bareMarkup)
        assert.include(text, director.phone)
      }
      assert.include(texts[0], "&lt;b&gt;&amp;Розы")
      assert.match(texts[0] ?? "", /1\s234,5 ₸/)
      assert.include(texts[2], "Всего товаров: 3")
      const [steps] = yield* Effect.promise(
        () => witness`SELECT first_product_added_at FROM shop_milestone WHERE shop_id = ${shopId}`,
      )
      assert.isNotNull(steps?.["first_product_added_at"])
    }),
  )

  it.effect("are told that a shop is complete when its first product was the last step", () =>
    Effect.gen(function* () {
      const { act, shopId, witness } = yield* world
      yield* Effect.promise(async () => {
        await witness`UPDATE shop SET city = 'Almaty' WHERE id = ${shopId}`
        await witness`
          INSERT INTO shop_milestone (shop_id, name_customized_at, city_added_at, shop_opened_at)
          VALUES (${shopId}, now(), now(), now())`
      })
      yield* act("POST", "/", { name: "Розы", price: 100 })
      const notices = yield* Effect.promise(
        () => witness`SELECT payload ->> 'event' AS event FROM outbox WHERE shop_id = ${shopId} ORDER BY id`,
      )
      assert.sameMembers(
        notices.map(({ event }) => event),
        ["first_product_added", "onboarding_completed"],
      )
    }),
  )
})
