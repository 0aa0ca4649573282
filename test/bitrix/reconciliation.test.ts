/** What no webhook told is found by the walk through Bitrix's list, and repaired. */
import { assert, layer } from "@effect/vitest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type postgres from "postgres"
import type { BitrixSimulator } from "../simulators/bitrix/BitrixSimulator.ts"
import { makeSimulator, makeWorld, nextProductId, settingsFor } from "../support/BitrixWorld.ts"
import { eventually } from "../support/eventually.ts"
import * as Prometheus from "../support/Prometheus.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { startNode } from "../support/TestNode.ts"
import { insertShop } from "../support/TestPeople.ts"

/** Walks again as soon as it may. */
const QUICK = { BITRIX_RECONCILE_PAUSE_SECONDS: "1" }
/** Walks once. */
const ONCE = { BITRIX_RECONCILE_PAUSE_SECONDS: "3600" }
const WITHIN = "30 seconds"
/** As long as it takes to be sure that a page cannot be read. */
const LONG = "60 seconds"
const TIMEOUT_MS = 180_000
const LIST = /^\/products\/\?limit/

const passOf = (witness: postgres.Sql, shopId: number) =>
  Effect.promise(async () => {
    const [row] = await witness`SELECT * FROM bitrix_pass WHERE shop_id = ${shopId}`
    return row
  })

const untilFinished = (witness: postgres.Sql, shopId: number, within: Duration.Input = WITHIN) =>
  eventually(
    Effect.map(passOf(witness, shopId), (pass) => (pass?.["last_finished_at"] ?? null) !== null),
    within,
  )

/** A whole pass, from its begin to its end. */
const anotherPass = ({ witness, shopId }: { readonly witness: postgres.Sql; readonly shopId: number }) =>
  Effect.gen(function* () {
    const now = Effect.promise(async () => (await witness`SELECT clock_timestamp() AS at`)[0]?.["at"])
    const since: Date = yield* now
    const number = (yield* passOf(witness, shopId))?.["number"] ?? 1
    yield* eventually(
      Effect.map(passOf(witness, shopId), (pass) => {
        if (pass === undefined) return false
        const isOver = pass["started_at"] > since && pass["last_finished_at"] >= pass["started_at"]
        return isOver || pass["number"] >= number + 2
      }),
      WITHIN,
    )
  })

const inboxOf = (witness: postgres.Sql, productId: number) =>
  Effect.promise(
    () => witness`
      SELECT state, reason, event_id, payload FROM inbox
      WHERE source = 'bitrix.product' AND subject = ${String(productId)} ORDER BY received_at, id`,
  )

const isEnabled =
  (world: { readonly findProduct: (id: number) => Effect.Effect<postgres.Row | undefined> }) =>
  (id: number) =>
    Effect.map(world.findProduct(id), (product) => product?.["enabled"] === true)

const listRequests = ({ requests }: BitrixSimulator) =>
  requests.filter(({ method, rawPath }) => method === "GET" && rawPath.includes("/products/?limit"))

/** A shop whose Bitrix has so many products, and nobody who walks yet. */
const untouched = (count: number, pageMax: number) =>
  Effect.gen(function* () {
    const { witness } = yield* TestDatabase
    const { shopId } = yield* insertShop(witness)
    const simulator = yield* makeSimulator({ pageMax })
    const ids = Array.from({ length: count }, nextProductId)
    simulator.seed(ids.map((id) => ({ id })))
    const known = Effect.promise(async () => {
      const rows = await witness`SELECT id FROM product WHERE shop_id = ${shopId} ORDER BY id`
      return rows.map(({ id }) => id)
    })
    return { witness, shopId, simulator, ids, known }
  })

