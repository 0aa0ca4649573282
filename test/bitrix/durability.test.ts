import * as fs from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import postgres from "postgres"
import * as EmbeddedPostgres from "../../src/platform/EmbeddedPostgres.ts"
import { BITRIX_BASE, findBrokenChains, findEvents, insertOrders } from "../support/OrderWorld.ts"
import * as ServiceClient from "../support/ServiceClient.ts"
import * as ServiceProcess from "../support/ServiceProcess.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { SHOP_ID } from "../support/TestService.ts"

const CONNECTIONS = 20
const ORDERS = 40
const STATUSES = ["AP", "CO", "DE", "F", "RF", "PD", "N"]

describe("a SIGKILL of the service during a stream of webhooks", () => {
  it.live("loses and doubles nothing once the unanswered are sent again", () =>
    Effect.gen(function* () {
      const { url, witness } = yield* TestDatabase
      yield* expectExactlyOnce({
        start: ServiceProcess.start({ DATABASE_URL: url, RUN_SEEDS: "true" }),
        ask: (question) => Effect.promise(() => question(witness)),
        events: 2_000,
      })
    }).pipe(Effect.provide(TestDatabase.layer)),
  )

  it.live("loses and doubles nothing when its embedded PostgreSQL goes down with it", () =>
    Effect.gen(function* () {
      const dataDir = yield* temporaryFolder
      yield* expectExactlyOnce({
        start: ServiceProcess.start({ DATA_DIR: dataDir }),
        ask: askEmbedded(join(dataDir, "postgres")),
        events: 500,
      })
    }),
  )
})

interface World {
  readonly start: Effect.Effect<ServiceProcess.ServiceProcess, never, Scope.Scope>
  readonly ask: <A>(question: (witness: postgres.Sql) => Promise<A>) => Effect.Effect<A>
  readonly events: number
}

/** Kills the service in the middle of the stream; every event has an id, so that each can be found again. */
const expectExactlyOnce = Effect.fnUntraced(function* (world: World) {
  const killed = yield* world.start
  yield* world.ask((witness) => insertOrders(witness, 1, ORDERS))
  const http = yield* ServiceClient.make(SHOP_ID, CONNECTIONS)
  const events = Array.from({ length: world.events }, (_, n) => ({
    event_id: `event-${n}`,
    order_id: BITRIX_BASE + 1 + ((n * 31) % ORDERS),
    status: STATUSES[(n * 17) % STATUSES.length],
  }))
  const answers = new Map<string, unknown>()
  const send = (url: string) => (event: (typeof events)[number]) =>
    Effect.tap(http.post(url, event), ({ status, body }) => {
      assert.strictEqual(status, 200)
      answers.set(event.event_id, body)
      return answers.size === world.events / 2 && killed.isRunning() ? killed.send("SIGKILL") : Effect.void
    })

  yield* Effect.forEach(events, (event) => Effect.ignore(send(killed.url)(event)), {
    concurrency: CONNECTIONS,
  })
  assert.strictEqual((yield* killed.exited).signal, "SIGKILL")
  assert.isBelow(answers.size, world.events)

  const restarted = yield* world.start
  const unanswered = events.filter(({ event_id }) => !answers.has(event_id))
  yield* Effect.forEach(unanswered, send(restarted.url), { concurrency: CONNECTIONS })

  const stored = yield* world.ask(findEvents)
  assert.strictEqual(stored.size, world.events)
  for (const [event_id, answer] of answers) {
    const event = stored.get(event_id)
    const isSuccess = (answer as { readonly status: string }).status === "success"
    assert.deepStrictEqual(event, { event_id, answer, rows: 1, steps: isSuccess ? 1 : 0 })
  }
  assert.deepStrictEqual(yield* world.ask(findBrokenChains), [])
})

/** Attached only while it asks: it would keep the server up for a service that is gone. */
const askEmbedded =
  (dataDir: string): World["ask"] =>
  (question) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { url } = yield* EmbeddedPostgres.start({ dataDir })
        const witness = yield* Effect.acquireRelease(
          Effect.sync(() => postgres(Redacted.value(url), { max: 1, onnotice: () => {} })),
          (witness) => Effect.promise(() => witness.end({ timeout: 1 })),
        )
        return yield* Effect.promise(() => question(witness))
      }),
    ).pipe(Effect.orDie)

const temporaryFolder = Effect.acquireRelease(
  Effect.promise(() => fs.mkdtemp(join(tmpdir(), "cvety-durability-"))),
  (path) => Effect.promise(() => fs.rm(path, { recursive: true, force: true, maxRetries: 5 })),
)
