/**
 * Two locks stand between shops: every query names its shop, and row security hides the rows of the others. Here the
 * first one is taken out of every statement of every repository at once; the second one holds alone.
 */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { vi } from "vitest"
import type { Decision } from "../../src/auth/Access.ts"
import { OrderId } from "../../src/orders/Order.ts"
import { OrdersRepo } from "../../src/orders/OrdersRepo.ts"
import type * as Query from "../../src/platform/Query.ts"
import { ShopId } from "../../src/shared/ShopId.ts"
import * as AppSession from "../support/AppSession.ts"
import { cross, makeShops } from "../support/IsolationMatrix.ts"
import { idOf, ORDER } from "../support/MarkedShop.ts"
import * as RawHttp from "../support/RawHttp.ts"
import * as ShopRows from "../support/ShopRows.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { TestService } from "../support/TestService.ts"
import { places } from "./operations.ts"

const stripped = vi.hoisted(() => new Set<string>())

vi.mock("../../src/platform/Query.ts", async (original) => {
  const query = await original<typeof Query>()
  type AnyStatement = Query.Query<unknown>["statement"]
  // The parameter stays, so that the others keep their numbers.
  const withoutShop = (statement: AnyStatement): AnyStatement =>
    Object.create(statement, {
      compile: {
        value: () => {
          const [text, parameters] = statement.compile()
          const open = text.replaceAll(/(?:\w+\.)?shop_id = (\$\d+)/g, "($1::integer IS NOT NULL)")
          if (open !== text) stripped.add(open)
          return [open, parameters]
        },
      },
    })
  return {
    ...query,
    rows: (schema: never, statement: AnyStatement) => query.rows(schema, withoutShop(statement)),
    command: (statement: AnyStatement) => query.command(withoutShop(statement)),
  }
})

const FIRST_SHOP = 75_001
/** Operations of a shop that name a record or read a list, and what the matrix asks them with. */
const matrix = Effect.gen(function* () {
  const { url } = yield* TestService
  const { witness } = yield* TestDatabase
  const http = yield* RawHttp.make(url, 8)
  const rows = yield* Effect.promise(() => ShopRows.reader(witness))
  const { body } = yield* http.send({ path: "/openapi.json" })
  const asked = Object.entries(places).flatMap(([name, place]) => {
    const [method = "", path = ""] = name.split(" ")
    const decision: Decision = body.paths[path]?.[method.toLowerCase()]?.["x-access"]
    return SHOP_KINDS.has(decision.kind) && (place.record !== undefined || method === "GET")
      ? [{ method, path, decision, place }]
      : []
  })
  const ofRecords = asked.filter(({ place }) => place.record !== undefined)
  assert.isNotEmpty(ofRecords)
  return { means: { http, witness, rows }, asked, ofRecords }
})

const SHOP_KINDS = new Set(["account", "colleague", "permission", "director"])

layer(TestService.layerWith({ RUN_SEEDS: "false" }), { excludeTestServices: true, timeout: 60_000 })(
  "without the shop in any query",
  (it) => {
    it.effect("a query finds the order of another shop, unless row security hides it", () =>
      Effect.gen(function* () {
        const { witness } = yield* TestDatabase
        const { first, second } = yield* Effect.promise(() => makeShops(witness, FIRST_SHOP))
        const repo = yield* Effect.provide(OrdersRepo, OrdersRepo.layer)
        const [text, parameters] = repo
          .findById(ShopId.make(first), OrderId.make(idOf(second, ORDER)))
          .statement.compile()
        const seen = yield* Effect.promise(() => witness.unsafe(text, parameters as Array<number>))
        assert.deepStrictEqual(
          seen.map(({ id }) => id),
          [idOf(second, ORDER)],
        )
        const run = yield* AppSession.make
        const inlined = parameters.reduce<string>(
          (statement, value, index) => statement.replaceAll(`$${index + 1}`, String(value)),
          text,
        )
        assert.deepStrictEqual((yield* run(first, inlined)).rows, [])
        assert.lengthOf((yield* run(second, inlined)).rows, 1)
      }),
    )

    it.effect("no operation that names a record or reads a list tells of another shop or changes it", () =>
      Effect.gen(function* () {
        const { witness } = yield* TestDatabase
        const { means, asked } = yield* matrix
        for (const [index, operation] of asked.entries()) {
          const shops = yield* Effect.promise(() => makeShops(witness, FIRST_SHOP + 10 * (index + 1)))
          yield* Effect.promise(() => cross(means, shops, operation))
        }
        for (const table of ["order", "order_history", "order_item", "user", "team_invitation"]) {
          assert.isTrue(
            [...stripped].some((text) => new RegExp(`FROM "?${table}"?\\s`).test(text)),
            table,
          )
        }
      }),
    )
  },
)

layer(TestService.layerWith({ RUN_SEEDS: "false" }), { excludeTestServices: true, timeout: 60_000 })(
  "without both locks",
  (it) => {
    it.effect("the matrix tells of every operation that names a record", () =>
      Effect.gen(function* () {
        const { means, ofRecords } = yield* matrix
        for (const { name } of means.rows.tables) {
          yield* Effect.promise(() =>
            means.witness.unsafe(`ALTER TABLE "${name}" DISABLE ROW LEVEL SECURITY`),
          )
        }
        for (const [index, operation] of ofRecords.entries()) {
          const shops = yield* Effect.promise(() => makeShops(means.witness, FIRST_SHOP + 10 * index))
          const outcome = yield* Effect.promise(() =>
            cross(means, shops, operation).then(() => "nothing was told", String),
          )
          assert.match(outcome, /AssertionError/, `${operation.method} ${operation.path}`)
        }
      }),
    )
  },
)
