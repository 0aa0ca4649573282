import { assert, layer } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { eventually } from "../support/eventually.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { startNode } from "../support/TestNode.ts"
import { chainOf, historyOf, inboxOf, insertOrder, nextId, statusOf } from "../support/TestOrders.ts"
import { OTHER_SHOP_ID, postStatus, TestService } from "../support/TestService.ts"

const world = Effect.gen(function* () {
  const { url } = yield* TestService
  const { witness } = yield* TestDatabase
  return {
    witness,
    post: (body: unknown, nodeUrl = url) =>
      Effect.map(
        Effect.promise(() => postStatus(nodeUrl, body)),
        ({ body }) => body,
      ),
    order: (options: Parameters<typeof insertOrder>[1]) =>
      Effect.promise(() => insertOrder(witness, options)),
    chain: (orderId: number) => Effect.promise(() => chainOf(witness, orderId)),
    history: (orderId: number) => Effect.promise(() => historyOf(witness, orderId)),
    status: (orderId: number) => Effect.promise(() => statusOf(witness, orderId)),
    inbox: (bitrixOrderId: number) => Effect.promise(() => inboxOf(witness, bitrixOrderId)),
    /** State and reason of every event about an order, oldest first. */
    outcomes: (bitrixOrderId: number) =>
      Effect.map(
        Effect.promise(() => inboxOf(witness, bitrixOrderId)),
        (entries) => entries.map((entry) => [entry["state"], entry["reason"]]),
      ),
    /** Waits until none of them is parked. */
    settled: (bitrixOrderId: number, within: Duration.Input = "2 seconds") =>
      eventually(
        Effect.map(
          Effect.promise(() => inboxOf(witness, bitrixOrderId)),
          (entries) => entries.length > 0 && entries.every((entry) => entry["state"] !== "parked"),
        ),
        within,
      ),
  }
})

const APPLIED = ["applied", null]
const STALE = ["skipped", "Stale event"]

