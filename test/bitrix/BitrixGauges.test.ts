import { layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { makeWorld } from "../support/BitrixWorld.ts"
import { eventually } from "../support/eventually.ts"
import * as Prometheus from "../support/Prometheus.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { insertShop } from "../support/TestPeople.ts"
import { insertProduct } from "../support/TestProducts.ts"

layer(TestDatabase.layer, { excludeTestServices: true })("the gauges of Bitrix", (it) => {
  it.effect("tell whether it is left alone, and how many conflicts wait in every shop", () =>
    Effect.gen(function* () {
      const { node, witness, shopId, simulator, put, insertProduct: insertMirrored } = yield* makeWorld()
      const other = yield* insertShop(witness)
      yield* Effect.promise(async () => {
        for (const [field, chosen] of [
          ["name", null],
          ["price", null],
          ["width", "ours"],
        ] as const) {
          const id = await insertProduct(witness, { shopId: other.shopId })
          await witness`
            INSERT INTO sync_conflict (shop_id, product_id, field, ours, theirs, chosen, resolved_at)
            VALUES (${other.shopId}, ${id}, ${field}, '1', '2', ${chosen}, ${chosen === null ? null : new Date()})`
        }
      })
      const gaugeIs = (name: string, shop: number, value: number) =>
        eventually(
          Effect.map(
            Effect.promise(() => fetch(`${node.url}/metrics`).then((response) => response.text())),
            (text) => Prometheus.total(Prometheus.parse(text), name, { shop: String(shop) }) === value,
          ),
          "30 seconds",
        )

      yield* gaugeIs("outbox_breaker_open", shopId, 0)
      yield* gaugeIs("bitrix_conflicts_open", shopId, 0)
      yield* gaugeIs("bitrix_conflicts_open", other.shopId, 2)
      simulator.fail({ method: "PUT", mode: { kind: "status", status: 500 } })
      for (let count = 0; count < 6; count += 1) yield* put(yield* insertMirrored(), { price: 600_000 })
      yield* gaugeIs("outbox_breaker_open", shopId, 1)
      simulator.heal()
      yield* gaugeIs("outbox_breaker_open", shopId, 0)
    }),
  )
})
