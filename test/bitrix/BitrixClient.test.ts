/** How an answer of Bitrix is judged, and when Bitrix is left alone. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { BitrixClient } from "../../src/bitrix/BitrixClient.ts"
import type { ProductParcel } from "../../src/bitrix/ProductParcel.ts"
import type { Delivered } from "../../src/platform/OutboxOutcome.ts"
import { ShopId } from "../../src/shared/ShopId.ts"
import type { BitrixSimulator } from "../simulators/bitrix/BitrixSimulator.ts"
import type { FailureMode } from "../simulators/bitrix/FailureMode.ts"
import { BITRIX_TOKEN, makeSimulator } from "../support/BitrixWorld.ts"
import { eventually } from "../support/eventually.ts"

const ID = 668_826
let lastShopId = 0

/** A Bitrix with one product, and a shop of its own, whose circuit nobody else uses. */
const makeBitrix = (options: Parameters<typeof makeSimulator>[0] = {}) =>
  Effect.gen(function* () {
    const client = yield* BitrixClient
    const simulator = yield* makeSimulator(options)
    simulator.seed([{ id: ID }])
    const shopId = ShopId.make(++lastShopId)
    const apiWith = (change: { readonly path?: string; readonly token?: string } = {}) => ({
      baseUrl: simulator.url,
      updatePath: change.path ?? "products/update-from-railway/{id}",
      token: Redacted.make(change.token ?? BITRIX_TOKEN),
      requestsPerSecondMax: 20,
    })
    return {
      simulator,
      push: (id = ID, change: Parameters<typeof apiWith>[0] = {}) =>
        client.push(shopId, apiWith(change), { ...parcel, id }),
      list: client.listProducts(shopId, apiWith(), { offset: 0, limit: 100 }),
      circuit: client.circuit(shopId, "push"),
    }
  })

const parcel: ProductParcel = {
  id: ID,
  name: "Розы",
  title: "Розы",
  price: "5 000 ₸",
  image: null,
  description: "Красные",
  enabled: "Y",
  isAvailable: true,
}

const pushed = ({ requests }: BitrixSimulator) => requests.filter(({ method }) => method === "PUT").length

