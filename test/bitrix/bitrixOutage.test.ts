/** What people and their edits feel of a Bitrix that is down, slow or refuses one product: a whole node, its clock in hand. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { scheduleMs } from "../../src/platform/OutboxOutcome.ts"
import { makeWorld } from "../support/BitrixWorld.ts"
import { eventually } from "../support/eventually.ts"
import * as JumpClock from "../support/JumpClock.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { call } from "../support/TestPeople.ts"
import * as TestToken from "../support/TestToken.ts"

const DAY_MS = 86_400_000
const HOUR_MS = DAY_MS / 24
const PER_SECOND = 20
const TIMEOUT_MS = 120_000
const WITHIN = "20 seconds"

/** A world whose people stay logged in for as long as the test lasts in its own time. */
const makeLongWorld = ({ jump, live }: JumpClock.JumpClock) =>
  Effect.gen(function* () {
    const world = yield* makeWorld({ settings: { BITRIX_REQUESTS_PER_SECOND_MAX: String(PER_SECOND) } })
    const { node, witness } = world
    const { id, phone, shopId } = world.director
    const token = yield* TestToken.sign(
      { sub: String(id), user_id: id, phone, role: "DIRECTOR", shop_id: shopId, ver: 0, jti: `long-${id}` },
      { expires: "30 days" },
    )

    /** Until the node waits for nothing but the clock. */
    const quiet = live(
      Effect.gen(function* () {
        for (let calm = 0; calm < 3; ) {
          yield* Effect.sleep(3)
          const [busy] = yield* Effect.promise(
            () => witness`
              SELECT count(*)::integer AS n FROM pg_stat_activity
              WHERE datname = current_database() AND application_name = 'cvety' AND state <> 'idle'`,
          )
          calm = busy?.["n"] === 0 ? calm + 1 : 0
        }
      }),
    )
    /** Lets the time go by in steps, and everybody finish what the step began. */
    const pass = (ms: number, stepMs: number) =>
      Effect.gen(function* () {
        yield* quiet
        for (let gone = 0; gone < ms; gone += stepMs) {
          yield* jump(Math.min(stepMs, ms - gone))
          yield* quiet
        }
      })
    const soon = (condition: Effect.Effect<boolean>) => live(eventually(condition, WITHIN))
    return {
      ...world,
      pass,
      soon,
      untilTold: soon(Effect.map(world.openFacts, (facts) => facts.length === 0)),
      untilParked: soon(
        Effect.map(world.openFacts, (facts) => facts.every(({ state }) => state === "parked")),
      ),
      put: (product: number, body: object) => call(node.url, "PUT", `/products/${product}`, { token, body }),
      status: Effect.map(call(node.url, "GET", "/sync/status", { token }), ({ body }) => body),
      syncOf: (product: number) =>
        Effect.map(call(node.url, "GET", "/products/admin?limit=100", { token }), ({ body }) => {
          const found = body.find(({ id: one }: { readonly id: number }) => one === product)
          return found?.bitrix_sync
        }),
    }
  })

