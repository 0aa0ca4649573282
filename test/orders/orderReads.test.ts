import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RawHttp from "../support/RawHttp.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { PREVIOUS_SIGNING_KEY, SIGNING_KEY, startNode } from "../support/TestNode.ts"
import { insertOrder, nextId } from "../support/TestOrders.ts"
import { insertPerson } from "../support/TestPeople.ts"
import { OTHER_SHOP_ID, SHOP_ID } from "../support/TestService.ts"
import * as TestToken from "../support/TestToken.ts"

class Reads extends Context.Service<
  Reads,
  RawHttp.RawHttp & {
    /** GET with the token of the production shop's director, or with another. */
    readonly get: (path: string, token?: string) => Effect.Effect<RawHttp.Received>
  }
>()("cvety/test/orderReads") {
  static readonly layer = Layer.effect(
    Reads,
    Effect.gen(function* () {
      const { url } = yield* startNode()
      const http = yield* RawHttp.make(url)
      const director = yield* TestToken.sign()
      return {
        ...http,
        get: (path, token = director) => http.send({ path, headers: { authorization: `Bearer ${token}` } }),
      }
    }),
  ).pipe(Layer.provideMerge(TestDatabase.layer))
}

/** An order that has something in every field, with two lines. */
const insertWholeOrder = (id: number) =>
  Effect.flatMap(TestDatabase, ({ witness }) =>
    Effect.promise(async () => {
      await witness`
        INSERT INTO "order" (
          id, shop_id, tracking_id, order_number, customer_name, phone, customer_email, delivery_address,
          delivery_notes, delivery_date, subtotal, delivery_cost, total, notes, telegram_user_id, bitrix_order_id,
          recipient_name, recipient_phone, sender_phone, pickup_address, delivery_type, scheduled_time,
          payment_method, order_comment, bonus_points, kaspi_payment_id, kaspi_payment_status,
          kaspi_payment_created_at, kaspi_payment_completed_at, ask_delivery_address, ask_delivery_time,
          created_at, updated_at)
        VALUES (
          ${id}, ${SHOP_ID}, ${trackingOf(id)}, ${`#${id}`}, 'Айгерим', '+70000000013', 'a@example.com', 'ул. Примерная, 1',
          'домофон 1', '2026-03-08T05:30:00Z', 1700000, 150000, 1850000, 'заметка', '100200300', ${id},
          'Дина', '+70000000014', '+70000000015', 'пр. Примерный, 2', 'scheduled', '10:30-11:30',
          'kaspi', 'с открыткой', 50, '12345678', 'Processed',
          '2026-03-01T04:00:00.123456Z', '2026-03-01T04:05:00Z', true, true,
          '2026-03-01T03:59:59.987654Z', '2026-03-01T04:05:00.5Z')`
      await witness`
        INSERT INTO product (id, shop_id, name, price)
        VALUES (501, ${SHOP_ID}, 'Букет', 600000), (502, ${SHOP_ID}, 'Ваза', 500000)
        ON CONFLICT DO NOTHING`
      await witness`
        INSERT INTO order_item (id, shop_id, order_id, product_id, product_name, product_price, quantity, item_total,
                                special_requests, created_at, updated_at)
        VALUES
          (${id * 10 + 1}, ${SHOP_ID}, ${id}, 501, 'Букет', 600000, 2, 1200000, 'без лилий', '2026-03-01T04:00:00Z', '2026-03-01T04:00:00Z'),
          (${id * 10 + 2}, ${SHOP_ID}, ${id}, 502, 'Ваза', 500000, 1, 500000, NULL, '2026-03-01T04:00:00Z', '2026-03-01T04:00:00Z')`
    }),
  )

const trackingOf = (id: number): string => String(id).padStart(9, "0")

const update = (id: number, set: Readonly<Record<string, unknown>>) =>
  Effect.flatMap(TestDatabase, ({ witness }) =>
    Effect.promise(() => witness`UPDATE "order" SET ${witness(set as never)} WHERE id = ${id}`),
  )

const order = (options: Parameters<typeof insertOrder>[1] = {}) =>
  Effect.flatMap(TestDatabase, ({ witness }) => Effect.promise(() => insertOrder(witness, options)))

const UNAUTHENTICATED = { detail: "Could not validate credentials" }
const NOT_FOUND = { detail: "Order not found" }

layer(Reads.layer, { excludeTestServices: true })("an order of the own shop", (it) => {
  it.effect("reads with every field of the old service, spelled as it was", () =>
    Effect.gen(function* () {
      const { get } = yield* Reads
      const id = nextId()
      yield* insertWholeOrder(id)
      const { status, body } = yield* get(`/api/v1/orders/${id}`)
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(body, {
        id,
        tracking_id: trackingOf(id),
        orderNumber: `#${id}`,
        customerName: "Айгерим",
        phone: "+70000000013",
        customer_email: "a@example.com",
        delivery_address: "ул. Примерная, 1",
        delivery_date: "2026-03-08T10:30:00",
        delivery_notes: "домофон 1",
        subtotal: 1_700_000,
        delivery_cost: 150_000,
        total: 1_850_000,
        status: "new",
        notes: "заметка",
        telegram_user_id: "100200300",
        bitrix_order_id: id,
        recipient_name: "Дина",
        recipient_phone: "+70000000014",
        sender_phone: "+70000000015",
        pickup_address: "пр. Примерный, 2",
        delivery_type: "scheduled",
        scheduled_time: "10:30-11:30",
        payment_method: "kaspi",
        order_comment: "с открыткой",
        bonus_points: 50,
        kaspi_payment_id: "12345678",
        kaspi_payment_status: "Processed",
        kaspi_payment_created_at: "2026-03-01T04:00:00.123",
        kaspi_payment_completed_at: "2026-03-01T04:05:00.000",
        ask_delivery_address: true,
        ask_delivery_time: true,
        created_at: "2026-03-01T03:59:59.987",
        updated_at: "2026-03-01T04:05:00.500",
        items: [
          {
            order_id: id,
            product_id: 501,
            product_name: "Букет",
            product_price: 600_000,
            quantity: 2,
            item_total: 1_200_000,
            special_requests: "без лилий",
            id: id * 10 + 1,
            created_at: "2026-03-01T04:00:00.000",
            updated_at: "2026-03-01T04:00:00.000",
          },
          {
            order_id: id,
            product_id: 502,
            product_name: "Ваза",
            product_price: 500_000,
            quantity: 1,
            item_total: 500_000,
            special_requests: null,
            id: id * 10 + 2,
            created_at: "2026-03-01T04:00:00.000",
            updated_at: "2026-03-01T04:00:00.000",
          },
        ],
        photos: [],
      })
    }),
  )

  it.effect("reads null where it has nothing", () =>
    Effect.gen(function* () {
      const { get } = yield* Reads
      const { id } = yield* order({ bitrixOrderId: null })
      const { body } = yield* get(`/api/v1/orders/${id}/`)
      const empty = Object.entries(body).filter(([, value]) => value === null)
      assert.sameMembers(
        empty.map(([field]) => field),
        [
          "customer_email",
          "delivery_address",
          "delivery_date",
          "delivery_notes",
          "notes",
          "telegram_user_id",
          "bitrix_order_id",
          "recipient_name",
          "recipient_phone",
          "sender_phone",
          "pickup_address",
          "delivery_type",
          "scheduled_time",
          "payment_method",
          "order_comment",
          "kaspi_payment_id",
          "kaspi_payment_status",
          "kaspi_payment_created_at",
          "kaspi_payment_completed_at",
        ],
      )
      assert.deepStrictEqual([body.items, body.photos, body.bonus_points], [[], [], 0])
    }),
  )

  it.effect("has a history that begins with the newest change", () =>
    Effect.gen(function* () {
      const { get, webhook } = yield* Reads
      const { id, bitrixOrderId } = yield* order()
      assert.deepStrictEqual((yield* get(`/api/v1/orders/${id}/history`)).body, [])
      yield* webhook(
        JSON.stringify({ order_id: bitrixOrderId, status: "AP", notes: "Принят", changed_by_id: 42 }),
      )
      yield* webhook(JSON.stringify({ order_id: bitrixOrderId, status: "F" }))

      const { status, body } = yield* get(`/api/v1/orders/${id}/history`)
      assert.strictEqual(status, 200)
      const [newest, oldest] = body
      assert.deepStrictEqual(
        body.map(({ id: _, changed_at: __, ...entry }: Record<string, unknown>) => entry),
        [
          {
            order_id: id,
            changed_by: "bitrix",
            field_name: "status",
            old_value: "accepted",
            new_value: "delivered",
            notes: null,
            bitrix_user_id: null,
            is_override: true,
          },
          {
            order_id: id,
            changed_by: "bitrix",
            field_name: "status",
            old_value: "new",
            new_value: "accepted",
            notes: "Принят",
            bitrix_user_id: 42,
            is_override: false,
          },
        ],
      )
      assert.isAbove(newest.id, oldest.id)
      for (const { changed_at } of body) {
        assert.isBelow(Math.abs(new Date(changed_at).getTime() - Date.now()), 60_000)
      }
      const read = yield* get(`/api/v1/orders/${id}`)
      assert.strictEqual(read.body.status, "delivered")
    }),
  )

  it.effect("is missing to everybody else, exactly as an order that was never there", () =>
    Effect.gen(function* () {
      const { get } = yield* Reads
      const ours = yield* order()
      const other = yield* order({ shopId: OTHER_SHOP_ID })
      const otherToken = yield* TestToken.sign({ sub: "1", user_id: 1, shop_id: OTHER_SHOP_ID })
      for (const suffix of ["", "/history"]) {
        const missing = yield* get(`/api/v1/orders/2147483647${suffix}`)
        const foreign = yield* get(`/api/v1/orders/${other.id}${suffix}`)
        const ownElsewhere = yield* get(`/api/v1/orders/${ours.id}${suffix}`, otherToken)
        for (const { status, body, headers } of [missing, foreign, ownElsewhere]) {
          assert.strictEqual(status, 404)
          assert.deepStrictEqual(body, NOT_FOUND)
          assert.deepStrictEqual(Object.keys(headers).sort(), Object.keys(missing.headers).sort())
        }
        assert.strictEqual((yield* get(`/api/v1/orders/${other.id}${suffix}`, otherToken)).status, 200)
      }
    }),
  )

  it.effect("is not found under an id that is none: 422 in list form", () =>
    Effect.gen(function* () {
      const { get } = yield* Reads
      for (const id of [
        "0",
        "-1",
        "abc",
        "1.5",
        "1e400",
        "NaN",
        "99999999999",
        "%20",
        "null",
        "789x",
        "%31%00",
        "1_000",
      ]) {
        for (const suffix of ["", "/history"]) {
          const { status, body } = yield* get(`/api/v1/orders/${id}${suffix}`)
          assert.strictEqual(status, 422, id)
          assert.strictEqual(body.detail.length, 1, id)
          const [problem] = body.detail
          assert.deepStrictEqual(problem.loc, ["path", "order_id"], id)
          assert.deepStrictEqual(Object.keys(problem).sort(), ["input", "loc", "msg", "type"])
          assert.strictEqual(problem.input, decodeURIComponent(id))
        }
      }
    }),
  )
})

