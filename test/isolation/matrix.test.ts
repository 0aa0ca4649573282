/**
 * Every operation of the contract, asked by everybody. An operation without a place in `operations.ts` fails, and so
 * does a place without an operation.
 */
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type postgres from "postgres"
import type { Decision } from "../../src/auth/Access.ts"
import type { Shops } from "../support/IsolationCallers.ts"
import type { Means } from "../support/IsolationMatrix.ts"
import { cross, makeShops } from "../support/IsolationMatrix.ts"
import { findUnmarked } from "../support/MarkedShop.ts"
import * as RawHttp from "../support/RawHttp.ts"
import * as ShopRows from "../support/ShopRows.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { TestService } from "../support/TestService.ts"
import { places } from "./operations.ts"

const FIRST_SHOP = 70_001
const names = Object.keys(places)
/** The operations that stand for the one shop of the configuration. */
const WEBHOOKS = ["POST /api/v1/webhooks/order-status-sync", "POST /api/v1/webhooks/product-sync"]
const shopOf = (name: string): number =>
  FIRST_SHOP + 10 * names.indexOf(WEBHOOKS.includes(name) ? (WEBHOOKS[0] ?? name) : name)
const worlds = new Map<number, Promise<Shops>>()
const worldOf = (witness: postgres.Sql, name: string): Promise<Shops> => {
  const first = shopOf(name)
  const world = worlds.get(first) ?? makeShops(witness, first, WEBHOOKS.includes(name))
  worlds.set(first, world)
  return world
}

class Contract extends Context.Service<
  Contract,
  { readonly means: Means; readonly decisions: ReadonlyMap<string, Decision> }
>()("cvety/test/isolation/Contract") {
  static readonly layer = Layer.effect(
    Contract,
    Effect.gen(function* () {
      const { url } = yield* TestService
      const { witness } = yield* TestDatabase
      const http = yield* RawHttp.make(url, 8)
      const { body } = yield* http.send({ path: "/openapi.json" })
      const rows = yield* Effect.promise(() => ShopRows.reader(witness))
      const decisions = new Map(
        Object.entries<object>(body.paths).flatMap(([path, operations]) =>
          Object.entries<any>(operations).map(
            ([method, operation]) => [`${method.toUpperCase()} ${path}`, operation["x-access"]] as const,
          ),
        ),
      )
      return { means: { http, witness, rows }, decisions }
    }),
  ).pipe(
    Layer.provideMerge(
      TestService.layerWith({
        RUN_SEEDS: "false",
        WEBHOOK_SHOP_ID: String(shopOf(WEBHOOKS[0] ?? "")),
        DATA_DIR: join(tmpdir(), "cvety-test-matrix"),
      }),
    ),
  )
}

let cases = 0

layer(Contract.layer, { excludeTestServices: true, timeout: 60_000 })(
  "every operation of the contract",
  (it) => {
    it.effect("has its place in the matrix and its access decision, and no place is left over", () =>
      Effect.gen(function* () {
        const { decisions } = yield* Contract
        assert.deepStrictEqual([...decisions.keys()].toSorted(), names.toSorted())
        for (const [name, decision] of decisions) assert.isString(decision?.kind, name)
      }),
    )

    it.effect("meets shops whose every table and every text can be recognised", () =>
      Effect.gen(function* () {
        const { means } = yield* Contract
        const { first } = yield* Effect.promise(() => makeShops(means.witness, FIRST_SHOP - 10))
        const unmarked = yield* Effect.promise(() => findUnmarked(means.witness, first))
        assert.deepStrictEqual(unmarked, [])
        const rows = [...(yield* Effect.promise(() => means.rows.read(first)))]
        for (const { name } of means.rows.tables) {
          assert.isTrue(
            rows.some((row) => row.startsWith(`${first} ${name} `)),
            `${name} has no row`,
          )
        }
      }),
    )

    for (const [name, place] of Object.entries(places)) {
      it.effect(`keeps shops apart: ${name}`, () =>
        Effect.gen(function* () {
          const { means, decisions } = yield* Contract
          const decision = decisions.get(name)
          assert.isDefined(decision, `${name} is no operation of the contract`)
          const [method = "", path = ""] = name.split(" ")
          const shops = yield* Effect.promise(() => worldOf(means.witness, name))
          cases += yield* Effect.promise(() => cross(means, shops, { method, path, decision, place }))
        }),
      )
    }

    it.effect("is told of when it enforces another decision than it declares", () =>
      Effect.gen(function* () {
        const { means } = yield* Contract
        const name = "GET /api/v1/auth/users"
        const place = places[name]
        assert.isDefined(place)
        const wrong: ReadonlyArray<Decision> = [
          { kind: "everyone" },
          { kind: "account" },
          { kind: "permission", permission: "view_team_members" },
          { kind: "director" },
          { kind: "superadmin" },
        ]
        for (const [index, decision] of wrong.entries()) {
          const shops = yield* Effect.promise(() => makeShops(means.witness, FIRST_SHOP - 20 - 10 * index))
          const outcome = yield* Effect.promise(() =>
            cross(means, shops, { method: "GET", path: "/api/v1/auth/users", decision, place }).then(
              () => "nothing was told",
              String,
            ),
          )
          assert.match(outcome, /AssertionError/, decision.kind)
        }
      }),
    )

    it.effect("was asked thousands of times", () =>
      Effect.sync(() => {
        console.log(`isolation matrix: ${cases} cases over ${names.length} operations`)
        assert.isAbove(cases, 3_000)
      }),
    )
  },
)
