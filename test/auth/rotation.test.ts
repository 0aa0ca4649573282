import { assert, layer } from "@effect/vitest"
import * as argon2 from "@node-rs/argon2"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as ServiceProcess from "../support/ServiceProcess.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { call, insertPerson, insertShop } from "../support/TestPeople.ts"

const OLD = "the-signing-key-that-is-going-to-retire"
const NEXT = "the-signing-key-that-comes-after-it-now"
const PASSWORD = "a password of mine"
const CLIENTS = 4

layer(TestDatabase.layer, { excludeTestServices: true })("a session", (it) => {
  it.effect(
    "goes on without a failed request while the signing key is replaced, node by node",
    () =>
      Effect.gen(function* () {
        const { url: databaseUrl, witness } = yield* TestDatabase
        const { shopId } = yield* insertShop(witness)
        const passwordHash = yield* Effect.promise(() => argon2.hash(PASSWORD))
        const { phone } = yield* insertPerson(witness, { role: "MANAGER", shopId, passwordHash })

        const startNode = (keys: { readonly SECRET_KEY: string; readonly SECRET_KEY_PREVIOUS?: string }) =>
          Effect.gen(function* () {
            const scope = yield* Scope.make()
            yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
            const service = yield* Scope.provide(
              ServiceProcess.start({ DATABASE_URL: databaseUrl, ...keys }),
              scope,
            )
            return service
          })
        const logIn = Effect.suspend(() =>
          Effect.map(
            call(nodes[0]?.url ?? "", "POST", "/auth/login", { body: { phone, password: PASSWORD } }),
            ({ body }) => tokens.push(String(body.access_token)),
          ),
        )
        // The balancer: whoever leaves is taken off its list before it is told to stop.
        const replaceAll = (keys: Parameters<typeof startNode>[0]) =>
          Effect.forEach([0, 1], (index) =>
            Effect.gen(function* () {
              const leaving = nodes[index]
              nodes[index] = yield* startNode(keys)
              if (leaving === undefined) return
              yield* leaving.send("SIGTERM")
              assert.strictEqual((yield* leaving.exited).code, 0)
            }),
          )

        const nodes: Array<ServiceProcess.ServiceProcess> = []
        const tokens: Array<string> = []
        yield* replaceAll({ SECRET_KEY: OLD })
        yield* logIn

        const statuses = new Map<number, number>()
        const client = (seed: number) =>
          Effect.gen(function* () {
            for (let turn = seed; ; turn++) {
              const token = tokens[turn % tokens.length]
              const { status } = yield* call(nodes[turn % 2]?.url ?? "", "GET", "/auth/me", { token })
              statuses.set(status, (statuses.get(status) ?? 0) + 1)
            }
          })
        const clients = yield* Effect.forkChild(
          Effect.forEach(
            Array.from({ length: CLIENTS }, (_, seed) => seed),
            client,
            {
              concurrency: "unbounded",
            },
          ),
        )

        yield* replaceAll({ SECRET_KEY: OLD, SECRET_KEY_PREVIOUS: NEXT })
        yield* replaceAll({ SECRET_KEY: NEXT, SECRET_KEY_PREVIOUS: OLD })
        yield* logIn
        yield* Effect.sleep(500)
        yield* Fiber.interrupt(clients)
        assert.deepStrictEqual([...statuses.keys()], [200])
        assert.isAbove(statuses.get(200) ?? 0, 200)

        yield* replaceAll({ SECRET_KEY: NEXT })
        const last = yield* Effect.forEach(tokens, (token) =>
          call(nodes[0]?.url ?? "", "GET", "/auth/me", { token }),
        )
        assert.deepStrictEqual(
          last.map(({ status }) => status),
          [401, 200],
        )
      }).pipe(Effect.scoped),
    120_000,
  )
})
