import { randomUUID } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import type postgres from "postgres"
import { OrderStatusReplay } from "../../src/bitrix/OrderStatusReplay.ts"
import { Orders } from "../../src/orders/Orders.ts"
import { Db } from "../../src/platform/Db.ts"
import { Inbox } from "../../src/platform/Inbox.ts"
import { Migrations } from "../../src/platform/Migrations.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { chainOf, historyOf, insertOrder, insertShops, nextId } from "../support/TestOrders.ts"
import { OTHER_SHOP_ID, SHOP_ID } from "../support/TestService.ts"

/** The replay alone: no actor applies anything behind its back. */
const ReplayOnly = Layer.effectDiscard(
  Effect.flatMap(TestDatabase, ({ witness }) => Effect.promise(() => insertShops(witness))),
).pipe(
  Layer.provideMerge(OrderStatusReplay.layer),
  Layer.provide([Orders.layer, Inbox.layer]),
  Layer.provide(Db.layer.pipe(Layer.provide(Migrations.layer))),
  Layer.provideMerge(TestDatabase.layer),
  Layer.provide(Layer.succeed(References.TracerEnabled, false)),
)

/** An event as the webhook would have left it, received the given minutes after noon. */
const insertEvent = async (
  witness: postgres.Sql,
  event: {
    readonly bitrixOrderId: number
    readonly status: string
    readonly state: "applied" | "skipped" | "parked"
    readonly minutes?: number
    readonly occurred?: string
    readonly notes?: string
    readonly shopId?: number
  },
): Promise<string> => {
  const id = randomUUID()
  const payload = {
    order_id: String(event.bitrixOrderId),
    status: event.status,
    ...(event.notes === undefined ? {} : { notes: event.notes }),
    ...(event.occurred === undefined ? {} : { occurred_at: event.occurred }),
  }
  await witness`
    INSERT INTO inbox (id, shop_id, source, subject, occurred_at, payload, answer, state, reason, received_at, settled_at)
    VALUES (${id}, ${event.shopId ?? SHOP_ID}, 'bitrix.order_status', ${String(event.bitrixOrderId)},
            ${event.occurred ?? null}, ${witness.json(payload)}, '{"status":"skipped"}', ${event.state},
            ${event.state === "applied" ? null : "given"}, ${at(event.minutes ?? 0)},
            ${event.state === "parked" ? null : at(event.minutes ?? 0)})`
  return id
}

const at = (minutes: number): string =>
  new Date(Date.parse("2026-01-31T12:00:00Z") + minutes * 60_000).toISOString()

const world = Effect.gen(function* () {
  const { replay, applyParked } = yield* OrderStatusReplay
  const { witness } = yield* TestDatabase
  return {
    applyParked,
    order: (options: Parameters<typeof insertOrder>[1] = {}) =>
      Effect.promise(() => insertOrder(witness, options)),
    event: (event: Parameters<typeof insertEvent>[1]) => Effect.promise(() => insertEvent(witness, event)),
    tryOut: (id: string) => replay(id, { isDryRun: true }),
    replay: (id: string) => replay(id, { isDryRun: false }),
    chain: (orderId: number) => Effect.promise(() => chainOf(witness, orderId)),
    history: (orderId: number) => Effect.promise(() => historyOf(witness, orderId)),
    /** Every row of the tables that a replay could touch. */
    everything: Effect.promise(() =>
      Promise.all([
        witness`SELECT * FROM "order" ORDER BY id`,
        witness`SELECT * FROM order_history ORDER BY id`,
        witness`SELECT * FROM inbox ORDER BY id`,
        witness`SELECT * FROM outbox ORDER BY id`,
      ]).then((tables) => JSON.stringify(tables)),
    ),
    outcome: (id: string) =>
      Effect.promise(async () => {
        const [row] = await witness`
          SELECT state, reason, answer, settled_at IS NOT NULL AS is_settled FROM inbox WHERE id = ${id}`
        return row
      }),
  }
})

const GIVEN_ANSWER = { status: "skipped" }

