import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Query } from "../../src/platform/Query.ts"
import { CatalogueRepo } from "../../src/products/CatalogueRepo.ts"
import { ShopId } from "../../src/shared/ShopId.ts"
import * as AppSession from "../support/AppSession.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { insertShop } from "../support/TestPeople.ts"

const PRODUCTS = 2_000
const FACTS = 1_000
const PAGE = { skip: 0, limit: 20 }
/** Pages that a product on the list costs: its row, its images, its fact, each with the levels of their index. */
const PAGES_PER_PRODUCT_MAX = 12

layer(Layer.mergeAll(CatalogueRepo.layer, TestDatabase.layer), { excludeTestServices: true })(
  "with 2,000 products of a shop, and 1,000 of them still to be told to Bitrix",
  (it) => {
    it.effect("a page of them is walked by index, no further than it goes", () =>
      Effect.gen(function* () {
        const { witness } = yield* TestDatabase
        const repo = yield* CatalogueRepo
        const { shopId } = yield* insertShop(witness)
        const other = yield* insertShop(witness)
        yield* Effect.promise(async () => {
          await witness`
            INSERT INTO product (id, shop_id, name, price, is_featured, created_at)
            SELECT n, CASE WHEN n <= ${PRODUCTS} THEN ${shopId}::integer ELSE ${other.shopId}::integer END, 'Букет ' || n, 100,
                   n % 50 = 0, now() - n * interval '1 minute'
            FROM generate_series(1, ${2 * PRODUCTS}) n`
          await witness`
            INSERT INTO product_image (shop_id, product_id, url)
            SELECT ${shopId}, id, '/' || id || '.webp' FROM product WHERE shop_id = ${shopId}`
          await witness`INSERT INTO outbox_route (shop_id, target) VALUES (${shopId}, 'bitrix')`
          await witness`
            INSERT INTO outbox (shop_id, target, aggregate_type, aggregate_id, payload)
            SELECT ${shopId}, 'bitrix', 'product', n::text, '{}' FROM generate_series(1, ${FACTS}) n`
          await witness`VACUUM ANALYZE product, product_image, outbox, outbox_route, shop`
        })
        const selection = { shopId: ShopId.make(shopId), isForSale: true }
        for (const [index, query] of [
          ["product_newest", repo.find(selection, PAGE)],
          ["product_featured_of_shop", repo.find({ ...selection, isFeatured: true }, PAGE)],
        ] as const) {
          const plan = yield* explain(shopId, repo.keepPlans, query)
          assert.strictEqual(plan.rows, PAGE.limit)
          assert.isAtMost(plan.pages, PAGE.limit * PAGES_PER_PRODUCT_MAX)
          assert.includeMembers(plan.indexes, [index, "product_image_product_id", "outbox_one_open"])
        }
      }),
    )
  },
)

interface Node {
  readonly "Actual Rows"?: number
  readonly "Index Name"?: string
  readonly "Shared Hit Blocks"?: number
  readonly "Shared Read Blocks"?: number
  readonly Plans?: ReadonlyArray<Node>
}

/** As the prepared statement runs, in the tenant of the shop. */
const explain = Effect.fnUntraced(function* (shopId: number, before: Query<void>, query: Query<unknown>) {
  const run = yield* AppSession.make
  const [text, parameters] = query.statement.compile()
  const execute = `EXECUTE page (${parameters.map(Number).join()})`
  const { rows, refusal } = yield* run(
    shopId,
    "SET LOCAL enable_seqscan = off",
    before.statement.compile()[0],
    `PREPARE page AS ${text}`,
    `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${execute}`,
  )
  assert.isUndefined(refusal)
  const root: Node = rows[0]?.["QUERY PLAN"][0].Plan
  return {
    rows: root["Actual Rows"],
    pages: (root["Shared Hit Blocks"] ?? 0) + (root["Shared Read Blocks"] ?? 0),
    indexes: flatten(root).flatMap((node) => node["Index Name"] ?? []),
  }
})

const flatten = (node: Node): ReadonlyArray<Node> => [node, ...(node.Plans ?? []).flatMap(flatten)]
