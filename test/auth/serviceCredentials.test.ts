import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestDatabase } from "../support/TestDatabase.ts"
import { insertOrder } from "../support/TestOrders.ts"
import { call, insertPerson, insertShop } from "../support/TestPeople.ts"
import { TestService } from "../support/TestService.ts"

const world = Effect.gen(function* () {
  const { url } = yield* TestService
  const { witness } = yield* TestDatabase
  const director = yield* insertShop(witness)
  const issue = (name: string, permissions: ReadonlyArray<string> = ["view_order_details"]) =>
    call(url, "POST", "/service-credentials", { token: director.token, body: { name, permissions } })
  const revoke = (id: number, token = director.token) =>
    call(url, "DELETE", `/service-credentials/${id}`, { token })
  const { id: orderId } = yield* Effect.promise(() => insertOrder(witness, { shopId: director.shopId }))
  const read = (key: string, id = orderId) => call(url, "GET", `/orders/${id}`, { token: key })
  return { url, witness, director, issue, revoke, read }
})

layer(TestService.layer, { excludeTestServices: true })("the key of a machine", (it) => {
  it.effect("is shown once and opens what it was given, of its shop only", () =>
    Effect.gen(function* () {
      const { url, witness, director, issue, read } = yield* world
      const issued = yield* issue("bot")
      assert.strictEqual(issued.status, 200)
      assert.match(issued.body.key, new RegExp(`^cvk_${director.shopId}_\\d+_[\\w-]{43}$`))
      assert.strictEqual((yield* read(issued.body.key)).status, 200)
      const other = yield* world
      const foreign = yield* Effect.promise(() => insertOrder(witness, { shopId: other.director.shopId }))
      assert.deepStrictEqual(
        (yield* read(issued.body.key, foreign.id)).body,
        (yield* read(issued.body.key, 999_999_999)).body,
      )
      const listed = yield* call(url, "GET", "/service-credentials", { token: director.token })
      assert.notInclude(JSON.stringify(listed.body), issued.body.key.split("_")[3])
      assert.isNotNull(listed.body[0].last_used_at)
    }),
  )

  it.effect("opens nothing that it was not given, nor what is for people", () =>
    Effect.gen(function* () {
      const { url, issue, read } = yield* world
      const { key } = (yield* issue("bot", ["view_products"])).body
      assert.strictEqual((yield* read(key)).status, 403)
      for (const path of ["/auth/me", "/auth/users", "/profile/team", "/audit", "/service-credentials"]) {
        assert.strictEqual((yield* call(url, "GET", path, { token: key })).status, 401, path)
      }
    }),
  )

  it.effect("is refused when it is wrong in any part, or revoked, or its shop is blocked", () =>
    Effect.gen(function* () {
      const { witness, director, issue, revoke, read } = yield* world
      const { key, id } = (yield* issue("bot")).body
      const [, shop, number, secret] = /^cvk_(\d+)_(\d+)_(.*)$/.exec(key) ?? []
      const other = yield* world
      for (const wrong of [
        `cvk_${shop}_${number}_${secret?.replace(/^./, (first) => (first === "A" ? "B" : "A"))}`,
        `cvk_${other.director.shopId}_${number}_${secret}`,
        `cvk_${shop}_${Number(number) + 1}_${secret}`,
        `cvk_${shop}_${number}_`,
        "cvk_99999999999_1_x",
        `${key}x`,
      ]) {
        assert.strictEqual((yield* read(wrong)).status, 401, wrong)
      }
      yield* Effect.promise(() => witness`UPDATE shop SET is_active = false WHERE id = ${director.shopId}`)
      assert.strictEqual((yield* read(key)).status, 401)
      yield* Effect.promise(() => witness`UPDATE shop SET is_active = true WHERE id = ${director.shopId}`)
      assert.strictEqual((yield* read(key)).status, 200)
      assert.strictEqual((yield* revoke(id)).status, 200)
      assert.strictEqual((yield* read(key)).status, 401)
      assert.strictEqual((yield* revoke(id)).status, 404)
    }),
  )

  it.effect("lives beside one other of its name, also when three are asked for at once", () =>
    Effect.gen(function* () {
      const { issue, revoke, read } = yield* world
      const answers = yield* Effect.all(
        Array.from({ length: 6 }, () => issue("bot")),
        { concurrency: "unbounded" },
      )
      const made = answers.filter(({ status }) => status === 200)
      assert.deepStrictEqual(answers.map(({ status }) => status).toSorted(), [200, 200, 409, 409, 409, 409])
      for (const { body } of made) assert.strictEqual((yield* read(body.key)).status, 200)
      assert.strictEqual((yield* issue("another bot")).status, 200)
      yield* revoke(made[0]?.body.id)
      assert.strictEqual((yield* issue("bot")).status, 200)
    }),
  )

  it.effect("is listed before all that were revoked, so that none lives out of sight", () =>
    Effect.gen(function* () {
      const { url, director, issue, revoke } = yield* world
      const made: Array<number> = []
      for (const name of ["old bot", "bot", "new bot"]) made.push((yield* issue(name)).body.id)
      const [oldest = 0, middle = 0, newest = 0] = made
      yield* revoke(newest)
      const { body } = yield* call(url, "GET", "/service-credentials", { token: director.token })
      assert.deepStrictEqual(
        body.map(({ id }: { id: number }) => id),
        [middle, oldest, newest],
      )
    }),
  )

  it.effect("is made and revoked by directors, and never with rights over people", () =>
    Effect.gen(function* () {
      const { url, witness, director, issue, revoke } = yield* world
      assert.strictEqual((yield* issue("bot", ["invite_team_members"])).status, 422)
      assert.strictEqual((yield* issue("bot", [])).status, 422)
      assert.strictEqual((yield* issue("")).status, 422)
      const manager = yield* insertPerson(witness, { role: "MANAGER", shopId: director.shopId })
      const refused = yield* call(url, "GET", "/service-credentials", { token: manager.token })
      assert.strictEqual(refused.status, 403)
      const { id } = (yield* issue("bot")).body
      const other = yield* insertShop(witness)
      const foreign = yield* revoke(id, other.token)
      const missing = yield* revoke(999_999, other.token)
      assert.strictEqual(foreign.status, 404)
      assert.deepStrictEqual(foreign.body, missing.body)
    }),
  )
})