layer(ReplayOnly, { excludeTestServices: true })("a replay of an order-status event", (it) => {
  it.effect("as a dry run tells the difference and writes nothing", () =>
    Effect.gen(function* () {
      const { order, event, tryOut, everything } = yield* world
      const { id, bitrixOrderId } = yield* order()
      const eventId = yield* event({ bitrixOrderId, status: "F", state: "parked", notes: "вручено" })

      const before = yield* everything
      const replayed = yield* tryOut(eventId)
      assert.strictEqual(yield* everything, before)
      assert.deepInclude(replayed?.entry, { id: eventId, state: "parked", subject: String(bitrixOrderId) })
      assert.deepInclude(replayed?.decision, { state: "applied", reason: null })
      assert.deepStrictEqual(replayed?.decision.change, {
        orderId: replayed?.decision.order?.id,
        from: "new",
        to: "delivered",
        version: 1,
        isOverride: true,
      })
      assert.strictEqual(Number(replayed?.decision.order?.id), id)
    }),
  )

  it.effect("makes exactly the difference that its dry run told", () =>
    Effect.gen(function* () {
      const { order, event, tryOut, replay, history, outcome } = yield* world
      const { id, bitrixOrderId } = yield* order()
      const eventId = yield* event({ bitrixOrderId, status: "AP", state: "parked", notes: "Принят" })

      const told = yield* tryOut(eventId)
      const made = yield* replay(eventId)
      assert.deepStrictEqual(made, told)
      assert.deepStrictEqual(yield* history(id), [
        {
          old_value: "new",
          new_value: "accepted",
          changed_by: "bitrix",
          notes: "Принят",
          bitrix_user_id: null,
        },
      ])
      assert.deepStrictEqual(yield* outcome(eventId), {
        state: "applied",
        reason: null,
        answer: GIVEN_ANSWER,
        is_settled: true,
      })
    }),
  )

  it.effect("makes no difference the second time", () =>
    Effect.gen(function* () {
      const { order, event, replay, tryOut, everything, chain } = yield* world
      const { id, bitrixOrderId } = yield* order()
      const eventId = yield* event({ bitrixOrderId, status: "AP", state: "parked" })
      yield* replay(eventId)
      const before = yield* everything

      const again = yield* replay(eventId)
      assert.deepInclude(again?.decision, { change: null, reason: "Status unchanged" })
      assert.strictEqual((yield* tryOut(eventId))?.decision.change, null)
      assert.strictEqual(yield* everything, before)
      assert.deepStrictEqual(yield* chain(id), ["new -> accepted"])
    }),
  )

  it.effect("makes no difference when a later event has overtaken it, and what was applied stays so", () =>
    Effect.gen(function* () {
      const { order, event, replay, everything, outcome, chain } = yield* world
      const { id, bitrixOrderId } = yield* order()
      const first = yield* event({ bitrixOrderId, status: "AP", state: "parked", minutes: 1 })
      const second = yield* event({ bitrixOrderId, status: "CO", state: "parked", minutes: 2 })
      yield* replay(first)
      yield* replay(second)
      const before = yield* everything

      const again = yield* replay(first)
      assert.deepInclude(again?.decision, { change: null, reason: "Stale event" })
      assert.strictEqual(yield* everything, before)
      assert.deepInclude(yield* outcome(first), { state: "applied", reason: null })
      assert.deepStrictEqual(yield* chain(id), ["new -> accepted", "accepted -> assembled"])
    }),
  )

  it.effect(
    "of one that was skipped applies it when it can be applied by now, and keeps its first answer",
    () =>
      Effect.gen(function* () {
        const { order, event, replay, outcome, chain } = yield* world
        const { id, bitrixOrderId } = yield* order()
        const eventId = yield* event({ bitrixOrderId, status: "PD", state: "skipped" })
        const replayed = yield* replay(eventId)
        assert.strictEqual(replayed?.decision.change?.to, "paid")
        assert.deepStrictEqual(yield* chain(id), ["new -> paid"])
        assert.deepInclude(yield* outcome(eventId), { state: "applied", answer: GIVEN_ANSWER })
      }),
  )

  it.effect("of one that still lacks its order or its code leaves it parked", () =>
    Effect.gen(function* () {
      const { order, event, replay, everything, outcome } = yield* world
      const { bitrixOrderId } = yield* order()
      const noOrder = yield* event({ bitrixOrderId: nextId(), status: "AP", state: "parked" })
      const noCode = yield* event({ bitrixOrderId, status: "ZZ", state: "parked" })
      assert.strictEqual((yield* replay(noOrder))?.decision.reason, "Order not found in Railway")
      assert.strictEqual((yield* replay(noCode))?.decision.reason, "Unknown status: ZZ")
      for (const id of [noOrder, noCode]) {
        assert.deepInclude(yield* outcome(id), { state: "parked", is_settled: false })
      }
      const before = yield* everything
      yield* replay(noCode)
      assert.strictEqual(yield* everything, before)
    }),
  )

  it.effect("works for the shop of the event, whichever that is", () =>
    Effect.gen(function* () {
      const { order, event, replay, chain } = yield* world
      const bitrixOrderId = nextId()
      const ours = yield* order({ bitrixOrderId })
      const other = yield* order({ bitrixOrderId, shopId: OTHER_SHOP_ID })
      const eventId = yield* event({ bitrixOrderId, status: "CO", state: "parked", shopId: OTHER_SHOP_ID })
      yield* replay(eventId)
      assert.deepStrictEqual([yield* chain(ours.id), yield* chain(other.id)], [[], ["new -> assembled"]])
    }),
  )

  it.effect("of an id that nobody knows is undefined", () =>
    Effect.gen(function* () {
      const { tryOut, replay } = yield* world
      assert.isUndefined(yield* tryOut(randomUUID()))
      assert.isUndefined(yield* replay(randomUUID()))
    }),
  )

  it.effect("of everything that is parked settles what can be settled, oldest first, and counts it", () =>
    Effect.gen(function* () {
      const { order, event, applyParked, chain, outcome } = yield* world
      yield* applyParked
      const { id, bitrixOrderId } = yield* order()
      const other = yield* order({ shopId: OTHER_SHOP_ID })
      const late = yield* event({ bitrixOrderId, status: "CO", state: "parked", minutes: 20 })
      const early = yield* event({ bitrixOrderId, status: "AP", state: "parked", minutes: 10 })
      const elsewhere = yield* event({
        bitrixOrderId: other.bitrixOrderId,
        status: "F",
        state: "parked",
        shopId: OTHER_SHOP_ID,
      })
      const waiting = yield* event({ bitrixOrderId: nextId(), status: "AP", state: "parked" })

      assert.strictEqual(yield* applyParked, 3)
      assert.strictEqual(yield* applyParked, 0)
      assert.deepStrictEqual(yield* chain(id), ["new -> accepted", "accepted -> assembled"])
      assert.deepStrictEqual(yield* chain(other.id), ["new -> delivered"])
      for (const settled of [late, early, elsewhere]) {
        assert.deepInclude(yield* outcome(settled), { state: "applied" })
      }
      assert.deepInclude(yield* outcome(waiting), { state: "parked" })
    }),
  )
})