layer(TestDatabase.layer, { excludeTestServices: true, concurrent: true })(
  "the walk through Bitrix's list",
  (it) => {
    it.effect("repairs what lost webhooks would have told", () =>
      Effect.gen(function* () {
        const world = yield* makeWorld({ settings: QUICK, simulator: { pageMax: 5 } })
        const ids = yield* Effect.forEach(Array.from({ length: 12 }), () => world.insertProduct())
        world.simulator.webhooks.mode = "lose"
        for (const id of ids) world.simulator.edit(id, { title: `Другое имя ${id}`, price: "7 500 ₸" })
        const made = nextProductId()
        world.simulator.seed([{ id: made, title: "Другое имя, новое", price: "7 500 ₸" }])
        yield* eventually(
          Effect.promise(async () => {
            const rows = await world.witness`
            SELECT FROM product WHERE shop_id = ${world.shopId} AND name LIKE 'Другое имя%' AND price = 750000`
            return rows.length === ids.length + 1
          }),
          WITHIN,
        )
        world.simulator.remove(ids[0] ?? 0)
        yield* eventually(
          Effect.map(isEnabled(world)(ids[0] ?? 0), (isOn) => !isOn),
          WITHIN,
        )
        assert.deepStrictEqual(world.simulator.writes, [])
      }),
    )

    it.effect(
      "applies nothing twice: a pass that finds everything the same leaves no trace in the inbox",
      () =>
        Effect.gen(function* () {
          const world = yield* makeWorld({ settings: QUICK })
          const ids = yield* Effect.forEach(Array.from({ length: 5 }), () => world.insertProduct())
          yield* anotherPass(world)
          const before = yield* Effect.forEach(ids, (id) => inboxOf(world.witness, id))
          yield* anotherPass(world)
          assert.deepStrictEqual(yield* Effect.forEach(ids, (id) => inboxOf(world.witness, id)), before)
          const pass = yield* passOf(world.witness, world.shopId)
          assert.deepInclude(pass, { last_seen: 5, last_differences: 0, last_unrepaired: 0 })
        }),
    )

    it.effect("does not take an old page for new when a webhook overtook it", () =>
      Effect.gen(function* () {
        const world = yield* makeWorld({ settings: QUICK })
        const id = yield* world.insertProduct({ title: "Старое" })
        yield* anotherPass(world)
        world.simulator.webhooks.mode = "lose"
        world.simulator.fail({ path: LIST, mode: { kind: "slow_headers", ms: 1_500 }, times: 1 })
        world.simulator.edit(id, { title: "Потерянное" })
        const asked = listRequests(world.simulator).length
        yield* eventually(
          Effect.sync(() => listRequests(world.simulator).length > asked),
          WITHIN,
        )
        world.simulator.webhooks.mode = "on"
        world.simulator.edit(id, { title: "Новое" })
        yield* Effect.promise(() => world.simulator.webhooks.idle())
        yield* anotherPass(world)
        assert.strictEqual((yield* world.findProduct(id))?.["name"], "Новое")
        const taken = (yield* inboxOf(world.witness, id)).map(({ payload }) => payload.product_data.title)
        assert.deepStrictEqual(taken, ["Старое", "Новое"])
      }),
    )

    it.effect("goes on from where it was when its node is stopped in the middle of a pass", () =>
      Effect.gen(function* () {
        const { witness, shopId, simulator, ids, known } = yield* untouched(20, 2)
        const settings = { ...settingsFor(simulator, shopId), ...ONCE }
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* startNode({ settings })
            yield* eventually(
              Effect.map(passOf(witness, shopId), (pass) => pass?.["next_offset"] >= 6),
              WITHIN,
            )
          }),
        )
        const stopped = yield* passOf(witness, shopId)
        assert.strictEqual(stopped?.["lease"], null)
        const before = listRequests(simulator).length
        yield* startNode({ settings })
        yield* untilFinished(witness, shopId)
        const offsets = listRequests(simulator)
          .slice(before)
          .map(({ rawPath }) => Number(/offset=(\d+)/.exec(rawPath)?.[1]))
        assert.strictEqual(offsets[0], stopped?.["next_offset"])
        assert.deepStrictEqual(yield* known, ids)
        assert.deepInclude(yield* passOf(witness, shopId), { last_seen: 20, number: 2 })
      }),
    )

    it.effect("asks Bitrix no more than twice a second", () =>
      Effect.gen(function* () {
        const { witness, shopId, simulator } = yield* untouched(12, 1)
        yield* startNode({ settings: { ...settingsFor(simulator, shopId), ...ONCE } })
        yield* untilFinished(witness, shopId)
        const times = simulator.requests.filter(({ method }) => method === "GET").map(({ atMs }) => atMs)
        assert.strictEqual(times.length, 12)
        times.forEach((from, index) => {
          times.slice(index).forEach((to, after) => {
            // One in advance, and one that was late on a busy machine.
            assert.isAtMost(after + 1, 2 + (2 * (to - from)) / 1_000, times.map((at) => at - from).join(" "))
          })
        })
      }),
    )

    it.effect("is made by one of two nodes", () =>
      Effect.gen(function* () {
        const { witness, shopId, simulator, ids, known } = yield* untouched(12, 2)
        const settings = { ...settingsFor(simulator, shopId), ...ONCE }
        yield* Effect.all([startNode({ settings }), startNode({ settings })], { concurrency: "unbounded" })
        yield* untilFinished(witness, shopId)
        assert.deepStrictEqual(yield* known, ids)
        const offsets = listRequests(simulator).map(({ rawPath }) => /offset=(\d+)/.exec(rawPath)?.[1])
        assert.deepStrictEqual(offsets, ["0", "2", "4", "6", "8", "10"])
      }),
    )

    it.effect("waits while Bitrix fails, and goes on from where it was", () =>
      Effect.gen(function* () {
        const { witness, shopId, simulator, ids, known } = yield* untouched(10, 2)
        simulator.fail({ path: /offset=4$/, mode: { kind: "html", status: 502 }, times: 4 })
        yield* startNode({ settings: { ...settingsFor(simulator, shopId), ...ONCE } })
        yield* untilFinished(witness, shopId)
        assert.deepStrictEqual(yield* known, ids)
        const offsets = listRequests(simulator).map(({ rawPath }) =>
          Number(/offset=(\d+)/.exec(rawPath)?.[1]),
        )
        assert.deepStrictEqual(offsets, [0, 2, 4, 4, 4, 4, 4, 6, 8])
      }),
    )
  },
)

