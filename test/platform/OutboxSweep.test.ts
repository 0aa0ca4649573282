import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { eventually } from "../support/eventually.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { startNode } from "../support/TestNode.ts"
import { insertShop } from "../support/TestPeople.ts"

layer(TestDatabase.layer, { excludeTestServices: true })("the outbox", (it) => {
  it.effect("forgets what was delivered more than a week ago, in every shop, and nothing else", () =>
    Effect.gen(function* () {
      const { witness } = yield* TestDatabase
      const first = yield* insertShop(witness)
      const second = yield* insertShop(witness)
      yield* Effect.promise(async () => {
        // More than one batch.
        await witness`
          INSERT INTO outbox (shop_id, target, aggregate_type, aggregate_id, payload, state, settled_at)
          SELECT CASE WHEN n % 2 = 0 THEN ${first.shopId}::integer ELSE ${second.shopId}::integer END,
                 'telegram', 'shop', 'old ' || n, '{}', 'delivered', now() - interval '8 days'
          FROM generate_series(1, 2500) AS n`
        for (const { shopId } of [first, second]) {
          await witness`
            INSERT INTO outbox (shop_id, target, aggregate_type, aggregate_id, payload, state, settled_at)
            VALUES (${shopId}, 'telegram', 'shop', 'younger', '{}', 'delivered', now() - interval '6 days'),
                   (${shopId}, 'telegram', 'shop', 'parked', '{}', 'parked', now() - interval '8 days')`
          await witness`
            INSERT INTO outbox (shop_id, target, aggregate_type, aggregate_id, payload, pending_since)
            VALUES (${shopId}, 'telegram', 'shop', 'pending', '{}', now() - interval '8 days')`
        }
      })
      const { url } = yield* startNode({ settings: { RUN_SEEDS: "false" } })
      const kept = Effect.promise(
        () => witness<Array<{ aggregate_id: string }>>`SELECT aggregate_id FROM outbox ORDER BY aggregate_id`,
      )
      yield* eventually(
        Effect.map(kept, (rows) => rows.every(({ aggregate_id }) => !aggregate_id.startsWith("old"))),
        "20 seconds",
      )
      // Until it found nothing more to forget.
      const ready = Effect.promise(() => fetch(`${url}/metrics`).then((response) => response.text()))
      yield* eventually(
        Effect.map(ready, (metrics) => /actor_rows_total\{actor="outbox_sweep"\} 2500\b/.test(metrics)),
        "10 seconds",
      )
      assert.deepStrictEqual(
        (yield* kept).map(({ aggregate_id }) => aggregate_id),
        ["parked", "parked", "pending", "pending", "younger", "younger"],
      )
    }),
  )
})
