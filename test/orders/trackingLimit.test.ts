import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestDatabase } from "../support/TestDatabase.ts"
import { ask, nextAddress, TRUSTING } from "../support/TestLogin.ts"
import { TestService } from "../support/TestService.ts"

const GUESSES_MAX = 30

layer(TestService.layerWith(TRUSTING), { excludeTestServices: true })("the public status", (it) => {
  it.effect("is closed to an address after thirty guesses, and to no other", () =>
    Effect.gen(function* () {
      const { url } = yield* TestService
      const { witness } = yield* TestDatabase
      const [order] = yield* Effect.promise(() => witness`SELECT tracking_id FROM "order" LIMIT 1`)
      const from = nextAddress()
      const track = (trackingId: string, from: string) =>
        ask(url, "GET", `/orders/by-tracking/${trackingId}/status`, { from })
      const known = String(order?.["tracking_id"])
      for (let i = 0; i < GUESSES_MAX; i++) {
        assert.strictEqual((yield* track(String(100_000_000 + i), from)).status, 404)
        if (i % 10 === 0) assert.strictEqual((yield* track(known, from)).status, 200)
      }
      for (const trackingId of ["100000099", known]) {
        const { status, headers } = yield* track(trackingId, from)
        assert.strictEqual(status, 429)
        assert.isAbove(Number(headers.get("retry-after")), 0)
      }
      assert.strictEqual((yield* track(known, nextAddress())).status, 200)
    }),
  )
})
