import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ShopId } from "../../src/shared/ShopId.ts"
import { ShopNotFound } from "../../src/shops/Shop.ts"
import { ShopBlocking } from "../../src/shops/ShopBlocking.ts"
import { bareMarkup, ShopWorld } from "./ShopWorld.ts"

const SETTINGS = "/api/v1/shop/settings"

// A service of its own beside the one that serves, without FRONTEND_ADMIN_URL.
layer(Layer.fresh(ShopBlocking.layer).pipe(Layer.provideMerge(ShopWorld.layer)), {
  excludeTestServices: true,
})("blocking a shop", (it) => {
  it.effect("shuts its people out at once, and unblocking lets them in again", () =>
    Effect.gen(function* () {
      const { call, makeShop, tokenOf } = yield* ShopWorld
      const blocking = yield* ShopBlocking
      const shop = yield* makeShop()
      const token = yield* tokenOf(shop)
      const blocked = yield* blocking.block(ShopId.make(shop.id))
      assert.isFalse(blocked.is_active)
      const refused = yield* call("GET", SETTINGS, { token })
      assert.deepStrictEqual([refused.status, refused.body], [403, { detail: "Shop is blocked" }])
      assert.strictEqual((yield* call("GET", `/api/v1/shops/${shop.id}`)).status, 404)

      const unblocked = yield* blocking.unblock(ShopId.make(shop.id))
      assert.isTrue(unblocked.is_active)
      const { body } = yield* call("GET", SETTINGS, { token })
      assert.isTrue(body.is_active)
      assert.strictEqual((yield* call("GET", `/api/v1/shops/${shop.id}`)).status, 200)
    }),
  )

  it.effect("opens the shop when it is unblocked for the first time, and tells it once", () =>
    Effect.gen(function* () {
      const { makeShop, noticesOf, witness } = yield* ShopWorld
      const blocking = yield* ShopBlocking
      const shop = yield* makeShop({ is_active: false, name: "Ветка <3" })
      const id = ShopId.make(shop.id)
      yield* Effect.all(
        Array.from({ length: 4 }, () => blocking.unblock(id)),
        { concurrency: "unbounded" },
      )
      yield* Effect.promise(
        () => witness`UPDATE outbox SET state = 'delivered', settled_at = now() WHERE shop_id = ${shop.id}`,
      )
      yield* blocking.block(id)
      yield* blocking.unblock(id)
      const notices = yield* noticesOf(shop.id)
      assert.deepStrictEqual(
        notices.map(({ event }) => event),
        ["shop_opened"],
      )
      assert.include(notices[0]?.text, "Магазин: Ветка &lt;3")
      assert.notMatch(notices[0]?.text ?? "", bareMarkup)
      assert.notInclude(notices[0]?.text, "Открыть в админке")
    }),
  )

  it.effect("completes the opening of a shop that has all the rest", () =>
    Effect.gen(function* () {
      const { makeShop, noticesOf, witness } = yield* ShopWorld
      const blocking = yield* ShopBlocking
      const shop = yield* makeShop({ is_active: false, name: "Ветка", city: "Almaty" })
      yield* Effect.promise(
        () =>
          witness`INSERT INTO shop_milestone (shop_id, first_product_added_at) VALUES (${shop.id}, now())`,
      )
      yield* blocking.unblock(ShopId.make(shop.id))
      assert.deepStrictEqual(
        (yield* noticesOf(shop.id)).map(({ event }) => event),
        ["shop_opened", "onboarding_completed"],
      )
    }),
  )

  it.effect("needs a shop that exists", () =>
    Effect.gen(function* () {
      const blocking = yield* ShopBlocking
      const missing = ShopId.make(99_999_999)
      assert.instanceOf(yield* Effect.flip(blocking.block(missing)), ShopNotFound)
      assert.instanceOf(yield* Effect.flip(blocking.unblock(missing)), ShopNotFound)
    }),
  )
})