layer(TestDatabase.layer, { excludeTestServices: true, concurrent: true })(
  "a product that Bitrix lists no more",
  (it) => {
    it.effect("is taken off sale, unless it can be found by its id", () =>
      Effect.gen(function* () {
        const world = yield* makeWorld({ settings: QUICK })
        const [gone = 0, hidden = 0, ...others] = yield* Effect.forEach(Array.from({ length: 5 }), () =>
          world.insertProduct(),
        )
        yield* anotherPass(world)
        world.simulator.products.delete(gone)
        const shown = [...world.simulator.products.values()].filter(({ id }) => id !== hidden)
        world.simulator.fail({ path: LIST, mode: listOf(shown) })
        yield* eventually(
          Effect.map(isEnabled(world)(gone), (isOn) => !isOn),
          WITHIN,
        )
        yield* anotherPass(world)
        for (const id of [hidden, ...others]) assert.isTrue(yield* isEnabled(world)(id))
        const events = yield* inboxOf(world.witness, gone)
        assert.deepInclude(events.at(-1), { state: "applied" })
        assert.strictEqual(events.at(-1)?.["payload"].event_type, "product.deleted")
        yield* world.calm
        assert.deepStrictEqual(world.simulator.writes, [])
      }),
    )

    it.effect("stays on sale while Bitrix cannot say anything of it, and keeps no pass from its end", () =>
      Effect.gen(function* () {
        const world = yield* makeWorld({ settings: QUICK })
        const ids = yield* Effect.forEach(Array.from({ length: 4 }), () => world.insertProduct())
        const [poisoned = 0, gone = 0] = ids
        yield* anotherPass(world)
        for (const id of [poisoned, gone]) world.simulator.products.delete(id)
        world.simulator.fail({ path: new RegExp(`id=${poisoned}&`), mode: { kind: "status", status: 500 } })
        yield* eventually(
          Effect.map(isEnabled(world)(gone), (isOn) => !isOn),
          WITHIN,
        )
        yield* eventually(
          Effect.map(passOf(world.witness, world.shopId), (pass) => pass?.["last_unrepaired"] === 1),
          WITHIN,
        )
        assert.isTrue(yield* isEnabled(world)(poisoned))
      }),
    )

    it.effect("stays on sale while the list is empty or much shorter than before, and is counted", () =>
      Effect.gen(function* () {
        const world = yield* makeWorld({ settings: QUICK })
        const ids = yield* Effect.forEach(Array.from({ length: 5 }), () => world.insertProduct())
        yield* anotherPass(world)
        const everything = new Map(world.simulator.products)
        for (const left of [0, 2]) {
          for (const id of ids.slice(left)) world.simulator.products.delete(id)
          yield* anotherPass(world)
          yield* anotherPass(world)
          assert.deepStrictEqual(
            yield* Effect.forEach(ids, isEnabled(world)),
            ids.map(() => true),
          )
          assert.deepInclude(yield* passOf(world.witness, world.shopId), {
            last_unrepaired: 5 - left,
            last_seen: 5,
          })
          for (const [id, product] of everything) world.simulator.products.set(id, product)
        }
        assert.isTrue(world.node.log.some(({ text }) => text.includes("too few products to be believed")))
        yield* anotherPass(world)
        const pass = yield* passOf(world.witness, world.shopId)
        assert.deepInclude(pass, { last_unrepaired: 0, oldest_difference_at: null })
      }),
    )
  },
)