layer(TestService.layer, { excludeTestServices: true })("an event that came before its order", (it) => {
  it.effect("is applied as soon as the order appears, with its own notes and user in the history", () =>
    Effect.gen(function* () {
      const { post, order, settled, outcomes, history, status } = yield* world
      const bitrixOrderId = nextId()
      yield* post({ order_id: bitrixOrderId, status: "AP", notes: "Принят флорист", changed_by_id: 42 })
      assert.deepStrictEqual(yield* outcomes(bitrixOrderId), [["parked", "Order not found in Railway"]])

      const { id } = yield* order({ bitrixOrderId })
      yield* settled(bitrixOrderId)

      assert.deepStrictEqual(yield* outcomes(bitrixOrderId), [APPLIED])
      assert.strictEqual(yield* status(id), "accepted")
      assert.deepStrictEqual(yield* history(id), [
        {
          old_value: "new",
          new_value: "accepted",
          changed_by: "bitrix",
          notes: "Принят флорист",
          bitrix_user_id: "42",
        },
      ])
    }),
  )

  it.effect("is applied when an order gets its Bitrix id later than it was made", () =>
    Effect.gen(function* () {
      const { witness, post, order, settled, chain } = yield* world
      const bitrixOrderId = nextId()
      const { id } = yield* order({ bitrixOrderId: null })
      yield* post({ order_id: bitrixOrderId, status: "CO" })
      yield* Effect.promise(
        () => witness`UPDATE "order" SET bitrix_order_id = ${bitrixOrderId} WHERE id = ${id}`,
      )
      yield* settled(bitrixOrderId)
      assert.deepStrictEqual(yield* chain(id), ["new -> assembled"])
    }),
  )

  it.effect("keeps its first answer when its event id is repeated after it was applied", () =>
    Effect.gen(function* () {
      const { post, order, settled, chain, inbox } = yield* world
      const event = { order_id: nextId(), status: "AP", event_id: `e-${nextId()}` }
      const first = yield* post(event)
      const { id } = yield* order({ bitrixOrderId: event.order_id })
      yield* settled(event.order_id)

      assert.deepStrictEqual(yield* post(event), first)
      assert.deepStrictEqual(yield* chain(id), ["new -> accepted"])
      const [entry, ...others] = yield* inbox(event.order_id)
      assert.deepStrictEqual(entry?.["answer"], first)
      assert.deepStrictEqual(others, [])
    }),
  )

  it.effect("is applied after those that were received before it", () =>
    Effect.gen(function* () {
      const { post, order, settled, chain, history, outcomes } = yield* world
      const bitrixOrderId = nextId()
      for (const status of ["AP", "CO", "CO", "DE"]) {
        yield* post({ order_id: bitrixOrderId, status, notes: `заметка ${status}` })
      }
      const { id } = yield* order({ bitrixOrderId })
      yield* settled(bitrixOrderId)
      assert.deepStrictEqual(yield* chain(id), [
        "new -> accepted",
        "accepted -> assembled",
        "assembled -> in_delivery",
      ])
      assert.deepStrictEqual(
        (yield* history(id)).map((step) => step["notes"]),
        ["заметка AP", "заметка CO", "заметка DE"],
      )
      assert.deepStrictEqual(yield* outcomes(bitrixOrderId), [
        APPLIED,
        APPLIED,
        ["skipped", "Status unchanged"],
        APPLIED,
      ])
    }),
  )

  it.effect("is stale when one that was received before it happened after it", () =>
    Effect.gen(function* () {
      const { post, order, settled, chain, outcomes } = yield* world
      const bitrixOrderId = nextId()
      yield* post({ order_id: bitrixOrderId, status: "F", occurred_at: "2026-01-31T15:00:00+05:00" })
      yield* post({ order_id: bitrixOrderId, status: "CO", occurred_at: "2026-01-31T14:00:00+05:00" })
      const { id } = yield* order({ bitrixOrderId })
      yield* settled(bitrixOrderId)
      assert.deepStrictEqual(yield* chain(id), ["new -> delivered"])
      assert.deepStrictEqual(yield* outcomes(bitrixOrderId), [APPLIED, STALE])
    }),
  )

  it.effect("of another shop is left to that shop", () =>
    Effect.gen(function* () {
      const { witness, post, order, settled, status, outcomes } = yield* world
      const bitrixOrderId = nextId()
      yield* post({ order_id: bitrixOrderId, status: "AP" })
      yield* Effect.promise(
        () => witness`
          INSERT INTO inbox (id, shop_id, source, subject, payload, answer, state, reason)
          VALUES (gen_random_uuid(), ${OTHER_SHOP_ID}, 'bitrix.order_status', ${String(bitrixOrderId)},
                  ${witness.json({ order_id: String(bitrixOrderId), status: "F" })}, '{}', 'parked', 'x')`,
      )
      const { id } = yield* order({ bitrixOrderId })
      const ours = Effect.map(status(id), (status) => status === "accepted")
      yield* eventually(ours, "2 seconds")
      assert.deepInclude(yield* outcomes(bitrixOrderId), ["parked", "x"])

      const other = yield* order({ bitrixOrderId, shopId: OTHER_SHOP_ID })
      yield* settled(bitrixOrderId)
      assert.deepStrictEqual([yield* status(id), yield* status(other.id)], ["accepted", "delivered"])
    }),
  )

  it.effect("is found by the sweep when its notification was missed", () =>
    Effect.gen(function* () {
      const { witness, post, settled, chain } = yield* world
      const bitrixOrderId = nextId()
      yield* post({ order_id: bitrixOrderId, status: "AP" })
      const { id } = yield* Effect.promise(() =>
        witness.begin(async (transaction) => {
          await transaction`SET LOCAL session_replication_role = replica`
          return insertOrder(transaction, { bitrixOrderId })
        }),
      )
      yield* settled(bitrixOrderId, "8 seconds")
      assert.deepStrictEqual(yield* chain(id), ["new -> accepted"])
    }),
  )

  it.effect("is applied although every connection was lost meanwhile", () =>
    Effect.gen(function* () {
      const { witness, post, order, settled, chain } = yield* world
      const bitrixOrderId = nextId()
      yield* post({ order_id: bitrixOrderId, status: "AP" })
      yield* Effect.promise(
        () => witness`
          SELECT pg_terminate_backend(pid)
          FROM pg_stat_activity
          WHERE datname = current_database() AND usename = 'cvety_app'`,
      )
      const { id } = yield* order({ bitrixOrderId })
      yield* settled(bitrixOrderId, "4 seconds")
      assert.deepStrictEqual(yield* chain(id), ["new -> accepted"])
    }),
  )

  it.effect("waits with a hundred others of its kind, and all are applied", () =>
    Effect.gen(function* () {
      const { witness, post, chain } = yield* world
      const bitrixOrderIds = Array.from({ length: 120 }, nextId)
      yield* Effect.forEach(
        bitrixOrderIds,
        (bitrixOrderId) => post({ order_id: bitrixOrderId, status: "AP" }),
        { concurrency: 16 },
      )
      yield* Effect.promise(() =>
        witness.begin(async (transaction) => {
          for (const bitrixOrderId of bitrixOrderIds) {
            await insertOrder(transaction, { id: bitrixOrderId, bitrixOrderId })
          }
        }),
      )
      const waiting = Effect.promise(
        () => witness`
          SELECT FROM inbox
          WHERE state = 'parked' AND subject = ANY (${bitrixOrderIds.map(String)})`,
      )
      yield* eventually(
        Effect.map(waiting, (rows) => rows.length === 0),
        "2 seconds",
      )
      for (const id of bitrixOrderIds) assert.deepStrictEqual(yield* chain(id), ["new -> accepted"])
    }),
  )
})

