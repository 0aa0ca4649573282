import { assert, layer } from "@effect/vitest"
import * as argon2 from "@node-rs/argon2"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestDatabase } from "../support/TestDatabase.ts"
import { logIn, TRUSTING } from "../support/TestLogin.ts"
import { insertPerson } from "../support/TestPeople.ts"
import { TestService } from "../support/TestService.ts"

const LOGINS = 20
const ROUNDS = 3
/** The target is 20 ms on a machine that does nothing else; here other tests run too. */
const P99_MS_MAX = 250

const PASSWORD = "верный пароль"

layer(TestService.layerWith(TRUSTING), { excludeTestServices: true })("twenty logins at once", (it) => {
  it.effect(
    "keep nobody else waiting",
    () =>
      Effect.gen(function* () {
        const { url } = yield* TestService
        const { witness } = yield* TestDatabase
        const passwordHash = yield* Effect.promise(() => argon2.hash(PASSWORD))
        const people = yield* Effect.forEach(Array.from({ length: LOGINS }), () =>
          insertPerson(witness, { role: "MANAGER", passwordHash }),
        )
        const health = Effect.promise(async () => {
          const startMs = performance.now()
          const response = await fetch(`${url}/health`)
          await response.text()
          assert.strictEqual(response.status, 200)
          return performance.now() - startMs
        })
        yield* Effect.forEach(Array.from({ length: 50 }), () => health)

        const logins = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: ROUNDS }), () =>
            Effect.forEach(people, ({ phone }) => logIn(url, phone, PASSWORD), { concurrency: LOGINS }),
          ),
        )
        const elapsed: Array<number> = []
        while (logins.pollUnsafe() === undefined) elapsed.push(yield* health)
        const answers = (yield* Fiber.join(logins)).flat()
        assert.deepStrictEqual([...new Set(answers.map(({ status }) => status))], [200])
        assert.isAbove(elapsed.length, 50)
        const sorted = elapsed.toSorted((a, b) => a - b)
        const p99 = sorted[Math.floor(sorted.length * 0.99)] ?? 0
        if (process.env["MEASURE"] !== undefined) {
          process.stderr.write(`p50 ${sorted[sorted.length >> 1]} p99 ${p99} of ${sorted.length}\n`)
        }
        assert.isBelow(p99, P99_MS_MAX)
      }),
    60_000,
  )
})
