import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { bareMarkup, ShopWorld } from "./ShopWorld.ts"

const PASSWORD = "correct horse"
let last = 0
const nextPhone = () => {
  last += 1
  return `+7700002${String(last).padStart(4, "0")}`
}

/** Every test starts with a clean record of its address. */
const forgetAttempts = Effect.flatMap(ShopWorld, ({ witness }) =>
  Effect.promise(() => witness`DELETE FROM failed_attempt`),
)

const register = (body: unknown) =>
  Effect.flatMap(ShopWorld, ({ call }) => call("POST", "/api/v1/auth/register", { body }))

const findShop = (phone: string) =>
  Effect.flatMap(ShopWorld, ({ witness }) =>
    Effect.promise(
      () => witness`
        SELECT s.id, s.name, s.owner_id, s.phone, s.city, s.is_active, u.id AS user_id, u.role, u.shop_id,
               u.is_superadmin, u.invited_by, m.shop_id AS milestones_of
        FROM "user" u
        JOIN shop s ON s.id = u.shop_id
        LEFT JOIN shop_milestone m ON m.shop_id = s.id
        WHERE u.phone = ${phone}`,
    ),
  )

const countShops = Effect.flatMap(ShopWorld, ({ witness }) =>
  Effect.promise(async () => {
    const [row] = await witness`
      SELECT (SELECT count(*) FROM shop)::integer AS shops, (SELECT count(*) FROM "user")::integer AS users,
             (SELECT count(*) FROM outbox)::integer AS facts`
    return { ...row }
  }),
)

