/** `OUTAGE_SECONDS` says how long PostgreSQL is stopped. */
import * as fs from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import postgres from "postgres"
import * as EmbeddedPostgres from "../../src/platform/EmbeddedPostgres.ts"
import { insertOrders } from "../support/OrderWorld.ts"
import * as ServiceClient from "../support/ServiceClient.ts"
import * as ServiceProcess from "../support/ServiceProcess.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { call } from "../support/TestPeople.ts"
import { SHOP_ID } from "../support/TestService.ts"
import * as WebhookLoad from "../support/WebhookLoad.ts"

const OUTAGE_MS = Number(process.env["OUTAGE_SECONDS"] ?? 4) * 1_000
/** Longer than any request may wait. */
const BLACKHOLE_MS = 7_000
const BURST = 300
const RECOVERY_MS_MAX = 5_000

describe("a stop of PostgreSQL under load", () => {
  it.live("is answered 503 until it is back, and loses nothing that was confirmed", () =>
    Effect.gen(function* () {
      const dataDir = yield* temporaryFolder
      const first = yield* Scope.make()
      const server = yield* Scope.provide(EmbeddedPostgres.start({ dataDir, durable: false }), first)
      const databaseUrl = Redacted.value(server.url)
      const service = yield* ServiceProcess.start({ DATABASE_URL: databaseUrl, RUN_SEEDS: "true" })
      yield* ask(databaseUrl, (witness) => insertOrders(witness, 1, 20))
      const load = yield* WebhookLoad.start(service.url)
      yield* load.next(200)

      yield* Scope.close(first, Exit.void)
      yield* load.next(503)
      const http = yield* ServiceClient.make(SHOP_ID, 1)
      const probes = yield* Effect.forEach(["/", "/health", "/ready"], (path) =>
        http.get(`${service.url}${path}`),
      )
      assert.deepStrictEqual(
        probes.map(({ status }) => status),
        [200, 503, 503],
      )
      // Who asks is not known now; that is no fault of theirs.
      const askers = yield* Effect.forEach(["auth/me", "auth/users", "orders/789"], (path) =>
        http.get(`${service.url}/api/v1/${path}`),
      )
      assert.deepStrictEqual(
        askers.map(({ status }) => status),
        [503, 503, 503],
      )
      const login = yield* call(service.url, "POST", "/auth/login", {
        body: { phone: "+70000000012", password: "whatever it is" },
      })
      assert.strictEqual(login.status, 503)
      yield* Effect.sleep(OUTAGE_MS)

      yield* EmbeddedPostgres.start({ dataDir, durable: false, port: server.port })
      assert.isBelow(yield* load.next(200), RECOVERY_MS_MAX)
      yield* load.stop
      assert.isTrue(service.isRunning())
      yield* ask(databaseUrl, (witness) =>
        Effect.runPromise(WebhookLoad.expectHonest(load.observed, witness)),
      )
    }),
  )
})

class World extends Context.Service<
  World,
  { readonly service: ServiceProcess.ServiceProcess; readonly proxy: TcpProxy }
>()("cvety/test/outage") {
  static readonly layer = Layer.effect(
    World,
    Effect.gen(function* () {
      const { url, witness } = yield* TestDatabase
      const proxy = yield* TcpProxy.to(url)
      const service = yield* ServiceProcess.start({ DATABASE_URL: proxy.url, RUN_SEEDS: "true" })
      yield* Effect.promise(() => insertOrders(witness, 1, 20 + BURST))
      return { service, proxy }
    }),
  ).pipe(Layer.provideMerge(TestDatabase.layer))
}

layer(World.layer, { excludeTestServices: true })("a database under load", (it) => {
  it.effect("that takes connections and answers nothing is 503 within 6 s, and heals by itself", () =>
    underLoad((load) =>
      Effect.gen(function* () {
        const { proxy } = yield* World
        yield* Effect.promise(() => proxy.setMode("blackhole"))
        // More than what the commits under way can take: the rest waits behind them.
        const burst = yield* Effect.forkChild(load.burst(BURST))
        yield* Effect.sleep(BLACKHOLE_MS)
        yield* Effect.promise(() => proxy.setMode("pass"))
        assert.isBelow(yield* load.next(200), RECOVERY_MS_MAX)
        yield* Fiber.join(burst)
      }),
    ),
  )

  for (const mode of ["refuse", "reset"] as const) {
    it.effect(`whose connections meet a ${mode} is 503, and heals by itself`, () =>
      underLoad((load) =>
        Effect.gen(function* () {
          const { proxy } = yield* World
          yield* Effect.promise(() => proxy.setMode(mode))
          yield* load.next(503)
          yield* Effect.sleep(500)
          yield* Effect.promise(() => proxy.setMode("pass"))
          assert.isBelow(yield* load.next(200), RECOVERY_MS_MAX)
        }),
      ),
    )
  }

  it.effect("that ends every session fails no more than what is under way", () =>
    underLoad((load) =>
      Effect.gen(function* () {
        const { witness } = yield* TestDatabase
        for (let turn = 0; turn < 4; turn += 1) {
          const ended = yield* Effect.promise(
            () => witness`
              SELECT pg_terminate_backend(pid)
              FROM pg_stat_activity
              WHERE datname = current_database() AND application_name = 'cvety'`,
          )
          assert.isAbove(ended.length, 0)
          assert.isBelow(yield* load.next(200), 1_000)
        }
        const failed = load.observed.filter(({ answer }) => answer.status !== 200)
        assert.isAtMost(failed.length, 4 * 21)
      }),
    ),
  )
})

const underLoad = <E, R>(
  body: (load: Effect.Success<ReturnType<typeof WebhookLoad.start>>) => Effect.Effect<void, E, R>,
) =>
  Effect.gen(function* () {
    const { service } = yield* World
    const { witness } = yield* TestDatabase
    const load = yield* WebhookLoad.start(service.url)
    yield* load.next(200)
    yield* body(load)
    yield* load.stop
    assert.isTrue(service.isRunning())
    yield* WebhookLoad.expectHonest(load.observed, witness)
  })

const ask = <A>(url: string, question: (witness: postgres.Sql) => Promise<A>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => postgres(url, { max: 1, onnotice: () => {} })),
    (witness) => Effect.promise(() => question(witness)),
    (witness) => Effect.promise(() => witness.end({ timeout: 1 })),
  )

const temporaryFolder = Effect.acquireRelease(
  Effect.promise(() => fs.mkdtemp(join(tmpdir(), "cvety-outage-"))),
  (path) => Effect.promise(() => fs.rm(path, { recursive: true, force: true, maxRetries: 5 })),
)
