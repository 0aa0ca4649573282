import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ShopHours from "../../src/shops/ShopHours.ts"
import { ShopWorld } from "./ShopWorld.ts"

const SETTINGS = "/api/v1/shop/settings"
const HOURS = "/api/v1/shop/working-hours"
const DELIVERY = "/api/v1/shop/delivery"
const WIRE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$/

/** A shop and the token of its director. */
const own = (changes: Readonly<Record<string, unknown>> = {}) =>
  Effect.gen(function* () {
    const { makeShop, tokenOf } = yield* ShopWorld
    const shop = yield* makeShop(changes)
    return { shop, token: yield* tokenOf(shop) }
  })

layer(ShopWorld.layer, { excludeTestServices: true })("settings of a shop", (it) => {
  it.effect("read with every field of the old service and the tenge beside", () =>
    Effect.gen(function* () {
      const { call } = yield* ShopWorld
      const { shop, token } = yield* own()
      const { status, body } = yield* call("GET", SETTINGS, { token })
      assert.strictEqual(status, 200)
      const { created_at, updated_at, ...rest } = body
      assert.match(created_at, WIRE_TIME)
      assert.match(updated_at, WIRE_TIME)
      assert.deepStrictEqual(rest, {
        id: shop.id,
        name: "Мой магазин",
        owner_id: shop.directorId,
        phone: null,
        address: null,
        city: null,
        weekday_start: "09:00",
        weekday_end: "18:00",
        weekday_closed: false,
        weekend_start: "10:00",
        weekend_end: "17:00",
        weekend_closed: false,
        delivery_cost: 150_000,
        free_delivery_amount: 1_000_000,
        delivery_cost_tenge: 1_500,
        free_delivery_amount_tenge: 10_000,
        pickup_available: true,
        delivery_available: true,
        is_active: true,
      })
    }),
  )

  it.effect("change in the given fields only, tenge included", () =>
    Effect.gen(function* () {
      const { call } = yield* ShopWorld
      const { token } = yield* own({ address: "ул. Примерная, 1" })
      const before = (yield* call("GET", SETTINGS, { token })).body
      const { status, body } = yield* call("PUT", SETTINGS, {
        token,
        body: {
          name: "  Ветка  ",
          phone: "8 (700) 000-00-77",
          city: "Astana",
          weekday_start: "9:5",
          delivery_cost_tenge: 990,
          free_delivery_amount_tenge: 0,
          pickup_available: false,
          description: "is not looked at",
          shop_id: 17_008,
          is_active: false,
        },
      })
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(body, {
        ...before,
        name: "Ветка",
        phone: "+77000000077",
        city: "Astana",
        weekday_start: "09:05",
        delivery_cost: 99_000,
        delivery_cost_tenge: 990,
        free_delivery_amount: 0,
        free_delivery_amount_tenge: 0,
        pickup_available: false,
        updated_at: body.updated_at,
      })
      assert.deepStrictEqual((yield* call("GET", SETTINGS, { token })).body, body)
    }),
  )

  it.effect("forget a phone, an address and a city that are said to be null", () =>
    Effect.gen(function* () {
      const { call } = yield* ShopWorld
      const { token } = yield* own({ phone: "+77000000078", address: "ул. Примерная, 1", city: "Almaty" })
      const { status, body } = yield* call("PUT", SETTINGS, {
        token,
        body: { phone: null, address: null, city: null },
      })
      assert.strictEqual(status, 200)
      assert.deepStrictEqual([body.phone, body.address, body.city], [null, null, null])
    }),
  )

  it.effect("refuse nonsense with 422 and change nothing", () =>
    Effect.gen(function* () {
      const { call } = yield* ShopWorld
      const { token } = yield* own()
      const before = (yield* call("GET", SETTINGS, { token })).body
      for (const body of [
        { phone: "123" },
        { city: "almaty" },
        { city: "Shymkent" },
        { name: null },
        { name: " " },
        { name: "я".repeat(201) },
        { weekday_start: null },
        { weekday_closed: null },
        { pickup_available: "maybe" },
        { delivery_cost_tenge: -1 },
        { delivery_cost_tenge: 1.5 },
        { delivery_cost_tenge: 21_474_837 },
      ]) {
        const answer = yield* call("PUT", SETTINGS, { token, body: { address: "другой", ...body } })
        assert.strictEqual(answer.status, 422, JSON.stringify(body))
        assert.strictEqual(answer.body.detail[0].loc[0], "body")
      }
      assert.deepStrictEqual((yield* call("GET", SETTINGS, { token })).body, before)
    }),
  )

  it.effect("refuse hours that are none with 400, in both routes", () =>
    Effect.gen(function* () {
      const { call } = yield* ShopWorld
      const { token } = yield* own()
      for (const path of [SETTINGS, HOURS]) {
        const wrong = yield* call("PUT", path, { token, body: { weekend_end: "25:99" } })
        assert.deepStrictEqual(
          [wrong.status, wrong.body],
          [400, { detail: "Invalid time in weekend_end: should be HH:MM, such as 09:00" }],
        )
        const empty = yield* call("PUT", path, { token, body: { weekday_end: "9:0" } })
        assert.deepStrictEqual(
          [empty.status, empty.body],
          [400, { detail: "Working hours should begin and end at different times" }],
        )
      }
    }),
  )

  it.effect("never leave a shop without both pickup and delivery", () =>
    Effect.gen(function* () {
      const { call } = yield* ShopWorld
      const { token } = yield* own()
      for (const path of [SETTINGS, DELIVERY]) {
        const both = yield* call("PUT", path, {
          token,
          body: { pickup_available: false, delivery_available: false },
        })
        assert.deepStrictEqual(
          [both.status, both.body],
          [400, { detail: "At least one of pickup and delivery must be available" }],
        )
        assert.strictEqual(
          (yield* call("PUT", path, { token, body: { pickup_available: false } })).status,
          200,
        )
        const last = yield* call("PUT", path, { token, body: { delivery_available: false } })
        assert.strictEqual(last.status, 400)
        yield* call("PUT", path, { token, body: { pickup_available: true } })
      }
    }),
  )

  it.effect("take delivery in tiyn and refuse negative amounts with 400", () =>
    Effect.gen(function* () {
      const { call } = yield* ShopWorld
      const { token } = yield* own()
      const { status, body } = yield* call("PUT", DELIVERY, {
        token,
        body: { delivery_cost: 123_450, free_delivery_amount: 2_000_000 },
      })
      assert.deepStrictEqual(
        [status, body.delivery_cost, body.delivery_cost_tenge, body.free_delivery_amount_tenge],
        [200, 123_450, 1_234, 20_000],
      )
      for (const wrong of [{ delivery_cost: -1 }, { free_delivery_amount: -100 }]) {
        const refused = yield* call("PUT", DELIVERY, { token, body: wrong })
        assert.deepStrictEqual([refused.status, refused.body], [400, { detail: "Amount cannot be negative" }])
      }
      const tooMuch = yield* call("PUT", DELIVERY, { token, body: { delivery_cost: 2_147_483_648 } })
      assert.strictEqual(tooMuch.status, 422)
    }),
  )

  it.effect("belong to managers and directors; every colleague reads the hours", () =>
    Effect.gen(function* () {
      const { call, makeShop, tokenOf } = yield* ShopWorld
      const shop = yield* makeShop()
      for (const [role, status] of [
        ["MANAGER", 200],
        ["FLORIST", 403],
        ["COURIER", 403],
      ] as const) {
        const token = yield* tokenOf(shop, role)
        for (const path of [SETTINGS, HOURS, DELIVERY]) {
          assert.strictEqual(
            (yield* call("PUT", path, { token, body: {} })).status,
            status,
            `${role} ${path}`,
          )
        }
        assert.strictEqual((yield* call("GET", "/api/v1/shop/hours/current", { token })).status, 200)
      }
      assert.strictEqual((yield* call("PUT", SETTINGS, { body: { name: "Чужой" } })).status, 401)
    }),
  )

  it.effect("are open to a machine with a key that may", () =>
    Effect.gen(function* () {
      const { call, makeShop, witness } = yield* ShopWorld
      const shop = yield* makeShop()
      const other = yield* makeShop()
      const secret = "s".repeat(43)
      const makeKey = (permissions: string) =>
        Effect.promise(async () => {
          const [row] = await witness`
            INSERT INTO service_credential (shop_id, name, slot, permissions, secret_hash)
            VALUES (${shop.id}, ${permissions}, 1, ${`{${permissions}}`}::text[], sha256(${secret}::bytea))
            RETURNING id`
          return `cvk_${shop.id}_${row?.["id"]}_${secret}`
        })
      const token = yield* makeKey("update_shop_settings")
      const changed = yield* call("PUT", SETTINGS, { token, body: { name: "От бота", shop_id: other.id } })
      assert.deepStrictEqual([changed.status, changed.body.id, changed.body.name], [200, shop.id, "От бота"])
      assert.strictEqual((yield* call("GET", SETTINGS, { token })).status, 403)
      const reader = yield* makeKey("view_shop_settings")
      assert.strictEqual((yield* call("GET", SETTINGS, { token: reader })).body.name, "От бота")
      assert.strictEqual((yield* call("PUT", SETTINGS, { token: reader, body: {} })).status, 403)
    }),
  )

  it.effect("keep both of two changes that are made at once", () =>
    Effect.gen(function* () {
      const { call, witness } = yield* ShopWorld
      const { shop, token } = yield* own()
      const fields = [
        { name: "Одновременно" },
        { address: "пр. Примерный, 2" },
        { city: "Almaty" },
        { weekday_start: "08:00" },
        { weekend_closed: true },
        { delivery_cost_tenge: 700 },
        { free_delivery_amount_tenge: 7_000 },
        { pickup_available: false },
      ]
      const answers = yield* Effect.forEach(fields, (body) => call("PUT", SETTINGS, { token, body }), {
        concurrency: "unbounded",
      })
      assert.deepStrictEqual(
        answers.map(({ status }) => status),
        fields.map(() => 200),
      )
      const [row] = yield* Effect.promise(
        () => witness`
          SELECT name, address, city, weekday_start::text, weekend_closed, delivery_cost, free_delivery_amount,
                 pickup_available
          FROM shop
          WHERE id = ${shop.id}`,
      )
      assert.deepStrictEqual(
        { ...row },
        {
          name: "Одновременно",
          address: "пр. Примерный, 2",
          city: "Almaty",
          weekday_start: "08:00:00",
          weekend_closed: true,
          delivery_cost: 70_000,
          free_delivery_amount: 700_000,
          pickup_available: false,
        },
      )
    }),
  )

  it.effect("let only one of two switch off the last way to the goods", () =>
    Effect.gen(function* () {
      const { call } = yield* ShopWorld
      const { token } = yield* own()
      const answers = yield* Effect.forEach(
        [{ pickup_available: false }, { delivery_available: false }],
        (body) => call("PUT", DELIVERY, { token, body }),
        { concurrency: "unbounded" },
      )
      assert.deepStrictEqual(answers.map(({ status }) => status).toSorted(), [200, 400])
    }),
  )
})

