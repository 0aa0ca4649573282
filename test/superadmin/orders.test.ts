import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { findBrokenChains } from "../support/OrderWorld.ts"
import { superadminWorld } from "../support/SuperadminWorld.ts"
import { chainOf, insertOrder, statusOf } from "../support/TestOrders.ts"
import { TestService } from "../support/TestService.ts"

const world = Effect.gen(function* () {
  const given = yield* superadminWorld
  const { witness, shopId, ask } = given
  const insert = Effect.promise(() => insertOrder(witness, { shopId, bitrixOrderId: null }))
  const insertAt = (at: string) =>
    Effect.gen(function* () {
      const { id } = yield* insert
      yield* Effect.promise(() => witness`UPDATE "order" SET created_at = ${at} WHERE id = ${id}`)
      return id
    })
  const find = (query: string) => ask("GET", `/orders?shop_id=${shopId}&${query}`)
  const lastStep = (id: number) =>
    Effect.promise(async () => {
      const [step] = await witness`
        SELECT new_value, changed_by, is_override, notes FROM order_history WHERE order_id = ${id}
        ORDER BY id DESC LIMIT 1`
      return { ...step }
    })
  return { ...given, insert, insertAt, find, lastStep }
})

const idsOf = (body: ReadonlyArray<{ readonly id: number }>) => body.map(({ id }) => id)