layer(TestService.layer, { excludeTestServices: true })("an event with a code that is not mapped", (it) => {
  it.effect("stays parked although its order is there", () =>
    Effect.gen(function* () {
      const { post, order, outcomes, status } = yield* world
      const bitrixOrderId = nextId()
      yield* post({ order_id: bitrixOrderId, status: "ZZ" })
      const { id } = yield* order({ bitrixOrderId })
      const next = nextId()
      yield* post({ order_id: next, status: "AP" })
      const later = yield* order({ bitrixOrderId: next })
      yield* eventually(
        Effect.map(status(later.id), (status) => status === "accepted"),
        "2 seconds",
      )
      assert.deepStrictEqual(yield* outcomes(bitrixOrderId), [["parked", "Order not found in Railway"]])
      assert.strictEqual(yield* status(id), "new")
    }),
  )

  it.effect("is applied once a node knows the code", () =>
    Effect.gen(function* () {
      const { post, order, settled, outcomes, history } = yield* world
      const { id, bitrixOrderId } = yield* order({})
      const event = { order_id: bitrixOrderId, status: "AS", notes: "собирается", event_id: `e-${nextId()}` }
      const first = yield* post(event)
      assert.strictEqual(first.reason, "Unknown status: AS")

      const newRelease = yield* startNode({ moreCodes: { AS: "assembled" } })
      yield* settled(bitrixOrderId)
      assert.deepStrictEqual(yield* outcomes(bitrixOrderId), [APPLIED])
      assert.deepStrictEqual(
        (yield* history(id)).map((step) => [step["new_value"], step["notes"]]),
        [["assembled", "собирается"]],
      )
      assert.deepStrictEqual(yield* post(event, newRelease.url), first)
    }),
  )

  it.effect("is stale once the code is known when a later delivery has overtaken it", () =>
    Effect.gen(function* () {
      const { post, order, settled, outcomes, chain } = yield* world
      const { id, bitrixOrderId } = yield* order({})
      const timed = yield* order({})
      yield* post({ order_id: bitrixOrderId, status: "ID" })
      yield* post({ order_id: bitrixOrderId, status: "F" })
      yield* post({ order_id: timed.bitrixOrderId, status: "ID", occurred_at: "2026-01-31T10:00:00Z" })
      yield* post({ order_id: timed.bitrixOrderId, status: "CO", occurred_at: "2026-01-31T09:00:00Z" })

      yield* startNode({ moreCodes: { ID: "in_delivery" } })
      yield* settled(bitrixOrderId)
      yield* settled(timed.bitrixOrderId)
      assert.deepStrictEqual(yield* outcomes(bitrixOrderId), [STALE, APPLIED])
      assert.deepStrictEqual(yield* chain(id), ["new -> delivered"])
      assert.deepStrictEqual(yield* outcomes(timed.bitrixOrderId), [APPLIED, APPLIED])
      assert.deepStrictEqual(yield* chain(timed.id), ["new -> assembled", "assembled -> in_delivery"])
    }),
  )

  it.effect("is applied once although two nodes learn the code at the same moment", () =>
    Effect.gen(function* () {
      const { witness, post, order, chain } = yield* world
      const orders = yield* Effect.all(Array.from({ length: 40 }, () => order({})))
      for (const { bitrixOrderId } of orders) {
        yield* post({ order_id: bitrixOrderId, status: "C1" })
        yield* post({ order_id: bitrixOrderId, status: "D1" })
      }
      const codes = { moreCodes: { C1: "assembled", D1: "in_delivery" } } as const
      yield* Effect.all([startNode(codes), startNode(codes)], { concurrency: "unbounded" })
      const waiting = Effect.promise(
        () => witness`SELECT FROM inbox WHERE state = 'parked' AND payload ->> 'status' IN ('C1', 'D1')`,
      )
      yield* eventually(
        Effect.map(waiting, (rows) => rows.length === 0),
        "6 seconds",
      )
      for (const { id } of orders) {
        assert.deepStrictEqual(yield* chain(id), ["new -> assembled", "assembled -> in_delivery"])
      }
    }),
  )
})
