import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { superadminWorld } from "../support/SuperadminWorld.ts"
import { call, insertPerson } from "../support/TestPeople.ts"
import { TestService } from "../support/TestService.ts"

const routes = [
  ["GET", "/shops"],
  ["GET", "/shops/1"],
  ["PUT", "/shops/1/block"],
  ["PUT", "/shops/1/unblock"],
  ["GET", "/users"],
  ["PUT", "/users/1/block"],
  ["PUT", "/users/1/unblock"],
  ["POST", "/users/1/reset-password"],
  ["GET", "/products"],
  ["PUT", "/products/1"],
  ["DELETE", "/products/1"],
  ["PUT", "/products/1/toggle"],
  ["GET", "/orders"],
  ["GET", "/orders/1"],
  ["PUT", "/orders/1/status"],
  ["PUT", "/orders/1/cancel"],
  ["GET", "/stats"],
] as const

layer(TestService.layer, { excludeTestServices: true })("every route of the operators", (it) => {
  it.effect("is for the flag, and not for a director or a stranger", () =>
    Effect.gen(function* () {
      const { url, director } = yield* superadminWorld
      for (const [method, path] of routes) {
        const refused = yield* call(url, method, `/superadmin${path}`, { token: director.token })
        assert.deepStrictEqual(
          { status: refused.status, body: refused.body },
          { status: 403, body: { detail: "Operation requires superadmin access" } },
          path,
        )
        assert.strictEqual((yield* call(url, method, `/superadmin${path}`)).status, 401, path)
      }
    }),
  )

  it.effect("lets in whoever has the flag, whatever their role is called", () =>
    Effect.gen(function* () {
      const { url, witness, shopId } = yield* superadminWorld
      const florist = yield* insertPerson(witness, { role: "FLORIST", shopId, isSuperadmin: true })
      assert.strictEqual((yield* call(url, "GET", "/superadmin/stats", { token: florist.token })).status, 200)
    }),
  )

  it.effect("knows no record that does not exist", () =>
    Effect.gen(function* () {
      const { ask } = yield* superadminWorld
      for (const [method, path] of routes.filter(([, path]) => path.includes("/1"))) {
        const query = path.endsWith("status") ? "?new_status=paid" : "?new_password=secret-one"
        const { status, body } = yield* ask(method, path.replace("/1", "/999999999") + query)
        assert.strictEqual(status, 404, path)
        assert.match(body.detail, /^(Shop|User|Product|Order) not found$/)
        assert.strictEqual((yield* ask(method, path.replace("/1", "/one") + query)).status, 422, path)
      }
    }),
  )

  it.effect("bounds its lists", () =>
    Effect.gen(function* () {
      const { ask } = yield* superadminWorld
      for (const list of ["/shops", "/users", "/products", "/orders"]) {
        for (const query of ["limit=0", "limit=1001", "skip=-1", "skip=100001", "limit=1.5"]) {
          assert.strictEqual((yield* ask("GET", `${list}?${query}`)).status, 422, `${list} ${query}`)
        }
        assert.strictEqual((yield* ask("GET", `${list}?skip=100000&limit=1000`)).status, 200, list)
      }
    }),
  )
})
