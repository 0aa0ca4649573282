import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type postgres from "postgres"
import type { LockedOrder } from "../../src/orders/Order.ts"
import { OrderId } from "../../src/orders/Order.ts"
import { OrdersRepo } from "../../src/orders/OrdersRepo.ts"
import type { Query } from "../../src/platform/Query.ts"
import { ShopId } from "../../src/shared/ShopId.ts"
import * as AppSession from "../support/AppSession.ts"
import { BITRIX_BASE, insertOrders, insertShop } from "../support/OrderWorld.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { SHOP_ID } from "../support/TestService.ts"

const ORDERS = 100_000
const MORE_ORDERS = 100_000
const BATCH = 64
/** Pages that one order costs: three levels of the index, the row, and what a hundred thousand more may add. */
const PAGES_MAX = 8

layer(Layer.mergeAll(OrdersRepo.layer, TestDatabase.layer), { excludeTestServices: true })(
  "with 100,000 orders and with twice as many",
  (it) => {
    it.effect("a webhook finds, locks and saves its orders through their indexes alone", () =>
      Effect.gen(function* () {
        const { witness } = yield* TestDatabase
        const repo = yield* OrdersRepo
        const shop = ShopId.make(SHOP_ID)
        const lock = (count: number) => repo.lockByBitrixOrderIds(shop, bitrixIds(count))
        const save = (count: number) => repo.saveLocked(shop, ordersToSave(count))
        yield* Effect.promise(() => insertShop(witness, SHOP_ID))

        yield* Effect.promise(() => grow(witness, 1, ORDERS))
        const before = yield* explain(lock(1))
        yield* Effect.promise(() => grow(witness, ORDERS + 1, ORDERS + MORE_ORDERS))
        const after = yield* explain(lock(1))

        for (const plan of [before, after, yield* explain(lock(BATCH)), yield* explainGeneric(lock(BATCH))]) {
          assert.deepStrictEqual(plan.indexes, ["order_bitrix_order_id"])
          assert.deepStrictEqual(plan.scannedWhole, [])
        }
        assert.isAtMost(before.pages, PAGES_MAX)
        assert.isAtMost(after.pages, PAGES_MAX)

        for (const plan of [
          yield* explain(save(1)),
          yield* explain(save(BATCH)),
          yield* explainGeneric(save(BATCH)),
        ]) {
          assert.deepStrictEqual(plan.scannedWhole, [])
        }
      }),
    )
  },
)

const bitrixIds = (count: number) =>
  Array.from({ length: count }, (_, n) => String(BITRIX_BASE + 1 + n * 997))

const ordersToSave = (count: number): ReadonlyArray<LockedOrder> =>
  bitrixIds(count).map((bitrix_order_id, n) => ({
    id: OrderId.make(1_000 + n * 997),
    bitrix_order_id,
    status: "new",
    status_version: 0,
    bitrix_occurred_at: null,
    bitrix_received_at: new Date(),
  }))

// Without triggers and keys to other tables, which would take ten times as long and tell nothing here.
const grow = async (witness: postgres.Sql, from: number, to: number) => {
  const session = await witness.reserve()
  await session`SET session_replication_role = replica`
  await insertOrders(session, from, to)
  await session`SET session_replication_role = origin`
  session.release()
  await witness`ANALYZE "order"`
}

interface Plan {
  readonly indexes: ReadonlyArray<string>
  readonly scannedWhole: ReadonlyArray<string>
  /** Touched, whether they were in memory or not. */
  readonly pages: number
}

interface Node {
  readonly "Node Type": string
  readonly "Relation Name"?: string
  readonly "Index Name"?: string
  readonly "Shared Hit Blocks"?: number
  readonly "Shared Read Blocks"?: number
  readonly Plans?: ReadonlyArray<Node>
}

/** As it runs for these values, when the session has read the catalogue. */
const explain = (query: Query<unknown>) => {
  const [text, parameters] = query.statement.compile()
  const statement = text.replaceAll(/\$(\d+)/g, (_, place) => literal(parameters[Number(place) - 1]))
  return planOf(statement, `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${statement}`)
}

/** As a prepared statement may run for whatever values. */
const explainGeneric = (query: Query<unknown>) => {
  const [text] = query.statement.compile()
  return planOf(`EXPLAIN (GENERIC_PLAN, FORMAT JSON) ${text}`)
}

const planOf = Effect.fnUntraced(function* (...statements: ReadonlyArray<string>) {
  const run = yield* AppSession.make
  const { rows, refusal } = yield* run(SHOP_ID, ...statements)
  assert.isUndefined(refusal)
  const root: Node = rows[0]?.["QUERY PLAN"][0].Plan
  const nodes = flatten(root)
  return {
    indexes: nodes.flatMap((node) => node["Index Name"] ?? []),
    scannedWhole: nodes.flatMap((node) =>
      node["Node Type"] === "Seq Scan" ? (node["Relation Name"] ?? "") : [],
    ),
    pages: (root["Shared Hit Blocks"] ?? 0) + (root["Shared Read Blocks"] ?? 0),
  } satisfies Plan
})

const literal = (value: unknown): string =>
  Array.isArray(value) ? `'{${value.join()}}'` : `'${String(value).replaceAll("'", "''")}'`

const flatten = (node: Node): ReadonlyArray<Node> => [node, ...(node.Plans ?? []).flatMap(flatten)]