layer(BitrixClient.layer, { excludeTestServices: true })("a push", (it) => {
  for (const updateAnswer of ["status", "success", "diagram"] as const) {
    it.effect(`is delivered when Bitrix says so in the form "${updateAnswer}"`, () =>
      Effect.gen(function* () {
        const { simulator, push } = yield* makeBitrix({ updateAnswer })
        assert.deepStrictEqual(yield* push(), { kind: "delivered" })
        const [request] = simulator.requests
        assert.strictEqual(request?.rawPath, `/api/v2/products/update-from-railway/${ID}`)
        assert.deepStrictEqual(request?.unexpectedHeaders, [])
        assert.isTrue(request?.matchedToken)
        assert.deepStrictEqual(JSON.parse(String(request?.body)), parcel)
        assert.strictEqual(simulator.products.get(ID)?.title, "Розы")
      }),
    )
  }

  it.effect("goes to a path without the id as well", () =>
    Effect.gen(function* () {
      const { simulator, push } = yield* makeBitrix()
      assert.deepStrictEqual(yield* push(ID, { path: "products/update-from-railway" }), { kind: "delivered" })
      assert.strictEqual(simulator.doublePrefix, false)
      assert.strictEqual(simulator.writes.length, 1)
    }),
  )

  const successes: ReadonlyArray<FailureMode> = [
    { kind: "bad_json", form: "bom" },
    { kind: "bad_charset" },
    { kind: "wrong_types", form: "ids" },
    { kind: "slow_headers", ms: 300 },
    { kind: "slow_body", bytesPerSecond: 400 },
  ]
  for (const mode of successes) {
    it.effect(`is delivered in spite of ${JSON.stringify(mode)}`, () =>
      Effect.gen(function* () {
        const { simulator, push } = yield* makeBitrix()
        simulator.fail({ mode })
        assert.deepStrictEqual(yield* push(), { kind: "delivered" })
      }),
    )
  }

  const failures: ReadonlyArray<readonly [FailureMode, error: RegExp]> = [
    [{ kind: "failed_200", form: "status_false" }, /^Failed to update product/],
    [{ kind: "failed_200", form: "success_false" }, /^Internal error/],
    [{ kind: "failed_200", form: "success_false_text" }, /^Internal error/],
    [{ kind: "html", status: 200 }, /\(200\)$/],
    [{ kind: "html", status: 502 }, /\(502\)$/],
    [{ kind: "empty", status: 200 }, /\(200\)$/],
    [{ kind: "empty", status: 204 }, /\(204\)$/],
    [{ kind: "bad_json", form: "truncated" }, /\(200\)$/],
    [{ kind: "bad_json", form: "bare_word" }, /\(200\)$/],
    [{ kind: "bad_json", form: "trailing_comma" }, /\(200\)$/],
    [{ kind: "wrong_types", form: "nulls" }, /\(200\)$/],
    [{ kind: "wrong_types", form: "arrays" }, /\(200\)$/],
    [{ kind: "status", status: 500 }, /^Simulated failure 500 \(500\)$/],
    [{ kind: "status", status: 503, body: "Service Unavailable" }, /\(503\)$/],
    [{ kind: "status", status: 408 }, /\(408\)$/],
    [{ kind: "status", status: 429 }, /\(429\)$/],
    [{ kind: "redirect", status: 301 }, /\(301\)$/],
    [{ kind: "redirect", status: 302 }, /\(302\)$/],
    [{ kind: "redirect", status: 307 }, /\(307\)$/],
    [{ kind: "redirect_loop" }, /\(307\)$/],
    [{ kind: "large" }, /./],
    [{ kind: "reset" }, /./],
    [{ kind: "reset_mid" }, /./],
  ]
  for (const [mode, error] of failures) {
    it.effect(`fails, and is tried again later, after ${JSON.stringify(mode)}`, () =>
      Effect.gen(function* () {
        const { simulator, push } = yield* makeBitrix()
        simulator.fail({ mode })
        const delivered = yield* push()
        if (delivered.kind !== "failed") return assert.fail(JSON.stringify(delivered))
        assert.match(delivered.error, error)
        assert.strictEqual(pushed(simulator), 1)
      }),
    )
  }

  const refusals: ReadonlyArray<readonly [FailureMode, error: string]> = [
    [{ kind: "status", status: 401, body: { status: false, error: "x" } }, "Invalid API token (401)"],
    [{ kind: "html", status: 403 }, "Invalid API token (403)"],
    [{ kind: "status", status: 404, body: { status: false, error: "x" } }, "Product not found (404)"],
    [{ kind: "html", status: 404 }, "No such path (404)"],
    [
      { kind: "status", status: 400, body: { status: false, error: "Invalid JSON payload" } },
      "Invalid JSON payload (400)",
    ],
  ]
  for (const [mode, error] of refusals) {
    it.effect(`is given up with "${error}"`, () =>
      Effect.gen(function* () {
        const { simulator, push } = yield* makeBitrix()
        simulator.fail({ mode })
        assert.deepStrictEqual(yield* push(), { kind: "refused", error })
      }),
    )
  }

  it.effect("is given up for a wrong token and for a product that Bitrix does not have", () =>
    Effect.gen(function* () {
      const { push } = yield* makeBitrix()
      assert.deepStrictEqual(yield* push(5), { kind: "refused", error: "Product not found (404)" })
      const refused = yield* push(ID, { token: "other" })
      assert.deepStrictEqual(refused, { kind: "refused", error: "Invalid API token (401)" })
    }),
  )

  it.effect("waits as long as it is asked to, in seconds or until a date", () =>
    Effect.gen(function* () {
      const { simulator, push } = yield* makeBitrix()
      const asked = (retryAfter: number | string) => {
        simulator.heal()
        simulator.fail({ mode: { kind: "status", status: 429, retryAfter } })
        return Effect.map(push(), (delivered) => (delivered.kind === "failed" ? delivered.retryAfterMs : -1))
      }
      assert.strictEqual(yield* asked(7), 7_000)
      assert.isNull(yield* asked("soon"))
      const until = yield* asked(new Date(Date.now() + 60_000).toUTCString())
      assert.isAtLeast(until ?? 0, 55_000)
      assert.isAtMost(until ?? 0, 60_000)
    }),
  )

  it.effect("takes its token nowhere else", () =>
    Effect.gen(function* () {
      const { simulator, push } = yield* makeBitrix()
      const stranger = yield* makeSimulator()
      for (const status of [301, 302, 307, 308] as const) {
        simulator.fail({
          mode: { kind: "redirect", status, location: `${stranger.url}/products/` },
          times: 1,
        })
        assert.strictEqual((yield* push()).kind, "failed")
      }
      assert.deepStrictEqual(stranger.requests, [])
    }),
  )

  it.effect("holds no more of an answer than it needs", () =>
    Effect.gen(function* () {
      const { simulator, push, list } = yield* makeBitrix()
      simulator.fail({ mode: { kind: "large", bytes: 256 * 1_048_576 } })
      const before = process.memoryUsage().rss
      assert.strictEqual((yield* push()).kind, "failed")
      assert.strictEqual((yield* Effect.exit(list))._tag, "Failure")
      assert.isBelow(process.memoryUsage().rss - before, 150 * 1_048_576)
    }),
  )
})

const FAILURES_MAX = 5
const page: FailureMode = { kind: "html", status: 502 }
const released: Delivered = { kind: "released" }

