import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { TcpProxy } from "../support/TcpProxy.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { startNode } from "../support/TestNode.ts"
import { call, insertShop } from "../support/TestPeople.ts"
import { insertProduct } from "../support/TestProducts.ts"

const SAMPLES = 5
const CONNECTIONS = 12

/** A node whose packets to the database are counted. */
class World extends Context.Service<
  World,
  {
    readonly proxy: TcpProxy
    readonly ask: (method: string, path: string, body?: unknown) => ReturnType<typeof call>
    readonly shopId: number
    readonly productId: number
  }
>()("cvety/test/products/roundTrips") {
  static readonly layer = Layer.effect(
    World,
    Effect.gen(function* () {
      const { url: databaseUrl, witness } = yield* TestDatabase
      const proxy = yield* TcpProxy.to(databaseUrl)
      const { url } = yield* Effect.provideService(startNode(), TestDatabase, { url: proxy.url, witness })
      const { shopId, token } = yield* insertShop(witness)
      const productId = yield* Effect.promise(() => insertProduct(witness, { shopId }))
      return {
        proxy,
        shopId,
        productId,
        ask: (method, path, body) => call(url, method, `/products${path}`, { token, body }),
      }
    }),
  ).pipe(Layer.provideMerge(TestDatabase.layer))
}

layer(World.layer, { excludeTestServices: true })("round trips to the database", (it) => {
  it.effect("a page of goods takes one, of a shop and of all", () =>
    Effect.gen(function* () {
      const { shopId } = yield* World
      for (const path of [`?shop_id=${shopId}`, "", "admin", `?shop_id=${shopId}&search=x`]) {
        assert.strictEqual(yield* tripsOf(() => ["GET", `/${path}`]), 1, path)
      }
    }),
  )

  it.effect("a product takes one, everything that its page shows two", () =>
    Effect.gen(function* () {
      const { productId } = yield* World
      assert.strictEqual(yield* tripsOf(() => ["GET", `/${productId}`]), 1)
      assert.strictEqual(yield* tripsOf(() => ["GET", `/${productId}/detail`]), 2)
    }),
  )

  it.effect("a change takes two", () =>
    Effect.gen(function* () {
      const { productId } = yield* World
      assert.strictEqual(yield* tripsOf((turn) => ["PUT", `/${productId}`, { name: `Роза ${turn}` }]), 2)
      assert.strictEqual(yield* tripsOf((turn) => ["POST", "/", { name: `Роза ${turn}`, price: 100 }]), 2)
    }),
  )
})

/** The median, once the statements are prepared on every connection: actors speak to the database too. */
const tripsOf = Effect.fnUntraced(function* (
  request: (turn: number) => readonly [method: string, path: string, body?: unknown],
) {
  const { ask, proxy } = yield* World
  yield* Effect.forEach(
    Array.from({ length: CONNECTIONS }, (_, turn) => -turn),
    (turn) => ask(...request(turn)),
    { concurrency: "unbounded" },
  )
  const counts: Array<number> = []
  for (let turn = 1; turn <= SAMPLES; turn += 1) {
    const before = proxy.roundTrips
    const { status } = yield* ask(...request(turn))
    assert.strictEqual(status, 200)
    counts.push(proxy.roundTrips - before)
  }
  return counts.toSorted((a, b) => a - b)[(SAMPLES - 1) / 2]
})
