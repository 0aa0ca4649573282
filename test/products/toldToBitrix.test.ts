import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { superadminWorld } from "../support/SuperadminWorld.ts"
import { insertProduct } from "../support/TestProducts.ts"
import { TestService } from "../support/TestService.ts"
import { world } from "./ProductWorld.ts"

layer(TestService.layer, { excludeTestServices: true })("what Bitrix is told of", (it) => {
  it.effect("is recorded with a change, with the values from before", () =>
    Effect.gen(function* () {
      const { act, connectBitrix, facts, insert } = yield* world
      yield* connectBitrix
      const id = yield* insert({ name: "Пионы", more: { description: null, image: "/1.webp" } })
      const { body } = yield* act("PUT", `/${id}`, {
        name: "Розы",
        price: 100,
        description: "Красные",
        image: null,
        enabled: false,
        height: 60,
      })
      assert.deepStrictEqual(
        Array.from(yield* facts, (fact) => ({ ...fact })),
        [
          {
            aggregate_type: "product",
            aggregate_id: String(id),
            payload: {},
            before: {
              name: "Пионы",
              price: 1_500_000,
              description: null,
              image: "/1.webp",
              enabled: true,
            },
            state: "pending",
            generation: 1,
          },
        ],
      )
      assert.deepInclude(body.bitrix_sync, { state: "pending", last_error: null })
      assert.match(body.bitrix_sync.pending_since, /^\d{4}-\d\d-\d\dT[\d:.]+$/)
      assert.deepStrictEqual((yield* act("GET", `/${id}`)).body.bitrix_sync, body.bitrix_sync)
    }),
  )

  it.effect("is only what changed, and the oldest values that were not told yet are kept", () =>
    Effect.gen(function* () {
      const { act, connectBitrix, facts, insert } = yield* world
      yield* connectBitrix
      const id = yield* insert({ name: "Пионы" })
      yield* act("PUT", `/${id}`, { name: "Розы", price: 1_500_000 })
      yield* act("PATCH", `/${id}/status?enabled=false`)
      yield* act("PUT", `/${id}`, { name: "Ирисы" })
      const [fact, ...others] = yield* facts
      assert.deepStrictEqual(others, [])
      assert.deepStrictEqual(fact?.["before"], { name: "Пионы", enabled: true })
      assert.strictEqual(fact?.["generation"], 3)
    }),
  )

  it.effect("is nothing when nothing changed, or nothing that Bitrix knows", () =>
    Effect.gen(function* () {
      const { act, connectBitrix, facts, insert, witness } = yield* world
      yield* connectBitrix
      const id = yield* insert({ name: "Пионы" })
      const updatedAt = Effect.promise(() => witness`SELECT updated_at FROM product WHERE id = ${id}`)
      const before = yield* updatedAt
      const same = yield* act("PUT", `/${id}`, {
        name: "Пионы",
        price: 1_500_000,
        enabled: true,
        colors: ["Красный", "Малахитовый"],
      })
      assert.strictEqual(same.status, 200)
      yield* act("PUT", `/${id}`, {})
      yield* act("PATCH", `/${id}/status?enabled=true`)
      assert.deepStrictEqual(yield* updatedAt, before)
      yield* act("PUT", `/${id}`, { tags: ["розы"], height: 10, is_featured: true, type: "gifts" })
      yield* act("POST", `/${id}/images`, { url: "/1.webp", is_primary: true })
      assert.deepStrictEqual([...(yield* facts)], [])
      assert.deepStrictEqual((yield* act("GET", `/${id}`)).body.bitrix_sync, {
        state: "synced",
        pending_since: null,
        last_error: null,
      })
    }),
  )

  it.effect("is nothing of the making of goods here, and every change of them", () =>
    Effect.gen(function* () {
      const { act, connectBitrix, facts } = yield* world
      yield* connectBitrix
      const { body } = yield* act("POST", "/", { name: "Розы", price: 100 })
      assert.strictEqual(body.bitrix_sync.state, "local")
      assert.deepStrictEqual([...(yield* facts)], [])
      const changed = yield* act("PUT", `/${body.id}`, { name: "Пионы", enabled: false })
      assert.strictEqual(changed.body.bitrix_sync.state, "pending")
      assert.strictEqual((yield* facts).length, 1)
    }),
  )

  it.effect("is nothing where no Bitrix is connected", () =>
    Effect.gen(function* () {
      const { act, facts, insert } = yield* world
      const id = yield* insert()
      const { body } = yield* act("PUT", `/${id}`, { name: "Розы" })
      assert.isNull(body.bitrix_sync)
      assert.deepStrictEqual([...(yield* facts)], [])
    }),
  )

  it.effect("is a deletion, as of a product that is not for sale any more", () =>
    Effect.gen(function* () {
      const { act, connectBitrix, facts, insert } = yield* world
      yield* connectBitrix
      const shown = yield* insert()
      const hidden = yield* insert({ enabled: false })
      yield* act("DELETE", `/${shown}`)
      yield* act("DELETE", `/${hidden}`)
      assert.deepStrictEqual(
        (yield* facts).map(({ aggregate_id, before }) => [aggregate_id, before]),
        [[String(shown), { enabled: true }]],
      )
    }),
  )

  it.effect("is also what operators of the platform change", () =>
    Effect.gen(function* () {
      const { ask, witness, shopId } = yield* superadminWorld
      yield* Effect.promise(
        () => witness`INSERT INTO outbox_route (shop_id, target) VALUES (${shopId}, 'bitrix')`,
      )
      const insert = Effect.promise(() => insertProduct(witness, { shopId, name: "Пионы" }))
      const [changed, toggled, removed] = [yield* insert, yield* insert, yield* insert]
      yield* ask("PUT", `/products/${changed}`, { name: "Розы", price: 1_500_000 })
      yield* ask("PUT", `/products/${toggled}/toggle`)
      yield* ask("DELETE", `/products/${removed}`)
      const facts = yield* Effect.promise(
        () => witness`SELECT aggregate_id, before FROM outbox WHERE shop_id = ${shopId} ORDER BY id`,
      )
      assert.deepStrictEqual(
        facts.map(({ aggregate_id, before }) => [Number(aggregate_id), before]),
        [
          [changed, { name: "Пионы" }],
          [toggled, { enabled: true }],
          [removed, { enabled: true }],
        ],
      )
    }),
  )

  it.effect("is shown as pending or parked, and why only to the people of the shop", () =>
    Effect.gen(function* () {
      const { act, connectBitrix, insert, look, shopId, witness } = yield* world
      yield* connectBitrix
      const pending = yield* insert()
      const parked = yield* insert()
      const delivered = yield* insert()
      yield* Effect.promise(() => {
        const row = { shop_id: shopId, target: "bitrix", aggregate_type: "product", payload: "{}" }
        const pending_since = new Date("2026-03-01T04:00:00Z")
        const failed = { pending_since, last_error: "HTTP 500" }
        const settled = { settled_at: new Date(), attempts: 9 }
        const rows = [
          {
            ...row,
            ...failed,
            aggregate_id: String(pending),
            state: "pending",
            settled_at: null,
            attempts: 1,
          },
          { ...row, ...failed, aggregate_id: String(parked), state: "parked", ...settled },
          { ...row, ...failed, aggregate_id: String(delivered), state: "delivered", ...settled },
        ]
        return witness`INSERT INTO outbox ${witness(rows as never)}`
      })
      const sync = (state: string, last_error: string | null) => ({
        state,
        pending_since: state === "synced" ? null : "2026-03-01T04:00:00.000",
        last_error,
      })
      const own = yield* act("GET", "/admin")
      assert.deepStrictEqual(
        own.body.map(({ bitrix_sync }: any) => bitrix_sync),
        [sync("synced", null), sync("parked", "HTTP 500"), sync("pending", "HTTP 500")],
      )
      for (const path of [`/?shop_id=${shopId}`, "/public/bestsellers", "/?limit=3"]) {
        const { body } = yield* look(path)
        const found = body.filter(({ id }: any) => [pending, parked, delivered].includes(id))
        assert.deepStrictEqual(
          found.map(({ bitrix_sync }: any) => bitrix_sync),
          [sync("synced", null), sync("parked", null), sync("pending", null)],
          path,
        )
      }
      assert.deepStrictEqual((yield* act("GET", `/${parked}`)).body.bitrix_sync, sync("parked", "HTTP 500"))
      assert.deepStrictEqual((yield* look(`/${parked}`)).body.bitrix_sync, sync("parked", null))
      const stranger = yield* world
      const { body } = yield* stranger.act("GET", `/${parked}`)
      assert.deepStrictEqual(body.bitrix_sync, sync("parked", null))
      const again = yield* act("PUT", `/${parked}`, { price: 100 })
      assert.deepStrictEqual(again.body.bitrix_sync, sync("pending", "HTTP 500"))
      assert.deepStrictEqual(
        (yield* act("GET", `/admin?skip=1&limit=1`)).body[0].bitrix_sync,
        sync("pending", "HTTP 500"),
      )
    }),
  )
})