/** Runs a test by a clock that it moves itself. */
const inTime = <A, E, R>(test: (clock: JumpClock.JumpClock) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(JumpClock.make, (clock) => clock.ruled(test(clock)))

layer(TestDatabase.layer, { excludeTestServices: true })("a Bitrix that is down for a day", (it) => {
  it.effect(
    "keeps nobody from editing, and is told everything once when it is back, no faster than it bears",
    () =>
      inTime(
        Effect.fnUntraced(function* (clock) {
          const world = yield* makeLongWorld(clock)
          const { simulator } = world
          simulator.webhooks.echo = false
          const ids = yield* Effect.forEach(Array.from({ length: 60 }), () => world.insertProduct())
          yield* Effect.promise(() => simulator.refuse())

          const names = new Map<number, string>()
          const took: Array<number> = []
          for (let hour = 0; hour < 24; hour += 1) {
            for (let n = 0; n < 8; n += 1) {
              const id = ids[(hour * 7 + n * 11) % ids.length] as number
              const name = `Букет ${hour}:${n}`
              const { status, body, elapsedMs } = yield* world.put(id, { name, price: 100_000 + hour * 100 })
              assert.deepStrictEqual([status, body.name, body.bitrix_sync.state], [200, name, "pending"])
              names.set(id, name)
              took.push(elapsedMs)
            }
            yield* world.pass(HOUR_MS, HOUR_MS / 4)
            const facts = yield* world.openFacts
            assert.deepStrictEqual([...new Set(facts.map(({ state }) => state))], ["pending"], `hour ${hour}`)
            assert.strictEqual(facts.length, names.size)
          }
          const { to_bitrix } = yield* world.status
          assert.include(to_bitrix, { pending: names.size, parked: 0 })
          assert.notStrictEqual(to_bitrix.breaker, "closed")
          assert.strictEqual(simulator.writes.length, 0)
          assert.isBelow(median(took), 250)

          yield* Effect.promise(() => simulator.accept())
          const arrivals: Array<{ readonly atMs: number; readonly count: number }> = []
          let told = 0
          for (let step = 0; step < 1_000 && told < names.size; step += 1) {
            // The circuit is open for a minute at most; what follows is looked at closely.
            const stepMs = told === 0 ? 1_000 : 50
            yield* world.pass(stepMs, stepMs)
            const count = simulator.writes.length - told
            told += count
            if (count > 0) arrivals.push({ atMs: clock.nowMs(), count })
          }
          yield* world.untilTold

          assert.strictEqual(simulator.writes.length, names.size)
          for (const { id, body } of simulator.writes) {
            assert.include(body, { name: names.get(id) })
            assert.strictEqual(simulator.products.get(id)?.title, names.get(id))
          }
          arrivals.forEach(({ atMs }, from) => {
            let sum = 0
            for (const { atMs: laterMs, count } of arrivals.slice(from)) {
              sum += count
              // What left in one step is seen in that step or in the next.
              assert.isAtMost(sum, PER_SECOND * ((laterMs - atMs) / 1_000 + 0.1) + 4)
            }
          })
          assert.include((yield* world.status).to_bitrix, { pending: 0, parked: 0, breaker: "closed" })
          assert.include(yield* world.syncOf(ids[0] as number), { state: "synced", last_error: null })
        }),
      ),
    TIMEOUT_MS,
  )
})

layer(TestDatabase.layer, { excludeTestServices: true })("a product that Bitrix never takes", (it) => {
  it.effect(
    "is given up after its schedule with the reason, while the others flow, and goes again when it changes",
    () =>
      inTime(
        Effect.fnUntraced(function* (clock) {
          const world = yield* makeLongWorld(clock)
          const { simulator } = world
          const poison = yield* world.insertProduct()
          const others = yield* Effect.forEach(Array.from({ length: 5 }), () => world.insertProduct())
          const error = "Simulated failure 500 (500)"
          simulator.fail({ mode: { kind: "status", status: 500 }, productId: poison })
          yield* world.put(poison, { name: "Яд" })

          for (let attempt = 1; attempt <= scheduleMs.length; attempt += 1) {
            const id = others[attempt % others.length] as number
            const name = `Букет ${attempt}`
            yield* world.put(id, { name })
            yield* world.soon(Effect.sync(() => simulator.products.get(id)?.title === name))
            yield* world.soon(
              Effect.map(
                world.openFacts,
                ([fact, other]) =>
                  other === undefined && fact?.["attempts"] === attempt && fact["lease"] === null,
              ),
            )
            const [fact] = yield* world.openFacts
            assert.deepInclude(fact, { state: "pending", last_error: error })
            yield* clock.jump(fact?.["available_at"].getTime() - clock.nowMs() - 1)
            yield* world.pass(2_000, 1_000)
          }
          yield* world.untilParked
          const attempts = simulator.requests.filter(({ body }) => String(body).includes("Яд")).length
          assert.strictEqual(attempts, scheduleMs.length + 1)
          assert.deepInclude(yield* world.syncOf(poison), { state: "parked", last_error: error })
          const { to_bitrix, parked } = yield* world.status
          assert.include(to_bitrix, { parked: 1, pending: 0, breaker: "closed" })
          assert.deepInclude(parked[0], { product_id: poison, error })

          simulator.heal()
          yield* world.pass(DAY_MS, DAY_MS / 24)
          assert.strictEqual((yield* world.openFacts).length, 1)
          yield* world.put(poison, { name: "Лекарство" })
          yield* world.untilTold
          assert.strictEqual(simulator.products.get(poison)?.title, "Лекарство")
        }),
      ),
    TIMEOUT_MS,
  )

  it.effect("for a reason that time does not heal is given up at once", () =>
    inTime(
      Effect.fnUntraced(function* (clock) {
        const world = yield* makeLongWorld(clock)
        const { simulator } = world
        const gone = yield* world.insertProduct()
        const kept = yield* world.insertProduct()
        simulator.products.delete(gone)
        yield* world.put(gone, { name: "Нет там" })
        yield* world.put(kept, { name: "Есть там" })
        yield* world.untilParked
        assert.deepInclude(yield* world.syncOf(gone), {
          state: "parked",
          last_error: "Product not found (404)",
        })
        assert.strictEqual(simulator.products.get(kept)?.title, "Есть там")

        yield* world.pass(1_000, 1_000)
        simulator.fail({ method: "PUT", mode: { kind: "html", status: 401 } })
        yield* world.put(kept, { name: "Чужой ключ" })
        yield* world.untilParked
        assert.deepInclude(yield* world.syncOf(kept), {
          state: "parked",
          last_error: "Invalid API token (401)",
        })
      }),
    ),
  )
})

layer(TestDatabase.layer, { excludeTestServices: true })("a Bitrix that asks for patience", (it) => {
  it.effect("gets it", () =>
    inTime(
      Effect.fnUntraced(function* (clock) {
        const world = yield* makeLongWorld(clock)
        const { simulator } = world
        const id = yield* world.insertProduct()
        simulator.script({ method: "PUT" }, [{ kind: "status", status: 429, retryAfter: 120 }])
        yield* world.put(id, { name: "Терпение" })
        yield* world.soon(Effect.sync(() => simulator.requests.length === 1))
        yield* world.pass(119_000, 7_000)
        assert.strictEqual(simulator.requests.length, 1)
        yield* world.pass(9_000, 1_000)
        yield* world.untilTold
        assert.strictEqual(simulator.products.get(id)?.title, "Терпение")
        assert.strictEqual(simulator.requests.length, 2)
      }),
    ),
  )
})

layer(TestDatabase.layer, { excludeTestServices: true })("a Bitrix that hangs", (it) => {
  it.effect("makes no edit slower", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      const { simulator } = world
      const ids = yield* Effect.forEach(Array.from({ length: 40 }), () => world.insertProduct())
      const edit = (name: string) =>
        Effect.forEach(ids, (id) =>
          Effect.map(world.put(id, { name: `${name} ${id}` }), ({ status, elapsedMs }) => {
            assert.strictEqual(status, 200)
            return elapsedMs
          }),
        )
      yield* edit("Сначала")
      const before = median(yield* edit("Быстро"))
      yield* world.calm
      simulator.fail({ method: "PUT", mode: { kind: "hang" } })
      yield* edit("Повисло")
      yield* eventually(
        Effect.sync(() => simulator.hungRequests >= 16),
        WITHIN,
      )
      const during = median(yield* edit("Висит"))
      assert.isBelow(during, 3 * before + 25, `${during} ms instead of ${before} ms`)

      simulator.heal()
      yield* eventually(
        Effect.map(world.openFacts, (facts) => facts.length === 0),
        "60 seconds",
      )
      for (const id of ids) assert.strictEqual(simulator.products.get(id)?.title, `Висит ${id}`)
    }),
  )
})

const median = (numbers: ReadonlyArray<number>): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
