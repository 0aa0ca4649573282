import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { DEFAULT_NAME } from "../../src/shops/Shop.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { call, insertShop } from "../support/TestPeople.ts"
import { TestService } from "../support/TestService.ts"

const world = Effect.gen(function* () {
  const { url } = yield* TestService
  const { witness } = yield* TestDatabase
  const director = yield* insertShop(witness)
  const { shopId } = director
  yield* Effect.promise(() => witness`UPDATE shop SET name = ${DEFAULT_NAME} WHERE id = ${shopId}`)
  const change = (body: unknown) => call(url, "PUT", "/shop/settings", { token: director.token, body })
  const facts = Effect.promise(
    () => witness`SELECT aggregate_type, payload FROM outbox WHERE shop_id = ${shopId} ORDER BY id`,
  )
  const steps = Effect.promise(async () => {
    const [row] = await witness`SELECT * FROM shop_milestone WHERE shop_id = ${shopId}`
    return row ?? {}
  })
  /** As if the steps that other domains note had been noted. */
  const note = (step: "first_product_added_at" | "shop_opened_at") =>
    Effect.promise(
      () => witness`
        INSERT INTO shop_milestone ${witness({ shop_id: shopId, [step]: new Date() })}
        ON CONFLICT (shop_id) DO UPDATE SET ${witness({ [step]: new Date() })}`,
    )
  const deliver = Effect.promise(
    () => witness`
      UPDATE outbox SET state = 'delivered', settled_at = now()
      WHERE shop_id = ${shopId} AND state = 'pending'`,
  )
  return { witness, director, shopId, change, facts, steps, note, deliver }
})

const eventsOf = (facts: ReadonlyArray<{ readonly [column: string]: any }>): ReadonlyArray<string> =>
  facts.map(({ payload }) => payload.event)

layer(TestService.layerWith({ FRONTEND_ADMIN_URL: "https://admin.example/" }), { excludeTestServices: true })(
  "the steps of opening a shop",
  (it) => {
    it.effect("are noted when the settings reach them, and stay as they were first reached", () =>
      Effect.gen(function* () {
        const { change, steps } = yield* world
        yield* change({ address: "ул. Примерная, 1" })
        const first = yield* steps
        assert.isNotNull(first["address_added_at"])
        assert.isNull(first["name_customized_at"])
        assert.isNull(first["city_added_at"])
        yield* change({ city: "Almaty", address: null })
        const second = yield* steps
        assert.isNotNull(second["city_added_at"])
        assert.deepStrictEqual(second["address_added_at"], first["address_added_at"])
        yield* change({ city: null })
        assert.deepStrictEqual((yield* steps)["city_added_at"], second["city_added_at"])
      }),
    )

    it.effect("tell the operators of a name, escaped, with the former one and a link", () =>
      Effect.gen(function* () {
        const { change, facts, shopId } = yield* world
        yield* change({ name: `<b>&Розы` })
        const [fact, ...others] = yield* facts
        assert.deepStrictEqual(others, [])
        assert.deepInclude(fact?.["payload"], {
          event: "shop_named",
          parse_mode: "HTML",
          disable_web_page_preview: true,
        })
        const text: string = fact?.["payload"].text ?? ""
        assert.include(text, "&lt;b&gt;&amp;Розы")
        assert.notInclude(text, "<b>&")
        assert.include(text, DEFAULT_NAME)
        assert.include(text, `"https://admin.example/shop/${shopId}"`)
      }),
    )

    it.effect("tell of a name once, also when it is given twice at once or changed again", () =>
      Effect.gen(function* () {
        const { change, facts, deliver } = yield* world
        yield* Effect.all(
          Array.from({ length: 4 }, (_, index) => change({ name: `Розы ${index}` })),
          { concurrency: "unbounded" },
        )
        assert.deepStrictEqual(eventsOf(yield* facts), ["shop_named"])
        yield* deliver
        yield* change({ name: DEFAULT_NAME })
        yield* change({ name: "Тюльпаны" })
        assert.deepStrictEqual(eventsOf(yield* facts), ["shop_named"])
      }),
    )

    it.effect("are complete with a name, a city, a product and the opening, which is told once", () =>
      Effect.gen(function* () {
        const { change, facts, steps, note, deliver } = yield* world
        yield* note("first_product_added_at")
        yield* note("shop_opened_at")
        yield* change({ name: "Розы" })
        assert.isNull((yield* steps)["onboarding_completed_at"])
        yield* deliver
        yield* Effect.all([change({ city: "Astana" }), change({ city: "Almaty" })], { concurrency: 2 })
        assert.isNotNull((yield* steps)["onboarding_completed_at"])
        assert.deepStrictEqual(eventsOf(yield* facts), ["shop_named", "onboarding_completed"])
        yield* deliver
        yield* change({ city: null })
        yield* change({ city: "Astana" })
        assert.deepStrictEqual(eventsOf(yield* facts), ["shop_named", "onboarding_completed"])
        const text = (yield* facts)[1]?.["payload"].text
        assert.match(text, /\d+ ч \d+ мин/)
      }),
    )

    it.effect("are not noted for a change that was refused", () =>
      Effect.gen(function* () {
        const { change, facts, steps } = yield* world
        const refused = yield* change({ name: "Розы", pickup_available: false, delivery_available: false })
        assert.strictEqual(refused.status, 400)
        assert.deepStrictEqual(yield* facts, [] as never)
        assert.isNull((yield* steps)["name_customized_at"] ?? null)
      }),
    )
  },
)