layer(Reads.layer, { excludeTestServices: true })("a bearer token", (it) => {
  it.effect("is asked for, whether the order exists or not", () =>
    Effect.gen(function* () {
      const { send } = yield* Reads
      const { id } = yield* order()
      const token = yield* TestToken.sign()
      for (const headers of [
        {},
        { authorization: "" },
        { authorization: "Bearer" },
        { authorization: "Bearer " },
        { authorization: token },
        { authorization: `Basic ${token}` },
        { authorization: `Token ${token}` },
        { cookie: `token=${token}` },
      ] as ReadonlyArray<Record<string, string>>) {
        for (const path of [id, 2_147_483_647].flatMap((id) => [`${id}`, `${id}/history`])) {
          const answer = yield* send({ path: `/api/v1/orders/${path}?token=${token}`, headers })
          assert.strictEqual(answer.status, 401, JSON.stringify(headers).slice(0, 40))
          assert.deepStrictEqual(answer.body, UNAUTHENTICATED)
          assert.strictEqual(answer.headers["www-authenticate"], "Bearer")
        }
      }
    }),
  )

  it.effect("is accepted when either live key has signed it", () =>
    Effect.gen(function* () {
      const { get } = yield* Reads
      const { id } = yield* order()
      const retiring = yield* TestToken.sign({}, { key: PREVIOUS_SIGNING_KEY })
      assert.strictEqual((yield* get(`/api/v1/orders/${id}`)).status, 200)
      assert.strictEqual((yield* get(`/api/v1/orders/${id}`, retiring)).status, 200)
    }),
  )

  it.effect("may lack the user id, as those of the old service did", () =>
    Effect.gen(function* () {
      const { get } = yield* Reads
      const { id } = yield* order()
      const old = yield* TestToken.sign({ user_id: undefined })
      assert.strictEqual((yield* get(`/api/v1/orders/${id}`, old)).status, 200)
    }),
  )

  it.effect("is refused when it is old, forged, of another algorithm or another key, or makes no sense", () =>
    Effect.gen(function* () {
      const { get } = yield* Reads
      const { id } = yield* order()
      const valid = yield* TestToken.sign()
      const [header = "", , signature = ""] = valid.split(".")
      const otherShop = TestToken.forge({}, { shop_id: OTHER_SHOP_ID }).split(".")[1]
      const sign = TestToken.sign
      const tokens: Readonly<Record<string, string>> = {
        "no token": "x",
        "three dots": "a.b.c",
        "other key": yield* sign({}, { key: "another-signing-key-of-32-characters" }),
        "key with a trailing space": yield* sign({}, { key: `${SIGNING_KEY} ` }),
        HS384: yield* sign({}, { algorithm: "HS384" }),
        HS512: yield* sign({}, { algorithm: "HS512" }),
        "alg none": TestToken.forge({ alg: "none", typ: "JWT" }),
        "alg None": TestToken.forge({ alg: "None" }),
        "alg none with a signature": TestToken.forge({ alg: "none" }, {}, signature),
        "alg RS256": TestToken.forge({ alg: "RS256" }, {}, signature),
        "no alg": TestToken.forge({ typ: "JWT" }, {}, signature),
        "other claims under a valid signature": `${header}.${otherShop}.${signature}`,
        "no signature": valid.slice(0, valid.lastIndexOf(".") + 1),
        "critical header": TestToken.forge({ alg: "HS256", crit: ["exp"] }, {}, signature),
        expired: yield* sign({}, { expires: Math.floor(Date.now() / 1_000) - 1 }),
        "without an end": yield* sign({}, { expires: null }),
        "not yet valid": yield* sign({ nbf: Math.floor(Date.now() / 1_000) + 3_600 }),
        "no subject": yield* sign({ sub: undefined }),
        "no role": yield* sign({ role: undefined }),
        "unknown role": yield* sign({ role: "OWNER" }),
        "shop as text": yield* sign({ shop_id: String(SHOP_ID) }),
        "shop zero": yield* sign({ shop_id: 0 }),
        "shop beyond integers": yield* sign({ shop_id: 2 ** 40 }),
        "several shops": yield* sign({ shop_id: [SHOP_ID] }),
      }
      for (const [name, token] of Object.entries(tokens)) {
        const { status, body, headers } = yield* get(`/api/v1/orders/${id}`, token)
        assert.strictEqual(status, 401, name)
        assert.deepStrictEqual(body, UNAUTHENTICATED, name)
        assert.strictEqual(headers["www-authenticate"], "Bearer", name)
      }
    }),
  )

  it.effect("of a user without a shop is a 403", () =>
    Effect.gen(function* () {
      const { get } = yield* Reads
      const { id } = yield* order()
      const token = yield* TestToken.sign({ role: "SUPERADMIN", shop_id: null })
      for (const path of [`/api/v1/orders/${id}`, `/api/v1/orders/${id}/history`]) {
        const { status, body } = yield* get(path, token)
        assert.strictEqual(status, 403)
        assert.deepStrictEqual(body, { detail: "User is not assigned to any shop" })
      }
    }),
  )

  it.effect("opens an order to every role of its shop", () =>
    Effect.gen(function* () {
      const { get } = yield* Reads
      const { witness } = yield* TestDatabase
      const { id } = yield* order()
      for (const role of ["ADMIN", "DIRECTOR", "MANAGER", "FLORIST", "COURIER"]) {
        const { token } = yield* insertPerson(witness, { role })
        assert.strictEqual((yield* get(`/api/v1/orders/${id}`, token)).status, 200, role)
      }
    }),
  )
})