layer(TestService.layer, { excludeTestServices: true })("orders, for the operators", (it) => {
  it.effect("are found by shop and status in any letter case, in the shape that clients know", () =>
    Effect.gen(function* () {
      const { ask, insert, find, shopId, witness } = yield* world
      const { id } = yield* insert
      yield* Effect.promise(
        () => witness`UPDATE "order" SET delivery_date = '2026-01-31T20:30:00Z' WHERE id = ${id}`,
      )
      yield* insert
      yield* ask("PUT", `/orders/${id}/status?new_status=paid`)
      const { body } = yield* find("status=PAID")
      const { created_at, ...order } = body[0]
      assert.isString(created_at)
      assert.deepStrictEqual(order, {
        id,
        tracking_id: String(id).padStart(9, "0"),
        orderNumber: `#${id}`,
        customerName: "Айгерим",
        phone: "+70000000013",
        total: 0,
        status: "paid",
        shop_id: shopId,
        shop_name: `Магазин ${shopId}`,
        delivery_date: "2026-02-01T01:30:00",
      })
      assert.lengthOf(body, 1)
      assert.strictEqual((yield* find("status=lost")).status, 422)
    }),
  )

  it.effect("are found by days on the shops' clock, the last one included, and by moments", () =>
    Effect.gen(function* () {
      const { insertAt, find } = yield* world
      const before = yield* insertAt("2026-03-09T18:59:59Z")
      const first = yield* insertAt("2026-03-09T19:00:00Z")
      const last = yield* insertAt("2026-03-10T18:59:59.999Z")
      const after = yield* insertAt("2026-03-10T19:00:00Z")
      for (const [query, expected] of [
        ["date_from=2026-03-10&date_to=2026-03-10", [last, first]],
        ["date_from=2026-03-10", [after, last, first]],
        ["date_to=2026-03-09", [before]],
        ["date_from=2026-03-10T19:00:00", [after]],
        ["date_from=2026-03-11T00:00:00%2B05:00", [after]],
        ["date_from=2026-03-11T00:00:00+05:00", [after]],
        ["date_to=2026-03-09T19:00:00Z", [first, before]],
      ] as const) {
        assert.deepStrictEqual(idsOf((yield* find(query)).body), [...expected], query)
      }
      for (const date of [
        "yesterday",
        "2026-02-30",
        "2026-13-01",
        "0000-01-01",
        "2026-03-10T25:00",
        "",
        "10.03.2026",
      ]) {
        assert.strictEqual((yield* find(`date_from=${date}`)).status, 422, date)
        assert.strictEqual((yield* find(`date_to=${date}`)).status, 422, date)
      }
    }),
  )

  it.effect("are shown whole, with shop and lines", () =>
    Effect.gen(function* () {
      const { ask } = yield* world
      const { status, body } = yield* ask("GET", "/orders/789")
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(body.shop, { id: 17_008, name: "Cvety.kz" })
      assert.deepStrictEqual(body.items, [
        {
          id: 789,
          product_name: "Букет Rosa Deluxe",
          product_price: 1_200_000,
          quantity: 1,
          item_total: 1_200_000,
        },
      ])
      assert.deepStrictEqual(Object.keys(body.order), [
        "id",
        "tracking_id",
        "orderNumber",
        "customerName",
        "phone",
        "delivery_address",
        "delivery_date",
        "scheduled_time",
        "subtotal",
        "delivery_cost",
        "total",
        "status",
        "notes",
        "created_at",
      ])
    }),
  )

  it.effect("go to any status by one step of their history, an override outside the usual path", () =>
    Effect.gen(function* () {
      const { ask, insert, lastStep, witness } = yield* world
      const { id } = yield* insert
      const path = `/orders/${id}/status`
      const paid = yield* ask("PUT", `${path}?new_status=PAID`)
      assert.deepStrictEqual(paid.body.order, { id, orderNumber: `#${id}`, status: "paid" })
      assert.deepStrictEqual(yield* lastStep(id), {
        new_value: "paid",
        changed_by: "superadmin",
        is_override: false,
        notes: null,
      })
      yield* ask("PUT", path, { new_status: "Delivered", notes: "by phone" })
      assert.deepStrictEqual(yield* lastStep(id), {
        new_value: "delivered",
        changed_by: "superadmin",
        is_override: true,
        notes: "by phone",
      })
      assert.strictEqual((yield* ask("PUT", `${path}?new_status=delivered`)).status, 200)
      assert.deepStrictEqual(yield* Effect.promise(() => chainOf(witness, id)), [
        "new -> paid",
        "paid -> delivered",
      ])
      assert.strictEqual((yield* ask("PUT", `${path}?new_status=lost`)).status, 400)
      assert.strictEqual((yield* ask("PUT", path)).status, 422)
    }),
  )

  it.effect("are cancelled once, with the reason in their history, and never after delivery", () =>
    Effect.gen(function* () {
      const { ask, insert, lastStep } = yield* world
      const { id } = yield* insert
      const cancelled = yield* ask("PUT", `/orders/${id}/cancel?reason=No%20flowers`)
      assert.strictEqual(cancelled.status, 200)
      assert.deepStrictEqual(cancelled.body.order, {
        id,
        orderNumber: `#${id}`,
        status: "cancelled",
        cancellation_reason: "No flowers",
      })
      assert.strictEqual((yield* lastStep(id))["notes"], "No flowers")
      assert.strictEqual((yield* ask("PUT", `/orders/${id}/cancel`)).status, 400)
      const other = yield* insert
      yield* ask("PUT", `/orders/${other.id}/status?new_status=delivered`)
      assert.strictEqual((yield* ask("PUT", `/orders/${other.id}/cancel`, { reason: "late" })).status, 400)
      const third = yield* insert
      const { body } = yield* ask("PUT", `/orders/${third.id}/cancel`)
      assert.isNull(body.order.cancellation_reason)
    }),
  )

  it.effect("keep their chain whole while many operators change one of them at once", () =>
    Effect.gen(function* () {
      const { ask, insert, witness } = yield* world
      const { id } = yield* insert
      const words = ["paid", "accepted", "assembled", "in_delivery", "delivered", "new"]
      const answers = yield* Effect.all(
        Array.from({ length: 30 }, (_, turn) =>
          turn % 10 === 9
            ? ask("PUT", `/orders/${id}/cancel`)
            : ask("PUT", `/orders/${id}/status?new_status=${words[turn % words.length]}`),
        ),
        { concurrency: "unbounded" },
      )
      for (const { status } of answers) assert.include([200, 400], status)
      assert.deepStrictEqual(yield* Effect.promise(() => findBrokenChains(witness)), [])
      const chain = yield* Effect.promise(() => chainOf(witness, id))
      const status = yield* Effect.promise(() => statusOf(witness, id))
      assert.isAbove(chain.length, 1)
      assert.strictEqual(chain.at(-1)?.split(" -> ")[1], status)
    }),
  )
})
