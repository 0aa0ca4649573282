/** What no webhook told is found by the walk through Bitrix's list, and repaired. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { makeWorld } from "../support/BitrixWorld.ts"
import { eventually } from "../support/eventually.ts"
import { TestDatabase } from "../support/TestDatabase.ts"

/** Walks again as soon as it may. */
const QUICK = { BITRIX_RECONCILE_PAUSE_SECONDS: "1" }

layer(TestDatabase.layer, { excludeTestServices: true })("the walk through Bitrix's list", (it) => {
  it.effect("repairs what lost webhooks would have told", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld({ settings: QUICK, simulator: { pageMax: 5 } })
      const ids = yield* Effect.forEach(Array.from({ length: 12 }), () => world.insertProduct())
      world.simulator.webhooks.mode = "lose"
      for (const id of ids) world.simulator.edit(id, { title: `Другое имя ${id}`, price: "7 500 ₸" })
      yield* eventually(
        Effect.promise(async () => {
          const rows = await world.witness`
            SELECT FROM product WHERE shop_id = ${world.shopId} AND name LIKE 'Другое имя%' AND price = 750000`
          return rows.length === ids.length
        }),
        "20 seconds",
      )
      assert.deepStrictEqual(world.simulator.writes, [])
    }),
  )
})