layer(Reads.layer, { excludeTestServices: true })("the public status of an order", (it) => {
  const statusPath = (trackingId: string) => `/api/v1/orders/by-tracking/${trackingId}/status`

  it.effect("reads without a token, with every field of the tracking page", () =>
    Effect.gen(function* () {
      const { send } = yield* Reads
      const id = nextId()
      yield* insertWholeOrder(id)
      const { status, body } = yield* send({ path: statusPath(trackingOf(id)) })
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(body, {
        tracking_id: trackingOf(id),
        order_number: `#${id}`,
        status: "confirmed",
        recipient: { name: "Дина", phone: "+70000000014" },
        pickup_address: "пр. Примерный, 2",
        delivery_address: "ул. Примерная, 1",
        delivery_date: "2026-03-08T10:30:00",
        date_time: "Sunday 8 March, 10:30",
        sender: { phone: "+70000000015" },
        photos: [],
        photo_feedback: null,
        photo_feedback_comment: null,
        items: [
          { name: "Букет", price: 1_200_000 },
          { name: "Ваза", price: 500_000 },
        ],
        delivery_cost: 150_000,
        delivery_type: "Scheduled: 10:30-11:30",
        total: 1_850_000,
        bonus_points: 50,
        payment_method: "kaspi",
        kaspi_payment_id: "12345678",
        kaspi_payment_status: "Processed",
        kaspi_payment_created_at: "2026-03-01T04:00:00.123",
      })
    }),
  )

  it.effect("falls back to the customer and to fixed texts where the order has nothing", () =>
    Effect.gen(function* () {
      const { send } = yield* Reads
      const { id } = yield* order()
      yield* update(id, { created_at: "2026-12-31T19:05:00Z" })
      const { body } = yield* send({ path: `${statusPath(trackingOf(id))}/` })
      assert.deepInclude(body, {
        recipient: { name: "Айгерим", phone: "+70000000013" },
        sender: { phone: "+70000000013" },
        pickup_address: "Store address not specified",
        delivery_address: "Not specified",
        delivery_date: null,
        date_time: "Friday 1 January, 00:05",
        delivery_type: "Standard Delivery",
        bonus_points: 0,
        payment_method: null,
        items: [],
      })
    }),
  )

  it.effect("puts the kind of delivery into words", () =>
    Effect.gen(function* () {
      const { send } = yield* Reads
      const { id } = yield* order()
      for (const [delivery_type, scheduled_time, text] of [
        ["express", null, "Express 30 min"],
        ["scheduled", "18:00", "Scheduled: 18:00"],
        ["scheduled", null, "Scheduled: Not specified"],
        ["pickup", "18:00", "Self Pickup"],
        ["delivery", null, "Standard Delivery"],
        ["что-то", null, "Standard Delivery"],
        [null, null, "Standard Delivery"],
      ]) {
        yield* update(id, { delivery_type, scheduled_time })
        const { body } = yield* send({ path: statusPath(trackingOf(id)) })
        assert.strictEqual(body.delivery_type, text)
      }
    }),
  )

  it.effect("has three words for the seven states", () =>
    Effect.gen(function* () {
      const { send, webhook } = yield* Reads
      const { id, bitrixOrderId } = yield* order()
      const seen = [(yield* send({ path: statusPath(trackingOf(id)) })).body.status]
      for (const code of ["PD", "AP", "CO", "DE", "F", "RF"]) {
        yield* webhook(JSON.stringify({ order_id: bitrixOrderId, status: code }))
        seen.push((yield* send({ path: statusPath(trackingOf(id)) })).body.status)
      }
      assert.deepStrictEqual(seen, [
        "confirmed",
        "confirmed",
        "confirmed",
        "preparing",
        "delivering",
        "delivering",
        "confirmed",
      ])
    }),
  )

  it.effect("is found for an order of any shop", () =>
    Effect.gen(function* () {
      const { send } = yield* Reads
      const { id } = yield* order({ shopId: OTHER_SHOP_ID })
      const { status, body } = yield* send({ path: statusPath(trackingOf(id)) })
      assert.deepStrictEqual([status, body.order_number], [200, `#${id}`])
    }),
  )

  it.effect("is not found under any text that is no tracking id of ours", () =>
    Effect.gen(function* () {
      const { send } = yield* Reads
      const { id } = yield* order()
      const trackingId = trackingOf(id)
      for (const text of [
        "999999999",
        trackingId.slice(1),
        `${trackingId}0`,
        `%20${trackingId}`,
        `${trackingId}%00`,
        `${trackingId}%0A`,
        "%00",
        "%25",
        "%ED%A0%80",
        "%F0%9F%8C%B7",
        "1'%20OR%20'1'='1",
        "١٢٣٤٥٦٧٨٩".split("").map(encodeURIComponent).join(""),
        String(id),
      ]) {
        const { status, body } = yield* send({ path: statusPath(text) })
        assert.strictEqual(status, 404, text)
        assert.include([NOT_FOUND.detail, "Not Found"], body.detail)
      }
    }),
  )

  it.effect("tells nothing of the shop, the staff, the notes or the ids inside", () =>
    Effect.gen(function* () {
      const { send } = yield* Reads
      const id = nextId()
      yield* insertWholeOrder(id)
      const { body, text } = yield* send({ path: statusPath(trackingOf(id)) })
      for (const field of [
        "id",
        "shop_id",
        "notes",
        "bitrix_order_id",
        "telegram_user_id",
        "customer_email",
      ]) {
        assert.notProperty(body, field)
      }
      for (const secret of ["заметка", "100200300", "a@example.com", String(SHOP_ID)]) {
        assert.notInclude(text, secret)
      }
    }),
  )
})
