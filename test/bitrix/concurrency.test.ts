import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { BITRIX_BASE, findBrokenChains, insertOrders, untilLockIsAwaited } from "../support/OrderWorld.ts"
import * as ServiceClient from "../support/ServiceClient.ts"
import * as ServiceProcess from "../support/ServiceProcess.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { SHOP_ID } from "../support/TestService.ts"

const CONNECTIONS = 20
const STATUSES = ["AP", "CO", "DE", "F", "RF", "PD", "N"]

class World extends Context.Service<
  World,
  { readonly urls: readonly [string, string]; readonly http: ServiceClient.ServiceClient }
>()("cvety/test/concurrency") {
  /** Two nodes on one database. */
  static readonly layer = Layer.effect(
    World,
    Effect.gen(function* () {
      const { url, witness } = yield* TestDatabase
      const env = { DATABASE_URL: url, RUN_SEEDS: "true" }
      const nodes = yield* Effect.all([ServiceProcess.start(env), ServiceProcess.start(env)], {
        concurrency: "unbounded",
      })
      yield* Effect.promise(() => insertOrders(witness, 1, 100))
      return { urls: [nodes[0].url, nodes[1].url], http: yield* ServiceClient.make(SHOP_ID, CONNECTIONS) }
    }),
  ).pipe(Layer.provideMerge(TestDatabase.layer))
}

layer(World.layer, { excludeTestServices: true })("order-status webhooks at the same time", (it) => {
  it.effect("leave one unbroken chain with a step for each success, on one node", () =>
    Effect.gen(function* () {
      const { urls } = yield* World
      const answers = yield* deliver(100, (n) => [
        urls[0],
        { order_id: BITRIX_BASE + 1, status: STATUSES[n % 2] },
      ])
      yield* expectOneChain(answers, 1)
    }),
  )

  it.effect("leave one unbroken chain with a step for each success, on two nodes", () =>
    Effect.gen(function* () {
      const { urls } = yield* World
      const answers = yield* deliver(100, (n) => [
        urls[n % 2],
        { order_id: BITRIX_BASE + 2, status: STATUSES[(n >> 1) % 2] },
      ])
      yield* expectOneChain(answers, 2)
    }),
  )

  it.effect("for many orders on two nodes neither deadlock nor break a chain", () =>
    Effect.gen(function* () {
      const { urls } = yield* World
      const { witness } = yield* TestDatabase
      const answers = yield* deliver(800, (n) => [
        urls[n % 2],
        { order_id: BITRIX_BASE + 10 + ((n * 31) % 40), status: STATUSES[(n * 17) % STATUSES.length] },
      ])
      const changed = answers.filter(({ body }) => body.status === "success").length
      const [history] = yield* Effect.promise(
        () => witness`
          SELECT count(*)::integer AS steps
          FROM order_history h
          JOIN "order" o ON o.id = h.order_id
          WHERE o.bitrix_order_id BETWEEN ${BITRIX_BASE + 10} AND ${BITRIX_BASE + 49}`,
      )
      assert.strictEqual(history?.["steps"], changed)
      assert.deepStrictEqual(yield* Effect.promise(() => findBrokenChains(witness)), [])
      const [database] = yield* Effect.promise(
        () => witness`SELECT deadlocks::integer FROM pg_stat_database WHERE datname = current_database()`,
      )
      assert.strictEqual(database?.["deadlocks"], 0)
    }),
  )

  const repeats = [
    { what: "a change", event: { order_id: BITRIX_BASE + 60, status: "AP" }, steps: 1 },
    { what: "an order that is not there yet", event: { order_id: 404, status: "AP" }, steps: 0 },
    { what: "a code that is not mapped", event: { order_id: BITRIX_BASE + 61, status: "XX" }, steps: 0 },
    { what: "an id that cannot exist", event: { order_id: "99999999999999999999", status: "AP" }, steps: 0 },
  ]
  for (const { what, event, steps } of repeats) {
    for (const nodes of [1, 2]) {
      const event_id = `${what} on ${nodes}`
      it.effect(`with one event id get one answer to the byte: ${what}, ${nodes} node(s)`, () =>
        Effect.gen(function* () {
          const { urls } = yield* World
          const order_id = typeof event.order_id === "number" ? event.order_id + nodes * 10 : event.order_id
          const answers = yield* deliver(50, (n) => [urls[n % nodes], { ...event, order_id, event_id }])
          assert.strictEqual(new Set(answers.map(({ text }) => text)).size, 1)
          assert.deepStrictEqual(yield* countRows(event_id), { events: 1, steps })
        }),
      )
    }
  }

  it.effect("with one event id wait for the node that has it under way and give its answer", () =>
    Effect.gen(function* () {
      const { urls, http } = yield* World
      const { witness } = yield* TestDatabase
      const event = { order_id: 405, status: "AP", event_id: "under way elsewhere" }
      const answer = { status: "skipped", reason: "Order not found in Railway", bitrix_order_id: 405 }
      const other = yield* Effect.promise(() => witness.reserve())
      yield* Effect.promise(() => other`BEGIN`)
      yield* Effect.promise(
        () => other`
          INSERT INTO inbox (id, shop_id, source, subject, event_id, payload, answer, state, reason)
          VALUES (gen_random_uuid(), ${SHOP_ID}, 'bitrix.order_status', '405', ${event.event_id},
                  ${witness.json(event)}, ${witness.json(answer)}, 'parked', ${answer.reason})`,
      )
      const repeated = yield* Effect.forkChild(http.post(urls[0], event))
      yield* untilLockIsAwaited(witness)
      yield* Effect.promise(() => other`COMMIT`)
      other.release()

      const { status, body } = yield* Fiber.join(repeated)
      assert.deepStrictEqual({ status, body }, { status: 200, body: answer })
      assert.deepStrictEqual(yield* countRows(event.event_id), { events: 1, steps: 0 })
    }),
  )

  it.effect("with one event id and different orders change one of them, on two nodes", () =>
    Effect.gen(function* () {
      const { urls } = yield* World
      const event_id = "one id, two orders"
      const answers = yield* deliver(50, (n) => [
        urls[n % 2],
        { order_id: BITRIX_BASE + 90 + (n % 2), status: "AP", event_id },
      ])
      assert.strictEqual(new Set(answers.map(({ text }) => text)).size, 1)
      assert.deepStrictEqual(yield* countRows(event_id), { events: 1, steps: 1 })
    }),
  )
})

