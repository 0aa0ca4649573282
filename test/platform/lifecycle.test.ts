import { once } from "node:events"
import type { ClientRequest } from "node:http"
import { request } from "node:http"
import { connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { insertOrders } from "../support/OrderWorld.ts"
import * as ServiceProcess from "../support/ServiceProcess.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { postStatus, SECRET } from "../support/TestService.ts"

const LAME_DUCK_MS = 2_000
const NOTICE_MS_MAX = 1_000
const STOP_MS_MAX = 10_000

describe("SIGTERM", () => {
  it.live("is first noticed, then refuses nobody, finishes what is under way and exits with 0", () =>
    Effect.gen(function* () {
      const { url: databaseUrl, witness } = yield* TestDatabase
      const service = yield* ServiceProcess.start({
        DATABASE_URL: databaseUrl,
        RUN_SEEDS: "true",
        SHUTDOWN_LAME_DUCK_MS: String(LAME_DUCK_MS),
      })
      const { url } = service
      yield* Effect.promise(() => insertOrders(witness, 1, 1))
      // One sender is slow, one never ends, and a connection stays open without a request.
      const slow = yield* startWebhook(url)
      const endless = yield* startWebhook(url)
      yield* idleConnection(url)

      const toldMs = performance.now()
      yield* service.send("SIGTERM")
      const exit = yield* Effect.forkChild(service.exited)
      while ((yield* readiness(url)) !== 503) assert.isBelow(performance.now() - toldMs, NOTICE_MS_MAX)

      let served = 0
      while (performance.now() - toldMs < LAME_DUCK_MS - 500) {
        const status = served % 2 === 0 ? "AP" : "CO"
        const answer = yield* Effect.promise(() =>
          postStatus(url, { order_id: 123_456, status }, { connection: "close" }),
        )
        assert.strictEqual(answer.body.status, "success")
        served += 1
        yield* Effect.sleep(50)
      }
      assert.isAbove(served, 2)

      // The server has closed by now: only what is under way goes on.
      yield* untilRefused(url)
      assert.isAtLeast(performance.now() - toldMs, LAME_DUCK_MS)
      assert.deepStrictEqual(yield* slow.finish, { status: 200, connection: "close" })
      assert.deepStrictEqual(yield* Fiber.join(exit), { code: 0, signal: null })
      assert.isBelow(performance.now() - toldMs, STOP_MS_MAX)
      assert.isTrue(endless.isUnanswered())

      const [order] = yield* Effect.promise(
        () => witness`SELECT status, status_version FROM "order" WHERE bitrix_order_id = 5000001`,
      )
      assert.deepStrictEqual(order, { status: "accepted", status_version: 1 })
    }).pipe(Effect.provide(TestDatabase.layer)),
  )

  it.live("ends the service in time also when the database answers nothing", () =>
    Effect.gen(function* () {
      const { url: databaseUrl } = yield* TestDatabase
      const proxy = yield* TcpProxy.to(databaseUrl)
      const service = yield* ServiceProcess.start({ DATABASE_URL: proxy.url, RUN_SEEDS: "true" })
      yield* Effect.promise(() => proxy.setMode("blackhole"))
      const webhook = yield* startWebhook(service.url)
      const answer = yield* Effect.forkChild(webhook.finish)
      yield* Effect.sleep(100)
      const toldMs = performance.now()
      yield* service.send("SIGTERM")
      assert.deepStrictEqual(yield* service.exited, { code: 0, signal: null })
      assert.isBelow(performance.now() - toldMs, STOP_MS_MAX)
      assert.deepStrictEqual(yield* Fiber.join(answer), { status: 503, connection: "close" })
    }).pipe(Effect.provide(TestDatabase.layer)),
  )
})

const SLOW_BODY = JSON.stringify({ order_id: 5_000_001, status: "AP" })

/** A webhook of which half of the body is there. */
const startWebhook = Effect.fnUntraced(function* (url: string) {
  const sent = yield* Effect.acquireRelease(
    Effect.sync((): ClientRequest => {
      const sent = request(`${url}/api/v1/webhooks/order-status-sync`, {
        method: "POST",
        headers: { "x-webhook-secret": SECRET, "content-length": SLOW_BODY.length },
      })
      sent.on("error", () => {})
      sent.write(SLOW_BODY.slice(0, 10))
      return sent
    }),
    (sent) => Effect.sync(() => sent.destroy()),
  )
  let isAnswered = false
  const answered = new Promise<{ status: number | undefined; connection: string | undefined }>((resolve) =>
    sent.once("response", (response) => {
      isAnswered = true
      response.resume()
      resolve({ status: response.statusCode, connection: response.headers.connection })
    }),
  )
  return {
    finish: Effect.promise(() => {
      sent.end(SLOW_BODY.slice(10))
      return answered
    }),
    isUnanswered: () => !isAnswered,
  }
})

const idleConnection = (url: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1")
      socket.on("error", () => {})
      await once(socket, "connect")
      return socket
    }),
    (socket) => Effect.sync(() => socket.destroy()),
  )

const readiness = (url: string) =>
  Effect.promise(async () => {
    const response = await fetch(`${url}/ready`)
    await response.body?.cancel()
    return response.status
  })

const untilRefused = Effect.fnUntraced(function* (url: string) {
  while (yield* Effect.isSuccess(Effect.tryPromise(() => fetch(url, { headers: { connection: "close" } })))) {
    yield* Effect.sleep(20)
  }
})
