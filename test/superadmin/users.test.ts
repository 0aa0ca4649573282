import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { superadminWorld } from "../support/SuperadminWorld.ts"
import { call, insertPerson } from "../support/TestPeople.ts"
import { TestService } from "../support/TestService.ts"

const idsOf = (body: ReadonlyArray<{ readonly id: number }>) => body.map(({ id }) => id)

layer(TestService.layer, { excludeTestServices: true })("accounts, for the operators", (it) => {
  it.effect("are found by shop, role, state, name and phone", () =>
    Effect.gen(function* () {
      const { ask, witness, shopId, director } = yield* superadminWorld
      const florist = yield* insertPerson(witness, { role: "FLORIST", shopId, name: "100%_Аня" })
      const gone = yield* insertPerson(witness, { role: "COURIER", shopId, isActive: false })
      const find = (query: string) =>
        Effect.map(ask("GET", `/users?shop_id=${shopId}&${query}`), ({ body }) => idsOf(body))
      assert.deepStrictEqual(yield* find(""), [gone.id, florist.id, director.id])
      assert.deepStrictEqual(yield* find("skip=1&limit=1"), [florist.id])
      assert.deepStrictEqual(yield* find("role=FLORIST"), [florist.id])
      assert.deepStrictEqual(yield* find("is_active=false"), [gone.id])
      assert.deepStrictEqual(yield* find(`search=${encodeURIComponent("0%_аня")}`), [florist.id])
      assert.deepStrictEqual(yield* find(`search=${encodeURIComponent("_%")}`), [])
      assert.deepStrictEqual(yield* find(`search=${director.phone.slice(-7)}`), [director.id])
      assert.strictEqual((yield* ask("GET", "/users?role=BOSS")).status, 422)
    }),
  )

  it.effect("that are blocked are refused by the very next request", () =>
    Effect.gen(function* () {
      const { ask, url, director } = yield* superadminWorld
      const act = () => call(url, "GET", "/profile/team", { token: director.token })
      assert.strictEqual((yield* act()).status, 200)
      const { status, body } = yield* ask("PUT", `/users/${director.id}/block`)
      assert.strictEqual(status, 200)
      assert.strictEqual(body.user.is_active, false)
      assert.strictEqual((yield* act()).status, 401)
      assert.strictEqual((yield* ask("PUT", `/users/${director.id}/unblock`)).body.user.is_active, true)
      assert.strictEqual((yield* act()).status, 401, "the old session stays over")
    }),
  )

  it.effect("get another password by body or query, and their sessions end", () =>
    Effect.gen(function* () {
      const { ask, url, witness, director } = yield* superadminWorld
      yield* Effect.promise(() => witness`DELETE FROM failed_attempt`)
      const path = `/users/${director.id}/reset-password`
      const logIn = (password: string) =>
        call(url, "POST", "/auth/login", { body: { phone: director.phone, password } })
      const reset = yield* ask("POST", path, { new_password: "first one" })
      assert.strictEqual(reset.status, 200)
      assert.strictEqual(reset.body.user.id, director.id)
      assert.strictEqual((yield* call(url, "GET", "/auth/me", { token: director.token })).status, 401)
      assert.strictEqual((yield* logIn("first one")).status, 200)
      assert.strictEqual((yield* ask("POST", `${path}?new_password=second-one`)).status, 200)
      assert.strictEqual((yield* logIn("first one")).status, 401)
      assert.strictEqual((yield* logIn("second-one")).status, 200)
      assert.strictEqual((yield* ask("POST", path)).status, 422)
      assert.strictEqual((yield* ask("POST", path, { new_password: "short" })).status, 422)
      assert.strictEqual((yield* ask("POST", path, { new_password: null })).status, 422)
      assert.strictEqual((yield* ask("POST", `${path}?new_password=short`)).status, 422)
    }),
  )

  it.effect("of operators are protected from operators", () =>
    Effect.gen(function* () {
      const { ask, superadmin, witness, shopId } = yield* superadminWorld
      const ofShop = yield* insertPerson(witness, { role: "DIRECTOR", shopId, isSuperadmin: true })
      for (const { id } of [superadmin, ofShop]) {
        assert.strictEqual((yield* ask("PUT", `/users/${id}/block`)).status, 403)
        assert.strictEqual((yield* ask("PUT", `/users/${id}/unblock`)).status, 403)
        const reset = yield* ask("POST", `/users/${id}/reset-password`, { new_password: "taken over" })
        assert.strictEqual(reset.status, 403)
      }
      assert.strictEqual((yield* ask("GET", "/stats")).status, 200)
    }),
  )
})
