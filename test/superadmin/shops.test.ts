import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { superadminWorld } from "../support/SuperadminWorld.ts"
import { insertOrder } from "../support/TestOrders.ts"
import { call } from "../support/TestPeople.ts"
import { insertProduct } from "../support/TestProducts.ts"
import { TestService } from "../support/TestService.ts"

layer(TestService.layer, { excludeTestServices: true })("shops, for the operators", (it) => {
  it.effect("are listed newest first, and by whether they are blocked", () =>
    Effect.gen(function* () {
      const { ask, shopId } = yield* superadminWorld
      const [newest] = (yield* ask("GET", "/shops?limit=1")).body
      assert.strictEqual(newest.id, shopId)
      assert.strictEqual(newest.delivery_cost, 150_000)
      assert.strictEqual(newest.delivery_cost_tenge, 1_500)
      assert.strictEqual(newest.weekday_start, "09:00")
      yield* ask("PUT", `/shops/${shopId}/block`)
      const idsOf = (body: ReadonlyArray<{ id: number }>) => body.map(({ id }) => id)
      assert.include(idsOf((yield* ask("GET", "/shops?is_active=false")).body), shopId)
      assert.notInclude(idsOf((yield* ask("GET", "/shops?is_active=true")).body), shopId)
    }),
  )

  it.effect("are shown with owner, people and size", () =>
    Effect.gen(function* () {
      const { ask, witness, shopId, director } = yield* superadminWorld
      yield* Effect.promise(async () => {
        await insertProduct(witness, { shopId })
        await insertProduct(witness, { shopId, isDeleted: true })
        await insertOrder(witness, { shopId })
      })
      const { status, body } = yield* ask("GET", `/shops/${shopId}`)
      assert.strictEqual(status, 200)
      assert.strictEqual(body.shop.id, shopId)
      assert.strictEqual(body.owner.id, director.id)
      assert.deepStrictEqual(body.users, [body.owner])
      assert.notProperty(body.owner, "password_hash")
      assert.deepStrictEqual(body.stats, { products_count: 1, orders_count: 1, users_count: 1 })
    }),
  )

  it.effect("that are blocked refuse their people's very next request, and let them act again after", () =>
    Effect.gen(function* () {
      const { ask, url, shopId, director, witness, superadmin } = yield* superadminWorld
      const act = () => call(url, "GET", "/profile/team", { token: director.token })
      assert.strictEqual((yield* act()).status, 200)
      const blocked = yield* ask("PUT", `/shops/${shopId}/block`)
      assert.strictEqual(blocked.status, 200)
      assert.deepStrictEqual(Object.keys(blocked.body).toSorted(), ["message", "shop"])
      assert.strictEqual(blocked.body.shop.is_active, false)
      const refused = yield* act()
      assert.deepStrictEqual(
        { status: refused.status, body: refused.body },
        { status: 403, body: { detail: "Shop is blocked" } },
      )
      assert.strictEqual((yield* call(url, "GET", `/shops/${shopId}/products`)).status, 404)
      const unblocked = yield* ask("PUT", `/shops/${shopId}/unblock`)
      assert.strictEqual(unblocked.body.shop.is_active, true)
      assert.strictEqual((yield* act()).status, 200)
      const told = yield* Effect.promise(
        () => witness`
          SELECT actor_kind, actor_id, action FROM audit
          WHERE shop_id = ${shopId} AND record_type = 'shop' AND operation = 'update' ORDER BY seq`,
      )
      assert.deepStrictEqual(
        told.map(({ actor_kind, actor_id, action }) => [actor_kind, actor_id, action]),
        [
          ["user", String(superadmin.id), "superadminShops.block"],
          ["user", String(superadmin.id), "superadminShops.unblock"],
        ],
      )
    }),
  )

  it.effect("are opened by the first unblock, which is told once", () =>
    Effect.gen(function* () {
      const { ask, shopId, witness } = yield* superadminWorld
      const openings = () =>
        Effect.promise(
          () => witness`
            SELECT m.shop_opened_at
            FROM shop_milestone m
            JOIN outbox o ON o.shop_id = m.shop_id AND o.aggregate_type = 'notification.shop_opened'
            WHERE m.shop_id = ${shopId}`,
        )
      yield* ask("PUT", `/shops/${shopId}/block`)
      assert.lengthOf(yield* openings(), 0)
      yield* ask("PUT", `/shops/${shopId}/unblock`)
      const first = yield* openings()
      assert.lengthOf(first, 1)
      assert.isNotNull(first[0]?.["shop_opened_at"])
      yield* ask("PUT", `/shops/${shopId}/block`)
      yield* ask("PUT", `/shops/${shopId}/unblock`)
      assert.deepStrictEqual([...(yield* openings())], [...first])
    }),
  )

  it.effect("are counted with everything else", () =>
    Effect.gen(function* () {
      const { ask, shopId, witness } = yield* superadminWorld
      const before = (yield* ask("GET", "/stats")).body
      yield* ask("PUT", `/shops/${shopId}/block`)
      yield* Effect.promise(() => insertProduct(witness, { shopId }))
      const { body } = yield* ask("GET", "/stats")
      assert.deepStrictEqual(body.shops, {
        total: before.shops.total,
        active: before.shops.active - 1,
        blocked: before.shops.blocked + 1,
      })
      assert.strictEqual(body.products.total, before.products.total + 1)
      assert.deepStrictEqual(Object.keys(body).toSorted(), [
        "orders",
        "products",
        "shops",
        "timestamp",
        "users",
      ])
      assert.deepStrictEqual(Object.keys(body.users.by_role).toSorted(), [
        "ADMIN",
        "COURIER",
        "DIRECTOR",
        "FLORIST",
        "MANAGER",
        "SUPERADMIN",
      ])
      const [{ count = 0 } = {}] = yield* Effect.promise(
        () => witness<Array<{ count: number }>>`SELECT count(*)::integer AS count FROM "user"`,
      )
      assert.strictEqual(body.users.total, count)
    }),
  )
})
