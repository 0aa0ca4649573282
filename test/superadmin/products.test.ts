import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { superadminWorld } from "../support/SuperadminWorld.ts"
import { insertProduct } from "../support/TestProducts.ts"
import { TestService } from "../support/TestService.ts"

const world = Effect.gen(function* () {
  const given = yield* superadminWorld
  const { witness, shopId } = given
  const insert = (product: object = {}) =>
    Effect.promise(() => insertProduct(witness, { shopId, ...product }))
  return { ...given, insert }
})

const idsOf = (body: ReadonlyArray<{ readonly id: number }>) => body.map(({ id }) => id)

layer(TestService.layer, { excludeTestServices: true })("goods, for the operators", (it) => {
  it.effect("are found by shop, state and name, with the name of their shop", () =>
    Effect.gen(function* () {
      const { ask, insert, shopId } = yield* world
      const peony = yield* insert({ name: "Пион 50%" })
      const hidden = yield* insert({ enabled: false })
      yield* insert({ isDeleted: true })
      const find = (query: string) => ask("GET", `/products?shop_id=${shopId}&${query}`)
      assert.deepStrictEqual(idsOf((yield* find("")).body), [hidden, peony])
      assert.deepStrictEqual(idsOf((yield* find("enabled=false")).body), [hidden])
      const { body } = yield* find(`search=${encodeURIComponent("пион 50%")}`)
      const { created_at, ...product } = body[0]
      assert.isString(created_at)
      assert.deepStrictEqual(product, {
        id: peony,
        name: "Пион 50%",
        price: 1_500_000,
        type: "flowers",
        description: null,
        enabled: true,
        shop_id: shopId,
        shop_name: `Магазин ${shopId}`,
        image: null,
      })
      assert.deepStrictEqual((yield* find("search=%25%25")).body, [])
    }),
  )

  it.effect("are changed by body or query, and the body counts", () =>
    Effect.gen(function* () {
      const { ask, insert, shopId } = yield* world
      const id = yield* insert()
      const byQuery = yield* ask("PUT", `/products/${id}?name=One&price=100&enabled=false`)
      assert.deepStrictEqual(byQuery.body.product, {
        id,
        name: "One",
        price: 100,
        enabled: false,
        shop_id: shopId,
      })
      const byBoth = yield* ask("PUT", `/products/${id}?name=Two&price=200`, { name: "Three", enabled: true })
      assert.deepStrictEqual(byBoth.body.product, {
        id,
        name: "Three",
        price: 200,
        enabled: true,
        shop_id: shopId,
      })
      for (const body of [
        { price: -1 },
        { price: 1.5 },
        { price: null },
        { name: "" },
        { name: "x".repeat(201) },
      ]) {
        assert.strictEqual((yield* ask("PUT", `/products/${id}`, body)).status, 422, JSON.stringify(body))
      }
      assert.strictEqual((yield* ask("PUT", `/products/${id}?price=-1`)).status, 422)
    }),
  )

  it.effect("are taken off the shelf, put back, and deleted once", () =>
    Effect.gen(function* () {
      const { ask, insert, witness, shopId } = yield* world
      const id = yield* insert({ name: "Роза" })
      const off = yield* ask("PUT", `/products/${id}/toggle`)
      assert.deepStrictEqual(off.body.product, { id, name: "Роза", enabled: false })
      assert.strictEqual((yield* ask("PUT", `/products/${id}/toggle`)).body.product.enabled, true)
      const deleted = yield* ask("DELETE", `/products/${id}`)
      assert.strictEqual(deleted.status, 200)
      assert.deepStrictEqual(Object.keys(deleted.body), ["message"])
      assert.strictEqual((yield* ask("DELETE", `/products/${id}`)).status, 404)
      assert.strictEqual((yield* ask("PUT", `/products/${id}/toggle`)).status, 404)
      assert.strictEqual((yield* ask("PUT", `/products/${id}`, { price: 1 })).status, 404)
      const rows = yield* Effect.promise(
        () => witness`SELECT deleted_at FROM product WHERE id = ${id} AND shop_id = ${shopId}`,
      )
      assert.isNotNull(rows[0]?.["deleted_at"])
    }),
  )
})