/** All at once, as far as the sockets go. */
const deliver = Effect.fnUntraced(function* (
  count: number,
  make: (n: number) => readonly [url: string | undefined, event: object],
) {
  const { http } = yield* World
  const answers = yield* Effect.forEach(
    Array.from({ length: count }, (_, n) => make(n)),
    ([url = "", event]) => http.post(url, event),
    { concurrency: "unbounded" },
  )
  assert.deepStrictEqual(
    answers.filter(({ status }) => status !== 200).map(({ status, text }) => `${status} ${text}`),
    [],
  )
  return answers
})

const expectOneChain = Effect.fnUntraced(function* (
  answers: ReadonlyArray<ServiceClient.Answer>,
  order: number,
) {
  const { witness } = yield* TestDatabase
  const [row] = yield* Effect.promise(
    () => witness`
      SELECT o.status, o.status_version,
             (SELECT count(*)::integer FROM order_history h WHERE h.order_id = o.id) AS steps
      FROM "order" o
      WHERE o.bitrix_order_id = ${BITRIX_BASE + order}`,
  )
  const changed = answers.filter(({ body }) => body.status === "success").length
  assert.isAbove(changed, 1)
  assert.strictEqual(row?.["steps"], changed)
  assert.strictEqual(row?.["status_version"], changed)
  assert.deepStrictEqual(yield* Effect.promise(() => findBrokenChains(witness)), [])
})

const countRows = Effect.fnUntraced(function* (event_id: string) {
  const { witness } = yield* TestDatabase
  const [counts] = yield* Effect.promise(
    () => witness<Array<{ events: number; steps: number }>>`
      SELECT count(DISTINCT i.id)::integer AS events, count(h.id)::integer AS steps
      FROM inbox i
      LEFT JOIN order_history h ON h.inbox_id = i.id
      WHERE i.event_id = ${event_id}`,
  )
  return counts
})
