import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestDatabase } from "../support/TestDatabase.ts"
import { postStatus, TestService } from "../support/TestService.ts"

layer(TestService.layer, { excludeTestServices: true })("the order-status webhook", (it) => {
  it.effect("changes the order and records its history in one answer", () =>
    Effect.gen(function* () {
      const { url } = yield* TestService
      const { witness } = yield* TestDatabase
      const event = { order_id: 123456, status: "AP", changed_by_id: 42, notes: "Принят флорист" }

      const first = yield* Effect.promise(() => postStatus(url, event))
      assert.strictEqual(first.status, 200)
      assert.deepStrictEqual(first.body, {
        status: "success",
        order_id: 789,
        railway_order_id: 789,
        bitrix_order_id: 123456,
        old_status: "new",
        new_status: "accepted",
        history_recorded: true,
      })

      const second = yield* Effect.promise(() => postStatus(url, event))
      assert.deepStrictEqual(second.body, {
        status: "skipped",
        reason: "Status unchanged",
        bitrix_order_id: 123456,
        current_status: "accepted",
      })

      const history = yield* Effect.promise(
        () =>
          witness`SELECT changed_by, field_name, old_value, new_value, notes, bitrix_user_id FROM order_history`,
      )
      assert.deepStrictEqual(
        [...history],
        [
          {
            changed_by: "bitrix",
            field_name: "status",
            old_value: "new",
            new_value: "accepted",
            notes: "Принят флорист",
            bitrix_user_id: "42",
          },
        ],
      )
    }),
  )
})