layer(ShopWorld.layer, { excludeTestServices: true })("a registration", (it) => {
  it.effect("makes a director with a shop of their own, who can log in", () =>
    Effect.gen(function* () {
      yield* forgetAttempts
      const { call } = yield* ShopWorld
      const phone = nextPhone()
      const { status, body } = yield* register({
        name: "  Айгерим  ",
        phone: `8 (${phone.slice(2, 5)}) ${phone.slice(5)}`,
        password: PASSWORD,
        role: "SUPERADMIN",
        is_superadmin: true,
        invited_by: 1,
        shop_id: 17_008,
        city: "Almaty",
      })
      assert.strictEqual(status, 200)
      const { id, created_at, updated_at, ...rest } = body
      assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$/)
      assert.strictEqual(updated_at, created_at)
      assert.deepStrictEqual(rest, {
        name: "Айгерим",
        phone,
        role: "DIRECTOR",
        is_active: true,
        is_superadmin: false,
        invited_by: null,
      })

      const [shop] = yield* findShop(phone)
      assert.isAtLeast(shop?.["id"], 20_000)
      assert.deepStrictEqual(
        { ...shop },
        {
          id: shop?.["id"],
          name: "Мой магазин",
          owner_id: id,
          phone,
          city: null,
          is_active: true,
          user_id: id,
          role: "DIRECTOR",
          shop_id: shop?.["id"],
          is_superadmin: false,
          invited_by: null,
          milestones_of: shop?.["id"],
        },
      )

      const login = yield* call("POST", "/api/v1/auth/login", { body: { phone, password: PASSWORD } })
      assert.strictEqual(login.status, 200)
      const settings = yield* call("GET", "/api/v1/shop/settings", { token: login.body.access_token })
      assert.strictEqual(settings.body.id, shop?.["id"])
    }),
  )

  it.effect("is told to the operators, with what people wrote escaped", () =>
    Effect.gen(function* () {
      yield* forgetAttempts
      const { noticesOf } = yield* ShopWorld
      const phone = nextPhone()
      yield* register({ name: '<b>Айгерим & "Ко"</i>', phone, password: PASSWORD })
      const [shop] = yield* findShop(phone)
      const notices = yield* noticesOf(shop?.["id"])
      assert.deepStrictEqual(
        notices.map(({ event, target }) => [event, target]),
        [["shop_registered", "telegram"]],
      )
      const { text = "", payload = {} } = notices[0] ?? {}
      assert.include(text, "Владелец: &lt;b&gt;Айгерим &amp; &quot;Ко&quot;&lt;/i&gt;")
      assert.include(text, `Телефон: ${phone} · <a href="https://wa.me/${phone.slice(1)}?text=`)
      assert.include(text, `<a href="https://admin.example/shop/${shop?.["id"]}">`)
      assert.notMatch(text, bareMarkup)
      assert.deepStrictEqual([payload["parse_mode"], payload["disable_web_page_preview"]], ["HTML", true])
    }),
  )

  it.effect("is audited with the address that it came from", () =>
    Effect.gen(function* () {
      yield* forgetAttempts
      const { witness } = yield* ShopWorld
      const phone = nextPhone()
      yield* register({ name: "Айгерим", phone, password: PASSWORD })
      const [shop] = yield* findShop(phone)
      const entries = yield* Effect.promise(
        () => witness`
          SELECT DISTINCT actor_kind, action, address IS NOT NULL AS has_address, operation, record_type,
                 after ->> 'password_hash' AS hash
          FROM audit
          WHERE shop_id = ${shop?.["id"]}
          ORDER BY record_type`,
      )
      const common = {
        actor_kind: "anonymous",
        action: "registration.register",
        has_address: true,
        operation: "insert",
      }
      assert.deepStrictEqual(
        [...entries],
        [
          { ...common, record_type: "shop", hash: null },
          { ...common, record_type: "user", hash: "***" },
        ],
      )
    }),
  )

  it.effect(
    "is refused for a phone that has an account, in whatever spelling and shop, and leaves nothing",
    () =>
      Effect.gen(function* () {
        yield* forgetAttempts
        const { makeShop } = yield* ShopWorld
        const { phone } = yield* makeShop()
        const before = yield* countShops
        for (const spelling of [phone, phone.slice(1), `8${phone.slice(2)}`]) {
          const { status, body } = yield* register({ name: "Другая", phone: spelling, password: PASSWORD })
          assert.deepStrictEqual([status, body], [400, { detail: "Phone number already registered" }])
        }
        assert.deepStrictEqual(yield* countShops, before)
      }),
  )

  it.effect("of one phone at the same moment succeeds once", () =>
    Effect.gen(function* () {
      yield* forgetAttempts
      const phone = nextPhone()
      const before = yield* countShops
      const answers = yield* Effect.forEach(
        Array.from({ length: 6 }),
        () => register({ name: "Айгерим", phone, password: PASSWORD }),
        { concurrency: "unbounded" },
      )
      assert.deepStrictEqual(answers.map(({ status }) => status).toSorted(), [200, 400, 400, 400, 400, 400])
      assert.deepStrictEqual(yield* countShops, {
        shops: before["shops"] + 1,
        users: before["users"] + 1,
        facts: before["facts"] + 1,
      })
    }),
  )

  it.effect("with a bad phone, name or password is a 422 in list form", () =>
    Effect.gen(function* () {
      yield* forgetAttempts
      const good = { name: "Айгерим", phone: nextPhone(), password: PASSWORD }
      for (const [field, value] of [
        ["phone", "123"],
        ["phone", "+1 202 555 0100"],
        ["phone", null],
        ["name", ""],
        ["name", "я".repeat(101)],
        ["name", null],
        ["password", "12345"],
        ["password", undefined],
      ] as const) {
        const { status, body } = yield* register({ ...good, [field]: value })
        assert.strictEqual(status, 422, `${field} ${value}`)
        assert.deepStrictEqual(body.detail[0].loc, ["body", field])
      }
      assert.lengthOf(yield* findShop(good.phone), 0)
    }),
  )

  it.effect("is one of ten in a quarter of an hour from one address, refused ones included", () =>
    Effect.gen(function* () {
      yield* forgetAttempts
      const taken = nextPhone()
      yield* register({ name: "Айгерим", phone: taken, password: PASSWORD })
      yield* Effect.repeat(register({ name: "Айгерим", phone: taken, password: PASSWORD }), { times: 8 })
      const phone = nextPhone()
      const { status, body } = yield* register({ name: "Айгерим", phone, password: PASSWORD })
      assert.deepStrictEqual([status, body], [429, { detail: "Too many attempts, try again later" }])
      assert.lengthOf(yield* findShop(phone), 0)
    }),
  )
})