layer(TestDatabase.layer, { excludeTestServices: true, concurrent: true })(
  "what the walk cannot repair",
  (it) => {
    it.effect("is kept for people once, however many passes meet it, and shows in the gauges", () =>
      Effect.gen(function* () {
        const world = yield* makeWorld({ settings: QUICK })
        const [zero, foreign, half] = yield* Effect.all([
          world.insertProduct(),
          world.insertProduct(),
          world.insertProduct(),
        ])
        const unknown = nextProductId()
        yield* anotherPass(world)
        world.simulator.webhooks.mode = "lose"
        world.simulator.edit(zero, { price: "0 ₸" })
        world.simulator.edit(foreign, { price: "65 USD" })
        world.simulator.edit(half, { title: "Только имя", price: "" })
        world.simulator.seed([{ id: unknown, price: "дорого" }])
        yield* anotherPass(world)
        yield* anotherPass(world)
        const ids = [zero, foreign, half, unknown]
        const before = yield* Effect.forEach(ids, (id) => inboxOf(world.witness, id))
        yield* anotherPass(world)
        yield* anotherPass(world)
        assert.deepStrictEqual(yield* Effect.forEach(ids, (id) => inboxOf(world.witness, id)), before)
        assert.deepStrictEqual(
          before.map((events) => events.filter(({ state }) => state === "parked").length),
          [1, 1, 2, 1],
        )
        assert.strictEqual((yield* world.findProduct(zero))?.["price"], "500000")
        assert.deepInclude(yield* world.findProduct(half), { name: "Только имя", price: "500000" })
        assert.strictEqual(yield* world.findProduct(unknown), undefined)
        yield* eventually(
          Effect.map(gaugesOf(world), ({ drift, oldest }) => drift === 4 && oldest > 0),
          WITHIN,
        )
        for (const id of ids) world.simulator.edit(id, { price: "6 000 ₸" })
        yield* eventually(
          Effect.map(gaugesOf(world), ({ drift, oldest }) => drift === 0 && oldest === 0),
          WITHIN,
        )
        const rows = yield* Effect.promise(
          () => world.witness`SELECT price FROM product WHERE shop_id = ${world.shopId}`,
        )
        assert.deepStrictEqual(
          rows.map(({ price }) => price),
          ["600000", "600000", "600000", "600000"],
        )
      }),
    )

    it.effect("holds up nothing that is listed after it", () =>
      Effect.gen(function* () {
        const { witness, shopId, simulator, ids, known } = yield* untouched(3, 100)
        const other = yield* insertShop(witness)
        const [foreign = 0, ...own] = ids
        yield* Effect.promise(
          () =>
            witness`INSERT INTO product (id, shop_id, name, price) VALUES (${foreign}, ${other.shopId}, 'Чужой', 1)`,
        )
        simulator.fail({
          path: LIST,
          mode: listOf([{ title: "без номера" }, { id: { ID: "x" } }, ...simulator.products.values()]),
        })
        yield* startNode({ settings: { ...settingsFor(simulator, shopId), ...QUICK } })
        yield* anotherPass({ witness, shopId })
        assert.deepStrictEqual(yield* known, own)
        assert.deepInclude(yield* passOf(witness, shopId), { last_seen: 5, last_unrepaired: 3 })
        assert.strictEqual((yield* inboxOf(witness, foreign)).length, 1)
      }),
    )
  },
)

