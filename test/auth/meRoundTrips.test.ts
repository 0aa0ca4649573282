import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ServiceClient from "../support/ServiceClient.ts"
import * as ServiceProcess from "../support/ServiceProcess.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { SHOP_ID } from "../support/TestService.ts"

const SAMPLES = 9
const DIRECTOR_ID = 2

class World extends Context.Service<
  World,
  { readonly url: string; readonly proxy: TcpProxy; readonly http: ServiceClient.ServiceClient }
>()("cvety/test/meRoundTrips") {
  static readonly layer = Layer.effect(
    World,
    Effect.gen(function* () {
      const { url: databaseUrl } = yield* TestDatabase
      const proxy = yield* TcpProxy.to(databaseUrl)
      const { url } = yield* ServiceProcess.start({ DATABASE_URL: proxy.url, RUN_SEEDS: "true" })
      return { url, proxy, http: yield* ServiceClient.make(SHOP_ID, 1) }
    }),
  ).pipe(Layer.provideMerge(TestDatabase.layer))
}

layer(World.layer, { excludeTestServices: true })("who asks, in round trips to the database", (it) => {
  it.effect("an account that is asked about takes one", () =>
    Effect.gen(function* () {
      const { body, median } = yield* sample("/api/v1/auth/me")
      assert.deepStrictEqual([body.id, median], [DIRECTOR_ID, 1])
    }),
  )

  it.effect("a token that is asked about takes one", () =>
    Effect.gen(function* () {
      const { body, median } = yield* sample("/api/v1/auth/verify-token")
      assert.deepStrictEqual([body.user.id, median], [DIRECTOR_ID, 1])
    }),
  )

  it.effect("colleagues, and whether the session may still see them, take one together", () =>
    Effect.gen(function* () {
      const { body, median } = yield* sample("/api/v1/auth/users")
      assert.include(
        body.map(({ id }: { readonly id: number }) => id),
        DIRECTOR_ID,
      )
      assert.strictEqual(median, 1)
    }),
  )
})

/** The median, because the actors of the service speak to the database too, every few seconds. */
const sample = Effect.fnUntraced(function* (path: string) {
  const { url, proxy, http } = yield* World
  // The statement is prepared on the connection that serves one request after another.
  yield* http.get(`${url}${path}`)
  const counts: Array<number> = []
  let body: ServiceClient.Answer["body"]
  for (let turn = 0; turn < SAMPLES; turn += 1) {
    const before = proxy.roundTrips
    const answer = yield* http.get(`${url}${path}`)
    assert.strictEqual(answer.status, 200)
    counts.push(proxy.roundTrips - before)
    body = answer.body
  }
  counts.sort((a, b) => a - b)
  return { body, median: counts[(SAMPLES - 1) / 2] ?? 0 }
})
