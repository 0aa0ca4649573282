import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { logIn, nextAddress, TRUSTING } from "../support/TestLogin.ts"
import { startNode } from "../support/TestNode.ts"
import { nextPhone } from "../support/TestPeople.ts"
import { TestService } from "../support/TestService.ts"

const wrongLogins = (froms: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { url } = yield* TestService
    const answers = yield* Effect.forEach(froms, (from) => logIn(url, nextPhone(), "wrong", from))
    return answers.map(({ status }) => status)
  })

layer(TestService.layer, { excludeTestServices: true, concurrent: true })(
  "the address that a stranger claims",
  (it) => {
    it.effect("is not believed: all failures count for the one that the connection comes from", () =>
      Effect.gen(function* () {
        const statuses = yield* wrongLogins(Array.from({ length: 7 }, nextAddress))
        assert.deepStrictEqual(statuses, [401, 401, 401, 401, 401, 429, 429])
      }),
    )
  },
)

layer(TestService.layerWith(TRUSTING), { excludeTestServices: true, concurrent: true })(
  "the address that a proxy says",
  (it) => {
    it.effect("is believed when the proxy is one of ours", () =>
      Effect.gen(function* () {
        const [a, b] = [nextAddress(), nextAddress()]
        assert.deepStrictEqual(yield* wrongLogins([a, a, a, a, a, a, b]), [401, 401, 401, 401, 401, 429, 401])
      }),
    )

    it.effect("is the last of the list, whatever the client wrote before it", () =>
      Effect.gen(function* () {
        const client = nextAddress()
        const spoofed = Array.from({ length: 6 }, () => `${nextAddress()}, ${client}`)
        assert.deepStrictEqual(yield* wrongLogins(spoofed), [401, 401, 401, 401, 401, 429])
      }),
    )

    it.effect("cannot come from a network that is none: the service does not start", () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(startNode({ settings: { TRUSTED_PROXIES: "10.0.0.0/33" } }))
        assert.isTrue(Exit.isFailure(exit))
      }).pipe(Effect.scoped),
    )
  },
)