layer(TestDatabase.layer, { excludeTestServices: true, concurrent: true })(
  "a page that Bitrix can never list",
  (it) => {
    it.effect(
      "hides what stands on it alone, and nothing is taken off sale meanwhile",
      () =>
        Effect.gen(function* () {
          const { witness, shopId, simulator, ids } = yield* untouched(130, 100)
          const onSale = 97
          for (const id of ids.slice(0, onSale)) simulator.seed([{ id, isAvailable: false }])
          const node = yield* startNode({ settings: { ...settingsFor(simulator, shopId), ...QUICK } })
          yield* anotherPass({ witness, shopId })
          const [hidden = 0, behind = 0, gone = 0] = [ids[98], ids[110], ids[120]]
          simulator.fail({ path: /limit=100&offset=0$/, mode: { kind: "status", status: 500 } })
          for (const id of [hidden, behind]) simulator.edit(id, { title: "Другое имя" })
          simulator.products.delete(gone)
          yield* eventually(
            Effect.map(passOf(witness, shopId), (pass) => pass?.["last_unrepaired"] === 2),
            LONG,
          )
          const rows = yield* Effect.promise(
            () =>
              witness`SELECT name, enabled FROM product WHERE id IN (${hidden}, ${behind}, ${gone}) ORDER BY id`,
          )
          // What is hidden can be found by its id.
          assert.deepStrictEqual(
            rows.map(({ name, enabled }) => [name === "Другое имя", enabled]),
            [
              [true, true],
              [true, true],
              [false, true],
            ],
          )
          const pass = yield* passOf(witness, shopId)
          assert.strictEqual(pass?.["last_seen"], 130)
          yield* eventually(
            Effect.map(gaugesOf({ node, shopId }), ({ drift }) => drift === 2),
            WITHIN,
          )
          assert.isTrue(node.log.some(({ text }) => text.includes("is passed over")))

          simulator.heal()
          yield* eventually(
            Effect.promise(async () => {
              const [row] = await witness`SELECT enabled FROM product WHERE id = ${gone}`
              return row?.["enabled"] === false
            }),
            LONG,
          )
          yield* eventually(
            Effect.map(passOf(witness, shopId), (pass) => pass?.["last_unrepaired"] === 0),
            WITHIN,
          )
        }),
      TIMEOUT_MS,
    )

    it.effect(
      "may be the last one",
      () =>
        Effect.gen(function* () {
          const { witness, shopId, simulator, ids, known } = yield* untouched(110, 100)
          simulator.fail({ path: /offset=100$/, mode: { kind: "html", status: 500 } })
          yield* startNode({ settings: { ...settingsFor(simulator, shopId), ...ONCE } })
          yield* untilFinished(witness, shopId, LONG)
          assert.deepStrictEqual(yield* known, ids.slice(0, 100))
          assert.deepInclude(yield* passOf(witness, shopId), { last_unrepaired: 1, last_seen: null })
        }),
      TIMEOUT_MS,
    )

    it.effect(
      "is not the one at which Bitrix went down",
      () =>
        Effect.gen(function* () {
          const { witness, shopId, simulator, ids, known } = yield* untouched(230, 100)
          simulator.fail({
            path: /offset=[12]00$|offset=[345]00$/,
            mode: { kind: "html", status: 502 },
            times: 14,
          })
          yield* startNode({ settings: { ...settingsFor(simulator, shopId), ...ONCE } })
          yield* untilFinished(witness, shopId, LONG)
          assert.deepStrictEqual(yield* known, ids)
          assert.deepInclude(yield* passOf(witness, shopId), { last_unrepaired: 0, last_seen: 230 })
        }),
      TIMEOUT_MS,
    )

    it.effect(
      "is the last when the list does not end",
      () =>
        Effect.gen(function* () {
          const { witness, shopId, simulator, known } = yield* untouched(1, 100)
          yield* Effect.promise(
            () =>
              witness`INSERT INTO bitrix_pass (shop_id, next_offset, seen) VALUES (${shopId}, 1000001, 1000001)`,
          )
          yield* startNode({ settings: { ...settingsFor(simulator, shopId), ...ONCE } })
          yield* untilFinished(witness, shopId)
          assert.deepInclude(yield* passOf(witness, shopId), {
            last_unrepaired: 1,
            last_seen: null,
            next_offset: 0,
          })
          assert.deepStrictEqual(yield* known, [])
        }),
      TIMEOUT_MS,
    )
  },
)

