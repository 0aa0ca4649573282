import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as AppSession from "../support/AppSession.ts"
import { insertOrders, insertShop } from "../support/OrderWorld.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { SHOP_ID } from "../support/TestService.ts"

/** A session of the working role in a world of one order, which is new and stays so. */
class World extends Context.Service<World, Effect.Success<typeof AppSession.make>>()(
  "cvety/test/statusChain",
) {
  static readonly layer = Layer.effect(
    World,
    Effect.gen(function* () {
      const { witness } = yield* TestDatabase
      yield* Effect.promise(() => insertShop(witness, SHOP_ID))
      yield* Effect.promise(() => insertOrders(witness, 1, 1))
      return yield* AppSession.make
    }),
  ).pipe(Layer.provide(TestDatabase.layer))
}

const step = (version: number | null, from: string, to: string, field = "status") => `
  INSERT INTO order_history (shop_id, order_id, changed_by, field_name, old_value, new_value, status_version)
  SELECT shop_id, id, 'test', '${field}', '${from}', '${to}', ${version}
  FROM "order"`
const save = (version: number, status: string) =>
  `UPDATE "order" SET status = '${status}', status_version = ${version}`
const accepted = [step(1, "new", "accepted"), save(1, "accepted")]
const assembled = [...accepted, step(2, "accepted", "assembled"), save(2, "assembled")]

layer(World.layer, { excludeTestServices: true })("the status of an order in the database", (it) => {
  const refused: ReadonlyArray<[what: string, refusal: RegExp, ...statements: ReadonlyArray<string>]> = [
    ["changes without a version", /^order_begins_as_new$/, `UPDATE "order" SET status = 'accepted'`],
    ["changes without a step", /^order_status_has_history$/, save(1, "accepted")],
    ["is not that of its step", /^order_status_has_history$/, step(1, "new", "accepted"), save(1, "paid")],
    [
      "changes under its version",
      /^order_status_has_history$/,
      ...accepted,
      `UPDATE "order" SET status = 'paid'`,
    ],
    ["runs ahead of its history", /^order_status_has_history$/, ...accepted, save(2, "assembled")],
    ["goes back to the beginning", /^order_status_goes_forward$/, ...accepted, save(0, "new")],
    ["goes back to an earlier step", /^order_status_goes_forward$/, ...assembled, save(1, "accepted")],
    ["is none of ours", /^order_status_check$/, save(1, "lost")],
    ["forks", /^order_history_one_version$/, ...assembled, step(2, "accepted", "cancelled")],
    ["has a gap", /^order_history_chain$/, ...accepted, step(3, "accepted", "assembled")],
    ["begins in the middle", /^order_history_chain$/, step(2, "accepted", "assembled")],
    ["lies about what was", /^order_history_chain$/, ...accepted, step(2, "paid", "assembled")],
    ["lies about the beginning", /^order_history_begins_as_new$/, step(1, "paid", "accepted")],
    ["steps on the spot", /^order_history_check/, step(1, "new", "new")],
    ["has a step without a version", /^order_history_check/, step(null, "new", "accepted")],
    ["gives a version to another field", /^order_history_check/, step(1, "new", "accepted", "notes")],
  ]
  for (const [what, refusal, ...statements] of refused) {
    it.effect(`is refused when it ${what}`, () =>
      Effect.gen(function* () {
        const run = yield* World
        assert.match(String((yield* run(SHOP_ID, ...statements)).refusal), refusal)
      }),
    )
  }

  it.effect("is taken with every step of its history, one by one or several at once", () =>
    Effect.gen(function* () {
      const run = yield* World
      const atOnce = [step(1, "new", "accepted"), step(2, "accepted", "assembled"), save(2, "assembled")]
      for (const statements of [assembled, atOnce]) {
        const outcome = yield* run(SHOP_ID, ...statements, `SELECT status, status_version FROM "order"`)
        assert.deepStrictEqual(outcome, {
          rows: [{ status: "assembled", status_version: 2 }],
          refusal: undefined,
        })
      }
    }),
  )
})
