/** Webhooks without a pause, each with an event id of its own, and everything that was answered to them. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type postgres from "postgres"
import { BITRIX_BASE, findBrokenChains, findEvents } from "./OrderWorld.ts"
import * as ServiceClient from "./ServiceClient.ts"
import { SHOP_ID } from "./TestService.ts"

const SENDERS = 20
const SOCKETS = 400
const STATUSES = ["AP", "CO", "DE", "F"]
const PAUSE_MS = 20
const RETRY_MS = 100
/** Six seconds, and what a busy machine adds; the sender itself gives up after 10 s. */
const ANSWER_MS_MAX = 6_500

export interface Observed {
  readonly event_id: string
  readonly answer: ServiceClient.Answer
  readonly atMs: number
}

let lastEvent = 0

/** Runs for as long as the scope is open. Orders `BITRIX_BASE + 1` to `BITRIX_BASE + SENDERS` must exist. */
export const start = Effect.fnUntraced(function* (url: string) {
  const http = yield* ServiceClient.make(SHOP_ID, SOCKETS)
  const observed: Array<Observed> = []
  let isStopped = false

  const send = Effect.fnUntraced(function* (order: number, status: string | undefined) {
    const event_id = `event-${++lastEvent}`
    const answer = yield* http.post(url, { event_id, order_id: BITRIX_BASE + order, status })
    observed.push({ event_id, answer, atMs: performance.now() })
    return answer
  })
  const sender = Effect.fnUntraced(function* (order: number) {
    for (let turn = 0; !isStopped; turn += 1) {
      const answer = yield* send(order, STATUSES[turn % STATUSES.length])
      yield* Effect.sleep(answer.status === 200 ? PAUSE_MS : RETRY_MS)
    }
  })
  const reader = Effect.gen(function* () {
    while (!isStopped) {
      const answer = yield* http.get(`${url}/api/v1/orders/789`)
      observed.push({ event_id: "", answer, atMs: performance.now() })
      yield* Effect.sleep(RETRY_MS)
    }
  })
  const senders = Array.from({ length: SENDERS }, (_, n) => sender(n + 1))
  const running = yield* Effect.forkScoped(
    Effect.all([reader, ...senders], { concurrency: "unbounded", discard: true }),
  )
  return {
    observed,
    /** One for each order after those of the senders, all at once. The orders must exist. */
    burst: (count: number) =>
      Effect.forEach(
        Array.from({ length: count }, (_, n) => SENDERS + n + 1),
        (order) => send(order, "AP"),
        { concurrency: "unbounded", discard: true },
      ),
    /** Waits for an answer with the status that comes later than now. */
    next: Effect.fnUntraced(function* (status: number) {
      const sinceMs = performance.now()
      const isThere = () =>
        observed.some(({ answer, atMs }) => answer.status === status && atMs - answer.elapsedMs > sinceMs)
      while (!isThere()) {
        assert.isUndefined(running.pollUnsafe(), "a request got no answer")
        yield* Effect.sleep(10)
      }
      return performance.now() - sinceMs
    }),
    /** Everything under way gets its answer first. */
    stop: Effect.suspend(() => {
      isStopped = true
      return Fiber.join(running)
    }),
  }
})

/** Only 200 or an honest 503, in time; what was confirmed is there once; no chain is broken. */
export const expectHonest = Effect.fnUntraced(function* (
  observed: ReadonlyArray<Observed>,
  witness: postgres.Sql,
) {
  for (const { answer } of observed) {
    assert.isBelow(answer.elapsedMs, ANSWER_MS_MAX, answer.text)
    if (answer.status === 200) continue
    assert.strictEqual(answer.status, 503, answer.text)
    assert.isString(answer.body.detail)
    assert.match(String(answer.headers["retry-after"]), /^\d+$/)
  }
  const events = yield* Effect.promise(() => findEvents(witness))
  for (const { event_id, answer } of observed) {
    if (event_id === "" || answer.status !== 200) continue
    const steps = answer.body.status === "success" ? 1 : 0
    assert.deepStrictEqual(events.get(event_id), { event_id, answer: answer.body, rows: 1, steps })
  }
  assert.deepStrictEqual(yield* Effect.promise(() => findBrokenChains(witness)), [])
})
