/** Goods between here and Bitrix, one edit at a time. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { makeWorld, nextProductId } from "../support/BitrixWorld.ts"
import { eventually } from "../support/eventually.ts"
import { TestDatabase } from "../support/TestDatabase.ts"

layer(TestDatabase.layer, { excludeTestServices: true })("an edit here", (it) => {
  it.effect("reaches Bitrix with the fields of its script and of the diagrams, once", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      const id = yield* world.insertProduct({ title: "Букет Rosa" })
      const answer = yield* world.put(id, {
        name: "Букет Rosa Deluxe",
        price: 612_300,
        description: "Премиум букет",
      })
      assert.strictEqual(answer.status, 200)
      yield* eventually(
        Effect.sync(() => world.simulator.products.get(id)?.title === "Букет Rosa Deluxe"),
        "5 seconds",
      )
      yield* world.calm
      assert.deepStrictEqual(
        world.simulator.writes.map(({ body }) => body),
        [
          {
            id,
            name: "Букет Rosa Deluxe",
            title: "Букет Rosa Deluxe",
            price: "6 123 ₸",
            image: null,
            description: "Премиум букет",
            enabled: "Y",
            isAvailable: true,
          },
        ],
      )
      assert.strictEqual(world.simulator.doublePrefix, false)
      const product = yield* world.findProduct(id)
      assert.strictEqual(product?.["price"], "612300")
      assert.isAtLeast(world.simulator.webhooks.delivered, 1)
    }),
  )
})

layer(TestDatabase.layer, { excludeTestServices: true })("an edit in Bitrix", (it) => {
  it.effect("is taken and not told back", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      const id = yield* world.insertProduct()
      world.simulator.edit(id, { price: "7 500 ₸", title: "Пионы" })
      yield* eventually(
        Effect.map(world.findProduct(id), (product) => product?.["name"] === "Пионы"),
        "5 seconds",
      )
      yield* world.calm
      assert.strictEqual((yield* world.findProduct(id))?.["price"], "750000")
      assert.deepStrictEqual(world.simulator.writes, [])
    }),
  )

  it.effect("creates what is unknown here, with its pictures", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      const id = nextProductId()
      world.simulator.seed([
        {
          id,
          title: "Новый",
          price: "4 950 ₸",
          image: "/upload/a.jpg",
          images: ["/upload/a.jpg", "/upload/b.jpg"],
          type: "vitrina",
        },
      ])
      world.simulator.edit(id, { title: "Новый букет" })
      yield* eventually(
        Effect.map(world.findProduct(id), (product) => product !== undefined),
        "5 seconds",
      )
      const product = yield* world.findProduct(id)
      assert.strictEqual(product?.["price"], "495000")
      assert.strictEqual(product?.["type"], "vitrina")
      const images = yield* Effect.promise(
        () =>
          world.witness`SELECT url, is_primary FROM product_image WHERE product_id = ${id} ORDER BY "order"`,
      )
      assert.strictEqual(images.length, 2)
    }),
  )
})
