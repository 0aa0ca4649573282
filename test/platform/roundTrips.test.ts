import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { BITRIX_BASE, insertOrders, untilLockIsAwaited } from "../support/OrderWorld.ts"
import * as ServiceClient from "../support/ServiceClient.ts"
import * as ServiceProcess from "../support/ServiceProcess.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { SHOP_ID } from "../support/TestService.ts"

const SAMPLES = 9
const FLORIST_STATUSES = ["AP", "CO"]
const TOGETHER = 16

class World extends Context.Service<
  World,
  { readonly url: string; readonly proxy: TcpProxy; readonly http: ServiceClient.ServiceClient }
>()("cvety/test/roundTrips") {
  static readonly layer = Layer.effect(
    World,
    Effect.gen(function* () {
      const { url: databaseUrl, witness } = yield* TestDatabase
      const proxy = yield* TcpProxy.to(databaseUrl)
      const { url } = yield* ServiceProcess.start({ DATABASE_URL: proxy.url, RUN_SEEDS: "true" })
      yield* Effect.promise(() => insertOrders(witness, 1, TOGETHER))
      const http = yield* ServiceClient.make(SHOP_ID, TOGETHER + 1)
      // Every statement is prepared on the connection that serves one request after another.
      for (const status of ["AP", "CO", "AP", "CO"]) yield* http.post(url, { order_id: 123_456, status })
      for (const path of ["", "/history"]) yield* http.get(`${url}/api/v1/orders/789${path}`)
      for (const path of ["me", "verify-token", "users"]) yield* http.get(`${url}/api/v1/auth/${path}`)
      return { url, proxy, http }
    }),
  ).pipe(Layer.provideMerge(TestDatabase.layer))
}

layer(World.layer, { excludeTestServices: true })("round trips to the database", (it) => {
  it.effect("a webhook that changes an order takes two", () =>
    Effect.gen(function* () {
      const { url, http } = yield* World
      const trips = yield* sample((turn) =>
        http.post(url, { order_id: 123_456, status: FLORIST_STATUSES[turn % 2] }),
      )
      assert.deepStrictEqual(trips, { status: "success", median: 2 })
    }),
  )

  it.effect("a webhook that changes nothing takes at most two", () =>
    Effect.gen(function* () {
      const { url, http } = yield* World
      yield* http.post(url, { order_id: 123_456, status: "DE", event_id: "repeated" })
      const events = [
        { order_id: 123_456, status: "DE" },
        { order_id: 404, status: "AP" },
        { order_id: "99999999999999999999", status: "AP" },
        { order_id: 123_456, status: "XX" },
      ]
      for (const event of events) {
        const { status, median } = yield* sample(() => http.post(url, event))
        assert.strictEqual(status, "skipped")
        assert.isAtMost(median, 2, JSON.stringify(event))
      }
      const repeated = yield* sample(() =>
        http.post(url, { order_id: 123_456, status: "AP", event_id: "repeated" }),
      )
      assert.strictEqual(repeated.status, "success")
      assert.isAtMost(repeated.median, 2)
    }),
  )

  it.effect("an order and its history take one each", () =>
    Effect.gen(function* () {
      const { url, http } = yield* World
      const order = yield* sample(() => http.get(`${url}/api/v1/orders/789`))
      assert.strictEqual(order.median, 1)
      const history = yield* sample(() => http.get(`${url}/api/v1/orders/789/history`))
      assert.strictEqual(history.median, 1)
    }),
  )

  for (const [what, path] of [
    ["an account that is asked about", "me"],
    ["a token that is asked about", "verify-token"],
    ["colleagues, and whether the session may still see them,", "users"],
  ] as const) {
    it.effect(`${what} takes one`, () =>
      Effect.gen(function* () {
        const { url, http } = yield* World
        const { median } = yield* sample(() => http.get(`${url}/api/v1/auth/${path}`))
        assert.strictEqual(median, 1)
      }),
    )
  }

  it.effect("webhooks that wait together share them, and their commit", () =>
    Effect.gen(function* () {
      const { url, proxy, http } = yield* World
      const { witness } = yield* TestDatabase
      const post = (n: number) =>
        http.post(url, { order_id: BITRIX_BASE + n, status: "AP", notes: "together" })
      const others = Array.from({ length: TOGETHER - 1 }, (_, n) => n + 2)
      // Over sockets that are open, what was sent first is read first.
      yield* Effect.forEach([0, ...others, 0], () => http.get(`${url}/`), { concurrency: "unbounded" })
      const before = proxy.roundTrips

      // The first commit waits at the inbox, the second behind it, and what arrives meanwhile for these two.
      const lock = yield* lockInbox
      const first = yield* Effect.forkChild(post(1))
      yield* untilLockIsAwaited(witness)
      const rest = yield* Effect.forkChild(Effect.forEach(others, post, { concurrency: "unbounded" }))
      yield* http.get(`${url}/`)
      yield* http.get(`${url}/`)
      yield* lock.release
      const answers = [yield* Fiber.join(first), ...(yield* Fiber.join(rest))]

      assert.deepStrictEqual(
        answers.map(({ body }) => body.status),
        answers.map(() => "success"),
      )
      const [history] = yield* Effect.promise(
        () => witness`
          SELECT count(DISTINCT xmin::text)::integer AS commits, count(*)::integer AS rows
          FROM order_history
          WHERE notes = 'together'`,
      )
      assert.strictEqual(history?.["rows"], TOGETHER)
      assert.isAtMost(history?.["commits"], 4)
      assert.isAtMost(proxy.roundTrips - before, 10)
    }),
  )
})

/** The median, because the actors of the service speak to the database too, every few seconds. */
const sample = Effect.fnUntraced(function* (
  request: (turn: number) => Effect.Effect<ServiceClient.Answer, ServiceClient.Unanswered>,
) {
  const { proxy } = yield* World
  const counts: Array<number> = []
  const statuses = new Set<string>()
  for (let turn = 0; turn < SAMPLES; turn += 1) {
    const before = proxy.roundTrips
    const answer = yield* request(turn)
    assert.strictEqual(answer.status, 200)
    counts.push(proxy.roundTrips - before)
    statuses.add(answer.body.status)
  }
  counts.sort((a, b) => a - b)
  return { status: [...statuses].join(), median: counts[(SAMPLES - 1) / 2] ?? 0 }
})

const lockInbox = Effect.gen(function* () {
  const { witness } = yield* TestDatabase
  const session = yield* Effect.promise(() => witness.reserve())
  yield* Effect.promise(() => session`BEGIN`)
  yield* Effect.promise(() => session`LOCK TABLE inbox IN EXCLUSIVE MODE`)
  const release = Effect.promise(() => session`ROLLBACK`.then(() => session.release()))
  return { release }
})
