import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { eventually } from "../support/eventually.ts"
import * as Prometheus from "../support/Prometheus.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { startNode } from "../support/TestNode.ts"
import { insertShop } from "../support/TestPeople.ts"

layer(TestDatabase.layer, { excludeTestServices: true })("the gauges of the outbox", (it) => {
  it.effect("tell for every shop and target what waits, since when, and what was given up", () =>
    Effect.gen(function* () {
      const { witness } = yield* TestDatabase
      const busy = yield* insertShop(witness)
      const quiet = yield* insertShop(witness)
      yield* Effect.promise(async () => {
        await witness`
          INSERT INTO outbox_route (shop_id, target) VALUES (${busy.shopId}, 'bitrix'), (${quiet.shopId}, 'bitrix')`
        await witness`
          INSERT INTO outbox (shop_id, target, aggregate_type, aggregate_id, payload, state, pending_since, settled_at)
          VALUES (${busy.shopId}, 'bitrix', 'product', '1', '{}', 'pending', now() - interval '1 hour', NULL),
                 (${busy.shopId}, 'bitrix', 'product', '2', '{}', 'pending', now(), NULL),
                 (${busy.shopId}, 'bitrix', 'product', '3', '{}', 'parked', now() - interval '1 day', now()),
                 (${busy.shopId}, 'bitrix', 'product', '4', '{}', 'delivered', now(), now())`
      })
      const { url } = yield* startNode({ settings: { RUN_SEEDS: "false" } })
      const scrape = Effect.map(
        Effect.promise(() => fetch(`${url}/metrics`).then((response) => response.text())),
        Prometheus.parse,
      )
      const labelsOf = ({ shopId }: { readonly shopId: number }) => ({
        shop: String(shopId),
        target: "bitrix",
      })
      yield* eventually(
        Effect.map(
          scrape,
          (metrics) => Prometheus.total(metrics, "outbox_parked", labelsOf(quiet)) !== undefined,
        ),
        "10 seconds",
      )
      const metrics = yield* scrape
      const told = (name: string, shop: { readonly shopId: number }) =>
        Prometheus.total(metrics, name, labelsOf(shop))
      assert.strictEqual(told("outbox_pending", busy), 2)
      assert.strictEqual(told("outbox_parked", busy), 1)
      assert.closeTo(told("outbox_oldest_seconds", busy) ?? 0, 3_600, 60)
      for (const name of ["outbox_pending", "outbox_parked", "outbox_oldest_seconds"])
        assert.strictEqual(told(name, quiet), 0, name)
    }),
  )
})