layer(ShopWorld.layer, { excludeTestServices: true })("what everybody may see of a shop", (it) => {
  it.effect("is there in the shape of the old service, for blocked shops too", () =>
    Effect.gen(function* () {
      const { call, makeShop } = yield* ShopWorld
      const shop = yield* makeShop({
        name: "Ветка",
        phone: "+77000000079",
        address: "ул. Примерная, 1",
        city: "Almaty",
        weekend_closed: true,
        is_active: false,
      })
      const settings = yield* call("GET", `${SETTINGS}/public?shop_id=${shop.id}`)
      assert.deepStrictEqual(
        [settings.status, settings.body],
        [
          200,
          {
            shop_name: "Ветка",
            phone: "+77000000079",
            address: "ул. Примерная, 1",
            city: "Almaty",
            weekday_hours: "09:00 - 18:00",
            weekend_hours: "Closed",
            weekday_closed: false,
            weekend_closed: true,
            delivery_cost_tenge: 1_500,
            free_delivery_threshold_tenge: 10_000,
            pickup_available: true,
            delivery_available: true,
          },
        ],
      )
      const week = yield* call("GET", `${HOURS}?shop_id=${shop.id}`)
      const weekday = "09:00 - 18:00"
      assert.deepStrictEqual(
        [week.status, week.body],
        [
          200,
          {
            monday: weekday,
            tuesday: weekday,
            wednesday: weekday,
            thursday: weekday,
            friday: weekday,
            saturday: "Closed",
            sunday: "Closed",
            weekday_closed: false,
            weekend_closed: true,
          },
        ],
      )
    }),
  )

  it.effect("needs the number of a shop that exists", () =>
    Effect.gen(function* () {
      const { call } = yield* ShopWorld
      for (const path of [`${SETTINGS}/public`, HOURS]) {
        const missing = yield* call("GET", `${path}?shop_id=99999999`)
        assert.deepStrictEqual([missing.status, missing.body], [404, { detail: "Shop not found" }])
        for (const query of ["", "?shop_id=x", "?shop_id=0", "?shop_id=3000000000"]) {
          assert.strictEqual((yield* call("GET", `${path}${query}`)).status, 422, query)
        }
      }
    }),
  )

  it.effect("tells colleagues whether the shop is open now", () =>
    Effect.gen(function* () {
      const { call, makeShop, tokenOf } = yield* ShopWorld
      const shop = yield* makeShop({
        name: "Круглые сутки",
        weekday_start: "00:00",
        weekday_end: "23:59",
        weekend_start: "00:00",
        weekend_end: "23:59",
      })
      const token = yield* tokenOf(shop, "COURIER")
      const before = ShopHours.localTime("Asia/Almaty", new Date())
      const { status, body } = yield* call("GET", "/api/v1/shop/hours/current", { token })
      const after = ShopHours.localTime("Asia/Almaty", new Date())
      assert.strictEqual(status, 200)
      assert.include([before.time, after.time], body.current_time)
      assert.include([before.day, after.day], body.current_day)
      assert.deepStrictEqual(body, {
        is_open: true,
        current_time: body.current_time,
        current_day: body.current_day,
        shop_name: "Круглые сутки",
        address: null,
        city: null,
        day_type: ShopHours.dayTypeOf(body.current_day),
        hours: "00:00 - 23:59",
        closed: false,
      })
    }),
  )

  it.effect("tells colleagues what delivery costs", () =>
    Effect.gen(function* () {
      const { call } = yield* ShopWorld
      const { token } = yield* own()
      const quote = (total: string) =>
        call("GET", `/api/v1/shop/delivery/calculate?order_total_tenge=${total}`, { token })
      const common = {
        free_delivery_threshold_tenge: 10_000,
        pickup_available: true,
        delivery_available: true,
      }
      assert.deepStrictEqual((yield* quote("9999")).body, {
        ...common,
        order_total_tenge: 9_999,
        delivery_cost_tenge: 1_500,
        free_delivery: false,
        amount_needed_for_free_delivery_tenge: 1,
      })
      assert.deepStrictEqual((yield* quote("10000")).body, {
        ...common,
        order_total_tenge: 10_000,
        delivery_cost_tenge: 0,
        free_delivery: true,
        amount_needed_for_free_delivery_tenge: 0,
      })
      const negative = yield* quote("-1")
      assert.deepStrictEqual(
        [negative.status, negative.body],
        [400, { detail: "Order total cannot be negative" }],
      )
      for (const wrong of ["x", "1.5", "1e30"]) {
        assert.strictEqual((yield* quote(wrong)).status, 422, wrong)
      }
    }),
  )
})