layer(TestDatabase.layer, { excludeTestServices: true, concurrent: true })("a change here", (it) => {
  it.effect("that lost its fact is told again", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld({ settings: QUICK })
      const id = yield* world.insertProduct()
      yield* anotherPass(world)
      yield* Effect.promise(
        () => world.witness`UPDATE product SET name = 'Изменено в базе', price = 990000 WHERE id = ${id}`,
      )
      yield* eventually(
        Effect.sync(() => world.simulator.products.get(id)?.title === "Изменено в базе"),
        WITHIN,
      )
      yield* world.calm
      assert.strictEqual(world.simulator.products.get(id)?.price, "9 900 ₸")
      yield* anotherPass(world)
      assert.strictEqual(world.simulator.writes.length, 1)
    }),
  )

  it.effect("that is on its way keeps the walk from its product", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld({ settings: QUICK })
      const id = yield* world.insertProduct({ title: "До" })
      yield* anotherPass(world)
      world.simulator.fail({ method: "PUT", mode: { kind: "hang" } })
      yield* world.put(id, { name: "После" })
      yield* eventually(
        Effect.sync(() => world.simulator.hungRequests === 1),
        WITHIN,
      )
      world.simulator.webhooks.mode = "lose"
      world.simulator.edit(id, { catalogHeight: "70 см" })
      yield* anotherPass(world)
      assert.deepInclude(yield* world.findProduct(id), { name: "После", height: null })
      world.simulator.heal()
      yield* eventually(
        Effect.map(world.findProduct(id), (product) => product?.["height"] === 70),
        WITHIN,
      )
      yield* world.calm
      assert.strictEqual(world.simulator.products.get(id)?.title, "После")
      assert.strictEqual((yield* world.findProduct(id))?.["name"], "После")
    }),
  )

  it.effect("that deleted a product is not undone", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld({ settings: QUICK })
      const id = yield* world.insertProduct()
      yield* anotherPass(world)
      yield* Effect.promise(
        () => world.witness`UPDATE product SET deleted_at = now(), enabled = false WHERE id = ${id}`,
      )
      world.simulator.webhooks.mode = "lose"
      world.simulator.edit(id, { title: "Живой" })
      yield* anotherPass(world)
      assert.notStrictEqual((yield* world.findProduct(id))?.["name"], "Живой")
      assert.deepInclude(yield* passOf(world.witness, world.shopId), { last_unrepaired: 0 })
    }),
  )
})

const listOf = (items: ReadonlyArray<object>) =>
  ({
    kind: "status",
    status: 200,
    body: { success: true, data: items, pagination: { total: items.length, hasMore: false } },
  }) as const

const gaugesOf = ({ node, shopId }: { readonly node: { readonly url: string }; readonly shopId: number }) =>
  Effect.promise(async () => {
    const families = Prometheus.parse(await (await fetch(`${node.url}/metrics`)).text())
    const valueOf = (name: string) =>
      families.get(name)?.samples.find(({ labels }) => labels["shop"] === String(shopId))?.value ?? Number.NaN
    return { drift: valueOf("bitrix_drift"), oldest: valueOf("bitrix_oldest_difference_seconds") }
  })
