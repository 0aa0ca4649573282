import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { call } from "../support/TestPeople.ts"
import { TestService } from "../support/TestService.ts"
import * as TestToken from "../support/TestToken.ts"
import { world } from "./ProductWorld.ts"

const NOT_FOUND = { detail: "Product not found" }

layer(TestService.layer, { excludeTestServices: true })("a product", (it) => {
  it.effect("that is for sale is shown to anybody, with whatever token", () =>
    Effect.gen(function* () {
      const { insert, ask, director } = yield* world
      const other = yield* world
      const id = yield* insert({ name: "Пионы" })
      const expired = yield* TestToken.sign({}, { expires: 1 })
      for (const token of [undefined, "nonsense", expired, director.token, other.director.token]) {
        const { status, body } = yield* ask("GET", `/${id}`, { token })
        assert.strictEqual(status, 200)
        assert.deepInclude(body, { id, name: "Пионы", images: [], bitrix_sync: null })
      }
    }),
  )

  it.effect("that is not for sale exists for the people of its shop alone", () =>
    Effect.gen(function* () {
      const { insert, ask, director, colleague, witness } = yield* world
      const other = yield* world
      const hidden = yield* insert({ enabled: false })
      const deleted = yield* insert({ isDeleted: true })
      const florist = yield* colleague("FLORIST")
      const courier = yield* colleague("COURIER")
      const blocked = yield* colleague("MANAGER")
      yield* Effect.promise(() => witness`UPDATE "user" SET is_active = false WHERE id = ${blocked.id}`)
      for (const page of ["", "/detail"]) {
        for (const { token } of [director, florist]) {
          const { status, body } = yield* ask("GET", `/${hidden}${page}`, { token })
          assert.deepStrictEqual([status, body.id, body.enabled], [200, hidden, false])
        }
        for (const token of [undefined, courier.token, blocked.token, other.director.token, "nonsense"]) {
          const { status, body } = yield* ask("GET", `/${hidden}${page}`, { token })
          assert.deepStrictEqual({ status, body }, { status: 404, body: NOT_FOUND })
        }
        for (const id of [deleted, 2_000_000_000]) {
          const { status, body } = yield* ask("GET", `/${id}${page}`, { token: director.token })
          assert.deepStrictEqual({ status, body }, { status: 404, body: NOT_FOUND })
        }
        assert.strictEqual((yield* ask("GET", `/one${page}`)).status, 422)
      }
    }),
  )

  it.effect("that is not for sale is shown to a machine of its shop that may see products", () =>
    Effect.gen(function* () {
      const { insert, ask, director } = yield* world
      const { url } = yield* TestService
      const id = yield* insert({ enabled: false })
      const issue = (permissions: ReadonlyArray<string>) =>
        Effect.map(
          call(url, "POST", "/service-credentials", {
            token: director.token,
            body: { name: permissions.join(), permissions },
          }),
          ({ body }): string => body.key,
        )
      const seeing = yield* issue(["view_products"])
      const other = yield* issue(["view_orders"])
      assert.strictEqual((yield* ask("GET", `/${id}`, { token: seeing })).status, 200)
      assert.strictEqual((yield* ask("GET", `/${id}`, { token: other })).status, 404)
    }),
  )

  it.effect("of a blocked shop does not exist", () =>
    Effect.gen(function* () {
      const { insert, look, block } = yield* world
      const id = yield* insert()
      yield* block
      for (const page of ["", "/detail"]) assert.strictEqual((yield* look(`/${id}${page}`)).status, 404)
    }),
  )

  it.effect("has a page with everything of its own shop, and of no other", () =>
    Effect.gen(function* () {
      const { insert, look, shopId, witness } = yield* world
      const other = yield* world
      const id = yield* insert({ name: "Пионы" })
      const bundled = yield* insert({ name: "Ваза", more: { image: "https://images.example/vase.webp" } })
      const hidden = yield* insert({ enabled: false })
      yield* Effect.promise(() =>
        witness.begin(async (sql) => {
          await sql`UPDATE shop SET address = 'ул. Примерная, 1' WHERE id = ${shopId}`
          await sql`UPDATE shop SET address = 'пр. Другой, 2' WHERE id = ${other.shopId}`
          await sql`
            INSERT INTO product_variant (id, shop_id, product_id, size, price, enabled)
            VALUES (80001, ${shopId}, ${id}, 'L', 300, true), (80002, ${shopId}, ${id}, 'S', 100, true),
                   (80003, ${shopId}, ${id}, 'M', 200, false)`
          await sql`
            INSERT INTO product_addon (id, shop_id, product_id, name, price, is_default, enabled)
            VALUES (80001, ${shopId}, ${id}, 'Открытка', 50, true, true),
                   (80002, ${shopId}, ${id}, 'Тайна', 50, false, false)`
          await sql`
            INSERT INTO product_bundle (shop_id, main_product_id, bundled_product_id)
            VALUES (${shopId}, ${id}, ${hidden}), (${shopId}, ${id}, ${bundled})`
          await sql`
            INSERT INTO company_review (shop_id, author_name, rating, text)
            VALUES (${shopId}, 'Дина', 5, 'Хорошо'), (${shopId}, 'Асель', 4, 'Неплохо'), (${shopId}, 'Ерлан', 4, ''),
                   (${other.shopId}, 'Чужой', 1, 'Не здесь')`
        }),
      )
      const { status, body } = yield* look(`/${id}/detail`)
      assert.strictEqual(status, 200)
      assert.deepInclude(body, {
        id,
        name: "Пионы",
        price: 1_500_000,
        manufacturingTime: 30,
        shelfLife: 5,
        rating: null,
        review_count: 0,
        rating_count: 0,
        images: [],
        composition: [],
        pickup_locations: ["ул. Примерная, 1"],
      })
      assert.deepStrictEqual(
        body.variants.map(({ size, price, product_id }: any) => [size, price, product_id]),
        [
          ["S", 100, id],
          ["L", 300, id],
        ],
      )
      assert.deepStrictEqual(
        body.addons.map(({ name, is_default }: any) => [name, is_default]),
        [["Открытка", true]],
      )
      assert.deepStrictEqual(body.frequently_bought, [
        { id: bundled, name: "Ваза", price: 1_500_000, image: "https://images.example/vase.webp" },
      ])
      const none = { "5": 0, "4": 0, "3": 0, "2": 0, "1": 0 }
      assert.deepStrictEqual(body.reviews.product, {
        count: 0,
        average_rating: 0,
        breakdown: none,
        photos: [],
        items: [],
      })
      const { items, ...company } = body.reviews.company
      assert.deepStrictEqual(company, {
        count: 3,
        average_rating: 4.3,
        breakdown: { ...none, "5": 1, "4": 2 },
        photos: [],
      })
      assert.sameMembers(
        items.map(({ author_name }: any) => author_name),
        ["Дина", "Асель", "Ерлан"],
      )
    }),
  )

  it.effect("goes with what was bought together with it, when its shop chose nothing", () =>
    Effect.gen(function* () {
      const { insert, look, sell } = yield* world
      const id = yield* insert()
      const once = yield* insert()
      const twice = yield* insert()
      const cancelled = yield* insert()
      yield* insert()
      yield* sell({ [id]: 1, [twice]: 1, [once]: 9 })
      yield* sell({ [id]: 1, [twice]: 1 })
      yield* sell({ [id]: 1, [cancelled]: 1 }, { isCancelled: true })
      const { body } = yield* look(`/${id}/detail`)
      assert.deepStrictEqual(
        body.frequently_bought.map((companion: any) => companion.id),
        [twice, once],
      )
    }),
  )

  it.effect("can be had as often as anybody asks, up to a limit, when it is for sale", () =>
    Effect.gen(function* () {
      const { insert, look } = yield* world
      const id = yield* insert({ name: "Пионы" })
      const hidden = yield* insert({ enabled: false })
      const ofIt = { product_id: id, product_name: "Пионы", max_quantity: 9_999, ingredients: [] }
      assert.deepStrictEqual((yield* look(`/${id}/availability`)).body, {
        ...ofIt,
        quantity_requested: 1,
        available: true,
      })
      assert.deepStrictEqual((yield* look(`/${id}/availability?quantity=10000`)).body, {
        ...ofIt,
        quantity_requested: 10_000,
        available: false,
      })
      for (const unknown of [hidden, 2_000_000_000]) {
        const { status, body } = yield* look(`/${unknown}/availability?quantity=2`)
        assert.strictEqual(status, 200)
        assert.deepStrictEqual(body, {
          product_id: unknown,
          product_name: "Unknown Product",
          quantity_requested: 2,
          available: false,
          max_quantity: 0,
          ingredients: [],
        })
      }
      assert.strictEqual((yield* look(`/${id}/availability?quantity=0`)).status, 422)
    }),
  )
})

layer(TestService.layer, { excludeTestServices: true })("colours", (it) => {
  it.effect("are eight, with and without a slash at the end", () =>
    Effect.gen(function* () {
      const { url } = yield* TestService
      for (const path of ["/colors", "/colors/"]) {
        const { status, body } = yield* call(url, "GET", path)
        assert.strictEqual(status, 200)
        assert.lengthOf(body.colors, 8)
        assert.deepStrictEqual(
          body.colors.filter(({ border }: any) => border === true).map(({ id }: any) => id),
          ["white", "cream"],
        )
      }
    }),
  )
})
