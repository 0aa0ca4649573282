import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestDatabase } from "../support/TestDatabase.ts"
import { call, insertShop } from "../support/TestPeople.ts"
import { insertProduct } from "../support/TestProducts.ts"
import { TestService } from "../support/TestService.ts"

const world = Effect.gen(function* () {
  const { url } = yield* TestService
  const { witness } = yield* TestDatabase
  const { shopId } = yield* insertShop(witness)
  const insert = (product: object = {}) =>
    Effect.promise(() => insertProduct(witness, { shopId, ...product }))
  const list = (query = "", id: number | string = shopId) => call(url, "GET", `/shops/${id}/products${query}`)
  return { witness, shopId, insert, list }
})

const idsOf = (body: ReadonlyArray<{ readonly id: number }>) => body.map(({ id }) => id)

layer(TestService.layer, { excludeTestServices: true })("goods of a shop", (it) => {
  it.effect("are listed for anybody in the shape that clients know", () =>
    Effect.gen(function* () {
      const { insert, list } = yield* world
      const id = yield* insert({ name: "Пионы" })
      const { status, body } = yield* list()
      assert.strictEqual(status, 200)
      assert.strictEqual(body.length, 1)
      const { created_at, updated_at, ...product } = body[0]
      assert.match(created_at, /^\d{4}-\d\d-\d\dT[\d:.]+$/)
      assert.match(updated_at, /^\d{4}-\d\d-\d\dT[\d:.]+$/)
      assert.deepStrictEqual(product, {
        id,
        name: "Пионы",
        price: 1_500_000,
        type: "flowers",
        description: null,
        manufacturingTime: 30,
        width: null,
        height: null,
        shelfLife: 5,
        enabled: true,
        is_featured: false,
        colors: ["Красный", "Малахитовый"],
        occasions: null,
        cities: null,
        tags: null,
        image: null,
        images: [],
        colors_detailed: [
          { id: "red", name: "Красный", hex: "#FF4444", description: "Розы, тюльпаны, гвоздики" },
        ],
        bitrix_sync: null,
      })
    }),
  )

  it.effect("are newest first, page by page", () =>
    Effect.gen(function* () {
      const { insert, list } = yield* world
      const first = yield* insert()
      const second = yield* insert()
      const third = yield* insert()
      assert.deepStrictEqual(idsOf((yield* list()).body), [third, second, first])
      assert.deepStrictEqual(idsOf((yield* list("?skip=1&limit=1")).body), [second])
      for (const query of [
        "?limit=0",
        "?limit=201",
        "?skip=-1",
        "?skip=100001",
        "?limit=many",
        "?enabled=maybe",
      ]) {
        assert.strictEqual((yield* list(query)).status, 422, query)
      }
    }),
  )

  it.effect("that are not for sale are shown to nobody, whatever is asked", () =>
    Effect.gen(function* () {
      const { insert, list } = yield* world
      const other = yield* world
      const id = yield* insert()
      yield* insert({ enabled: false })
      yield* insert({ isDeleted: true })
      yield* other.insert()
      for (const query of ["", "?enabled=true", "?enabled=false"]) {
        assert.deepStrictEqual(idsOf((yield* list(query)).body), [id], query)
      }
    }),
  )

  it.effect("of a blocked or a missing shop do not exist", () =>
    Effect.gen(function* () {
      const { witness, shopId, insert, list } = yield* world
      yield* insert()
      yield* Effect.promise(() => witness`UPDATE shop SET is_active = false WHERE id = ${shopId}`)
      for (const id of [shopId, 999_999_999]) {
        const { status, body } = yield* list("", id)
        assert.deepStrictEqual({ status, body }, { status: 404, body: { detail: "Shop not found" } })
      }
      assert.strictEqual((yield* list("", "one")).status, 422)
    }),
  )
})
