import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { City } from "../../src/shops/Shop.ts"
import { ShopsRepo } from "../../src/shops/ShopsRepo.ts"
import { ShopWorld } from "./ShopWorld.ts"

const SHOPS = "/api/v1/shops"

const ALWAYS_OPEN = {
  weekday_start: "00:00",
  weekday_end: "23:59",
  weekend_start: "00:00",
  weekend_end: "23:59",
}
const ALWAYS_CLOSED = { weekday_closed: true, weekend_closed: true }

/** Later than every other shop, in the order of the places. */
const createdAt = (place: number) => new Date(Date.UTC(2030, 0, 1, 0, place))

const review = (shopId: number, ratings: ReadonlyArray<number>) =>
  Effect.flatMap(ShopWorld, ({ witness }) =>
    Effect.promise(
      () => witness`
        INSERT INTO company_review (shop_id, author_name, rating, text)
        SELECT ${shopId}, 'Автор', unnest(${ratings}::integer[]), 'Отзыв'`,
    ),
  )

layer(Layer.merge(ShopWorld.layer, ShopsRepo.layer), { excludeTestServices: true })(
  "the marketplace",
  (it) => {
    it.effect("lists shops newest first, in the shape of the old service", () =>
      Effect.gen(function* () {
        const { call, makeShop } = yield* ShopWorld
        const older = yield* makeShop({ ...ALWAYS_CLOSED, name: "Старше", created_at: createdAt(1) })
        const newer = yield* makeShop({
          ...ALWAYS_OPEN,
          name: "Новее",
          phone: "+77000000081",
          address: "ул. Примерная, 1",
          city: "Astana",
          pickup_available: false,
          delivery_cost: 123_450,
          created_at: createdAt(2),
        })
        yield* review(newer.id, [5, 4, 4])
        const { status, body } = yield* call("GET", `${SHOPS}/?limit=2`)
        assert.strictEqual(status, 200)
        assert.deepStrictEqual(body, [
          {
            id: newer.id,
            name: "Новее",
            city: "Astana",
            phone: "+77000000081",
            address: "ул. Примерная, 1",
            delivery_cost_tenge: 1_234,
            delivery_available: true,
            pickup_available: false,
            rating: 13 / 3,
            review_count: 3,
            is_open: true,
          },
          {
            id: older.id,
            name: "Старше",
            city: null,
            phone: null,
            address: null,
            delivery_cost_tenge: 1_500,
            delivery_available: true,
            pickup_available: true,
            rating: null,
            review_count: 0,
            is_open: false,
          },
        ])
        assert.deepStrictEqual((yield* call("GET", `${SHOPS}?limit=2`)).body, body)
        assert.deepStrictEqual((yield* call("GET", `${SHOPS}?skip=1&limit=1`)).body, [body[1]])
      }),
    )

    it.effect("keeps ratings as reviews come, change and go", () =>
      Effect.gen(function* () {
        const { call, makeShop, witness } = yield* ShopWorld
        const shop = yield* makeShop()
        const rating = Effect.map(call("GET", `${SHOPS}/${shop.id}`), ({ body }) => [
          body.rating,
          body.review_count,
        ])
        yield* review(shop.id, [1, 5])
        assert.deepStrictEqual(yield* rating, [3, 2])
        yield* Effect.promise(
          () => witness`UPDATE company_review SET rating = 3 WHERE shop_id = ${shop.id} AND rating = 1`,
        )
        assert.deepStrictEqual(yield* rating, [4, 2])
        yield* Effect.promise(() => witness`DELETE FROM company_review WHERE shop_id = ${shop.id}`)
        assert.deepStrictEqual(yield* rating, [null, 0])
      }),
    )

    it.effect("finds the shops of a city, and knows two", () =>
      Effect.gen(function* () {
        const { call, makeShop } = yield* ShopWorld
        const almaty = yield* makeShop({ city: "Almaty", created_at: createdAt(3) })
        const astana = yield* makeShop({ city: "Astana", created_at: createdAt(4) })
        for (const [city, shop] of [
          ["Almaty", almaty],
          ["Astana", astana],
        ] as const) {
          const { body } = yield* call("GET", `${SHOPS}/?city=${city}&limit=100`)
          assert.strictEqual(body[0].id, shop.id)
          assert.deepStrictEqual([...new Set(body.map((item: { city: string }) => item.city))], [city])
        }
        for (const city of ["almaty", "Shymkent", ""]) {
          assert.strictEqual((yield* call("GET", `${SHOPS}/?city=${city}`)).status, 422, city)
        }
      }),
    )

    it.effect("gives a page of 20 and at most 100", () =>
      Effect.gen(function* () {
        const { call, makeShop } = yield* ShopWorld
        yield* Effect.forEach(Array.from({ length: 21 }), () => makeShop(), { concurrency: 4 })
        assert.lengthOf((yield* call("GET", `${SHOPS}/`)).body, 20)
        for (const query of ["limit=0", "limit=-1", "limit=101", "limit=x", "skip=-1", "skip=10001"]) {
          assert.strictEqual((yield* call("GET", `${SHOPS}/?${query}`)).status, 422, query)
        }
        assert.strictEqual((yield* call("GET", `${SHOPS}/?limit=100&skip=10000`)).status, 200)
      }),
    )

    it.effect("shows one shop with its hours", () =>
      Effect.gen(function* () {
        const { call, makeShop } = yield* ShopWorld
        const shop = yield* makeShop({ ...ALWAYS_OPEN, name: "Ветка", city: "Almaty" })
        const { status, body } = yield* call("GET", `${SHOPS}/${shop.id}`)
        assert.deepStrictEqual(
          [status, body],
          [
            200,
            {
              id: shop.id,
              name: "Ветка",
              city: "Almaty",
              phone: null,
              address: null,
              delivery_cost_tenge: 1_500,
              delivery_available: true,
              pickup_available: true,
              rating: null,
              review_count: 0,
              is_open: true,
              ...ALWAYS_OPEN,
              weekday_closed: false,
              weekend_closed: false,
              free_delivery_amount_tenge: 10_000,
            },
          ],
        )
      }),
    )

    it.effect("hides a blocked shop as if it did not exist", () =>
      Effect.gen(function* () {
        const { call, makeShop } = yield* ShopWorld
        const shop = yield* makeShop({ is_active: false, created_at: createdAt(9) })
        const hidden = yield* call("GET", `${SHOPS}/${shop.id}`)
        const missing = yield* call("GET", `${SHOPS}/99999999`)
        assert.strictEqual(hidden.status, 404)
        assert.deepStrictEqual(hidden.body, { detail: "Shop not found" })
        assert.strictEqual(hidden.text, missing.text)
        const { body } = yield* call("GET", `${SHOPS}/?limit=100`)
        assert.notInclude(
          body.map(({ id }: { id: number }) => id),
          shop.id,
        )
      }),
    )

    it.effect("reads a page from the index of its order, with a city and without", () =>
      Effect.gen(function* () {
        const { witness } = yield* ShopWorld
        const repo = yield* ShopsRepo
        // Their owners would be missed at the end of the transaction, which never comes.
        const explain = (city: City | null) =>
          Effect.promise(async () => {
            const [text, parameters] = repo.findActive({ city, skip: 0, limit: 20 }).statement.compile()
            const sql = await witness.reserve()
            await sql`BEGIN`
            await sql`
            INSERT INTO shop (owner_id, city, is_active)
            SELECT -n, CASE WHEN n % 50 = 1 THEN 'Almaty' ELSE 'Astana' END, n % 10 > 0
            FROM generate_series(1, 5000) AS n`
            await sql`ANALYZE shop`
            await sql`SET LOCAL ROLE cvety_across_shops`
            await sql`SET LOCAL enable_seqscan = off`
            const plan = await sql.unsafe(`EXPLAIN ${text}`, [...parameters] as never)
            await sql`ROLLBACK`
            sql.release()
            return plan.map((line) => line["QUERY PLAN"]).join("\n")
          })
        for (const [city, index] of [
          [null, "shop_marketplace"],
          ["Almaty", "shop_marketplace_city"],
        ] as const) {
          const plan = yield* explain(city)
          assert.include(plan, `Index Scan using ${index} on shop`)
          assert.notInclude(plan, "Sort")
        }
      }),
    )
  },
)