layer(BitrixClient.layer, { excludeTestServices: true })("the circuit", (it) => {
  const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.andThen(TestClock.setTime(Date.now()), effect).pipe(Effect.provide(TestClock.layer()))

  it.effect("opens after failures in a row, lets one try when it may, and closes when that went well", () =>
    Effect.gen(function* () {
      const { simulator, push, circuit } = yield* makeBitrix()
      simulator.fail({ mode: page })
      for (let n = 1; n < FAILURES_MAX; n += 1)
        assert.include(yield* push(), { kind: "failed", isOutage: false })
      assert.deepInclude(yield* circuit, { state: "closed", waitMs: 0 })
      assert.include(yield* push(), { kind: "failed", isOutage: true })
      assert.deepInclude(yield* circuit, { state: "open", waitMs: 1_000 })
      assert.deepStrictEqual(yield* push(), released)
      assert.strictEqual(pushed(simulator), FAILURES_MAX)

      yield* TestClock.adjust(999)
      assert.deepStrictEqual(yield* push(), released)
      yield* TestClock.adjust(1)
      assert.deepInclude(yield* circuit, { state: "half_open", waitMs: 0 })
      assert.include(yield* push(), { kind: "failed", isOutage: true })
      assert.deepInclude(yield* circuit, { state: "open", waitMs: 2_000 })

      simulator.heal()
      yield* TestClock.adjust(2_000)
      assert.deepStrictEqual(yield* push(), { kind: "delivered" })
      assert.deepInclude(yield* circuit, { state: "closed", waitMs: 0 })
    }).pipe(inTime),
  )

  it.effect("tries again at the latest after a minute, however long it lasts", () =>
    Effect.gen(function* () {
      const { simulator, push, circuit } = yield* makeBitrix()
      simulator.fail({ mode: page })
      for (let n = 0; n < FAILURES_MAX; n += 1) yield* push()
      const waits: Array<number> = []
      for (let n = 0; n < 10; n += 1) {
        const { waitMs } = yield* circuit
        waits.push(waitMs)
        yield* TestClock.adjust(waitMs)
        assert.include(yield* push(), { kind: "failed", isOutage: true })
      }
      assert.deepStrictEqual(
        waits,
        [...waits].sort((a, b) => a - b),
      )
      assert.strictEqual(waits.at(-1), 60_000)
    }).pipe(inTime),
  )

  it.effect("lets one try at a time, and an hour of quiet does not wedge it", () =>
    Effect.gen(function* () {
      const { simulator, push, circuit } = yield* makeBitrix()
      simulator.fail({ mode: page })
      for (let n = 0; n < FAILURES_MAX; n += 1) yield* push()
      simulator.heal()
      simulator.fail({ mode: { kind: "hang" } })
      yield* TestClock.adjust(1_000)
      const first = yield* Effect.forkChild(push())
      yield* TestClock.withLive(
        eventually(
          Effect.sync(() => simulator.hungRequests === 1),
          "5 seconds",
        ),
      )
      assert.deepStrictEqual(yield* push(), released)
      assert.strictEqual((yield* circuit).state, "half_open")
      yield* TestClock.adjust(30_000)
      assert.include(yield* Fiber.join(first), { kind: "failed", error: "Request timeout", isOutage: true })
      simulator.heal()
      yield* TestClock.adjust("90 minutes")
      assert.deepStrictEqual(yield* push(), { kind: "delivered" })
    }).pipe(inTime),
  )

  it.effect("stays closed for one product that is always refused with a reason", () =>
    Effect.gen(function* () {
      const { simulator, push, circuit } = yield* makeBitrix()
      simulator.seed([{ id: 5 }])
      simulator.fail({ mode: { kind: "status", status: 500 }, productId: ID })
      for (let n = 0; n < 4 * FAILURES_MAX; n += 1) {
        assert.include(yield* push(), { kind: "failed", isOutage: false })
        if (n % FAILURES_MAX === 0) assert.deepStrictEqual(yield* push(5), { kind: "delivered" })
      }
      for (let n = 0; n < 4 * FAILURES_MAX; n += 1) yield* push(6)
      assert.deepInclude(yield* circuit, { state: "closed" })
    }).pipe(inTime),
  )

  it.effect("opens when many different products are refused with a 500 in a row", () =>
    Effect.gen(function* () {
      const { simulator, push, circuit } = yield* makeBitrix()
      simulator.fail({ mode: { kind: "status", status: 500 } })
      for (let n = 0; n < 3 * FAILURES_MAX && (yield* circuit).state === "closed"; n += 1)
        yield* push(1_000 + n)
      assert.strictEqual((yield* circuit).state, "open")
    }).pipe(inTime),
  )

  it.effect("opens for a token that is refused, and waits as long as it is asked to", () =>
    Effect.gen(function* () {
      const { simulator, push, circuit } = yield* makeBitrix()
      simulator.fail({ mode: { kind: "status", status: 429, retryAfter: 300 } })
      for (let n = 0; n < FAILURES_MAX; n += 1) yield* push()
      assert.deepInclude(yield* circuit, { state: "open", waitMs: 300_000 })
      const other = yield* makeBitrix()
      for (let n = 0; n < FAILURES_MAX; n += 1) yield* other.push(ID, { token: "other" })
      assert.strictEqual((yield* other.circuit).state, "open")
    }).pipe(inTime),
  )

  it.effect("of writes is not that of reads", () =>
    Effect.gen(function* () {
      const { simulator, push, list, circuit } = yield* makeBitrix()
      simulator.fail({ method: "PUT", mode: page })
      for (let n = 0; n < FAILURES_MAX; n += 1) yield* push()
      assert.strictEqual((yield* circuit).state, "open")
      assert.strictEqual((yield* list).data.length, 1)
    }).pipe(inTime),
  )
})
