import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import type { Batch, Delivery } from "../../src/bitrix/OrderStatusBatch.ts"
import { decideBatch } from "../../src/bitrix/OrderStatusBatch.ts"
import { decide } from "../../src/bitrix/OrderStatusDecision.ts"
import { OrderStatusMapping } from "../../src/bitrix/OrderStatusMapping.ts"
import type { LockedOrder } from "../../src/orders/Order.ts"
import { OrderId } from "../../src/orders/Order.ts"
import { isOverride, OrderStatus, toPublic } from "../../src/orders/OrderStatus.ts"

const mapping = OrderStatusMapping.defaultValue()
const statuses: ReadonlyArray<OrderStatus> = OrderStatus.literals

const order = (bitrixId: string, more: Partial<LockedOrder> = {}): LockedOrder => ({
  id: OrderId.make(Number(bitrixId) + 1_000),
  bitrix_order_id: bitrixId,
  status: "new",
  status_version: 0,
  bitrix_occurred_at: null,
  bitrix_received_at: null,
  ...more,
})

const NOON_MS = Date.parse("2026-01-31T12:00:00Z")
const at = (minutes: number): Date => new Date(NOON_MS + minutes * 60_000)

const decideOne = (
  status: string,
  locked: LockedOrder | undefined,
  more: { readonly occurred?: number; readonly received?: number; readonly wasParked?: boolean } = {},
) =>
  decide(
    {
      event: {
        order_id: "1",
        status,
        ...(more.occurred === undefined ? {} : { occurred_at: at(more.occurred) }),
      },
      receivedAt: at(more.received ?? 100),
      wasParked: more.wasParked ?? false,
    },
    locked,
    mapping,
  )

/** Deliveries of few orders, codes and event ids, so that they meet; received one after another. */
const deliveries: fc.Arbitrary<ReadonlyArray<Delivery>> = fc
  .array(
    fc.record({
      order_id: fc.constantFrom("1", "2", "3", "404", "0", "99999999999999999999"),
      status: fc.constantFrom(...mapping.keys(), "XX"),
      event_id: fc.option(fc.constantFrom("a", "b", "c", "d")),
      occurred_at: fc.option(fc.integer({ min: -50, max: 150 }).map(at)),
      notes: fc.option(fc.string()),
      changed_by_id: fc.option(fc.constantFrom("42", "0", "99999999999999999999")),
    }),
    { maxLength: 40 },
  )
  .map((events) =>
    events.map((event, index) => ({
      id: `inbox-${index}`,
      event,
      receivedAt: at(index),
      wasParked: false,
      traceParent: null,
    })),
  )

const lockedOrders: fc.Arbitrary<ReadonlyArray<LockedOrder>> = fc
  .tuple(...["1", "2", "3"].map(() => fc.tuple(fc.constantFrom(...statuses), fc.nat({ max: 5 }))))
  .map((states) =>
    states.map(([status, version], index) => order(String(index + 1), { status, status_version: version })),
  )

/** What a batch leaves behind, for the batch after it. */
interface World {
  readonly orders: ReadonlyArray<LockedOrder>
  readonly given: ReadonlyArray<{ readonly event_id: string; readonly answer: unknown }>
}

const after = (world: World, batch: Batch): World => ({
  orders: world.orders.map((order) => batch.orders.find(({ id }) => id === order.id) ?? order),
  given: [
    ...world.given,
    ...batch.records.flatMap(({ eventId, answer }) =>
      eventId === null ? [] : [{ event_id: eventId, answer: JSON.parse(JSON.stringify(answer)) }],
    ),
  ],
})

const inBatches = (batches: ReadonlyArray<ReadonlyArray<Delivery>>, orders: ReadonlyArray<LockedOrder>) => {
  let world: World = { orders, given: [] }
  const made = { answers: [], records: [], changes: [] } as {
    answers: Array<unknown>
    records: Array<unknown>
    changes: Array<Batch["changes"][number]>
  }
  for (const batch of batches) {
    const decided = decideBatch(batch, world.orders, world.given, mapping)
    made.answers.push(...decided.answers)
    made.records.push(...decided.records)
    made.changes.push(...decided.changes)
    world = after(world, decided)
  }
  return { ...made, orders: world.orders }
}

describe("a batch of order-status events", () => {
  it("decides as its events would one by one, or cut anywhere", () => {
    fc.assert(
      fc.property(deliveries, lockedOrders, fc.nat(), (events, orders, seed) => {
        const whole = inBatches([events], orders)
        const cut = events.length === 0 ? 0 : seed % events.length
        assert.deepStrictEqual(
          inBatches(
            events.map((event) => [event]),
            orders,
          ),
          whole,
        )
        assert.deepStrictEqual(inBatches([events.slice(0, cut), events.slice(cut)], orders), whole)
      }),
    )
  })

  it("answers every event, and changes as often as it says so", () => {
    fc.assert(
      fc.property(deliveries, lockedOrders, (events, orders) => {
        const { answers, records, changes } = decideBatch(events, orders, [], mapping)
        assert.strictEqual(answers.length, events.length)
        const applied = records.filter(({ state }) => state === "applied")
        assert.deepStrictEqual(
          changes.map(({ inboxId }) => inboxId),
          applied.map(({ id }) => id),
        )
        for (const { state, reason, answer } of records) {
          assert.strictEqual(state === "applied", reason === null)
          const expected = reason === null ? { status: "success" } : { status: "skipped", reason }
          assert.deepInclude(answer as object, expected)
        }
      }),
    )
  })

  it("continues the chain of each order without a gap and without a step in place", () => {
    fc.assert(
      fc.property(deliveries, lockedOrders, (events, orders) => {
        const { changes, orders: left } = decideBatch(events, orders, [], mapping)
        for (const before of orders) {
          let { status, status_version: version } = before
          for (const change of changes.filter(({ orderId }) => orderId === before.id)) {
            assert.notStrictEqual(change.from, change.to)
            assert.strictEqual(change.from, status)
            assert.strictEqual(change.version, version + 1)
            assert.strictEqual(change.isOverride, isOverride(change.from, change.to))
            assert.strictEqual(change.changedBy, "bitrix")
            status = change.to
            version = change.version
          }
          const end = left.find(({ id }) => id === before.id) ?? before
          assert.deepStrictEqual([end.status, end.status_version], [status, version])
        }
      }),
    )
  })

  it("gives a repeated event id its first answer and no second record", () => {
    fc.assert(
      fc.property(deliveries, lockedOrders, (events, orders) => {
        const { answers, records } = decideBatch(events, orders, [], mapping)
        const firstAnswers = new Map<string, unknown>()
        for (const [index, { event }] of events.entries()) {
          if (event.event_id == null) continue
          const first = firstAnswers.get(event.event_id) ?? answers[index]
          assert.deepStrictEqual(answers[index], first)
          firstAnswers.set(event.event_id, first)
        }
        const eventIds = records.flatMap(({ eventId }) => (eventId === null ? [] : [eventId]))
        assert.strictEqual(new Set(eventIds).size, eventIds.length)
        const anonymous = events.filter(({ event }) => event.event_id == null)
        assert.strictEqual(records.length, anonymous.length + firstAnswers.size)
      }),
    )
  })

  it("leaves nothing behind when it is sent again with the same event ids", () => {
    fc.assert(
      fc.property(deliveries, lockedOrders, (events, orders) => {
        const named = events.map((delivery, index) => ({
          ...delivery,
          event: { ...delivery.event, event_id: `event-${index}` },
        }))
        const first = decideBatch(named, orders, [], mapping)
        const world = after({ orders, given: [] }, first)
        const again = decideBatch(named, world.orders, world.given, mapping)
        assert.deepStrictEqual(again, { answers: first.answers, records: [], changes: [], orders: [] })
      }),
    )
  })

  it("leaves out the events of orders that somebody else holds, as though they had not come yet", () => {
    fc.assert(
      fc.property(deliveries, lockedOrders, fc.subarray(["1", "2", "3"]), (events, orders, heldIds) => {
        const held = new Set(heldIds)
        const free = orders.filter(({ bitrix_order_id }) => !held.has(bitrix_order_id))
        // Without event ids: what a repeat is told depends on which of the two came to be decided.
        const anonymous = events.map(({ event: { event_id: _, ...event }, ...delivery }) => ({
          ...delivery,
          event,
        }))
        const isFree = ({ event }: Delivery) => !held.has(event.order_id)
        const batch = decideBatch(anonymous, free, [], mapping, held)
        const withoutThem = decideBatch(anonymous.filter(isFree), free, [], mapping)
        assert.deepStrictEqual(
          { ...batch, answers: batch.answers.filter((answer) => answer !== undefined) },
          withoutThem,
        )
        for (const [index, answer] of batch.answers.entries()) {
          assert.strictEqual(answer === undefined, held.has(anonymous[index]?.event.order_id ?? ""))
        }
      }),
    )
  })

  it("never touches an order that none of its events names", () => {
    fc.assert(
      fc.property(deliveries, lockedOrders, (events, orders) => {
        const named = new Set(events.map(({ event }) => event.order_id))
        const { changes, orders: reached } = decideBatch(events, orders, [], mapping)
        for (const { bitrix_order_id } of reached) assert.isTrue(named.has(bitrix_order_id))
        const reachedIds = new Set(reached.map(({ id }) => id))
        for (const { orderId } of changes) assert.isTrue(reachedIds.has(orderId))
      }),
    )
  })

  it("keeps a Bitrix user only when it can be one", () => {
    fc.assert(
      fc.property(deliveries, lockedOrders, (events, orders) => {
        for (const { bitrixUserId } of decideBatch(events, orders, [], mapping).changes) {
          assert.include([null, "42"], bitrixUserId)
        }
      }),
    )
  })
})

describe("the decision on an order-status event", () => {
  it("maps the eight codes of Bitrix and no other spelling of them", () => {
    assert.deepStrictEqual(Object.fromEntries(mapping), {
      N: "new",
      PD: "paid",
      AP: "accepted",
      CO: "assembled",
      DE: "in_delivery",
      F: "delivered",
      RF: "cancelled",
      UN: "cancelled",
    })
    for (const code of mapping.keys()) {
      for (const other of [code.toLowerCase(), ` ${code}`, `${code} `, "", "constructor"]) {
        assert.strictEqual(decideOne(other, order("1")).reason, `Unknown status: ${other}`)
      }
    }
  })

  it("changes any status into any other that a code means, and only into another", () => {
    for (const from of statuses) {
      for (const [code, to] of mapping) {
        const { answer, state, change, order: left } = decideOne(code, order("1", { status: from }))
        if (from === to) {
          assert.deepStrictEqual(answer, {
            status: "skipped",
            reason: "Status unchanged",
            bitrix_order_id: 1,
            current_status: from,
          })
          assert.deepStrictEqual([state, change], ["skipped", null])
        } else {
          assert.deepStrictEqual(answer, {
            status: "success",
            order_id: 1_001,
            railway_order_id: 1_001,
            bitrix_order_id: 1,
            old_status: from,
            new_status: to,
            history_recorded: true,
          })
          assert.strictEqual(state, "applied")
        }
        assert.strictEqual(left?.status, to)
      }
    }
  })

  it("parks what may be applied later and only that", () => {
    const impossible = (order_id: string) =>
      decide({ event: { order_id, status: "AP" }, receivedAt: at(0), wasParked: false }, undefined, mapping)
        .state
    assert.strictEqual(decideOne("AP", undefined).state, "parked")
    assert.strictEqual(decideOne("XX", order("1")).state, "parked")
    assert.strictEqual(impossible("9223372036854775807"), "parked")
    for (const id of ["0", "-1", "9223372036854775808", "1".repeat(100)]) {
      assert.strictEqual(impossible(id), "skipped", id)
    }
  })

  it("writes an id as a number as long as JSON can carry it exactly", () => {
    const echoed = (order_id: string) =>
      decide({ event: { order_id, status: "AP" }, receivedAt: at(0), wasParked: false }, undefined, mapping)
        .answer.bitrix_order_id
    assert.deepStrictEqual(
      ["0", "-5", "9007199254740991", "9007199254740992", "-9007199254740993"].map(echoed),
      [0, -5, 9_007_199_254_740_991, "9007199254740992", "-9007199254740993"],
    )
  })

  it("calls an event stale when the last one happened later, never when they happened at once", () => {
    const last = order("1", { status: "accepted", bitrix_occurred_at: at(10), bitrix_received_at: at(50) })
    assert.strictEqual(decideOne("CO", last, { occurred: 9 }).reason, "Stale event")
    assert.strictEqual(decideOne("CO", last, { occurred: 10 }).reason, null)
    assert.strictEqual(decideOne("CO", last, { occurred: 11 }).reason, null)
    assert.strictEqual(decideOne("CO", last).reason, null)
    assert.strictEqual(decideOne("CO", { ...last, bitrix_occurred_at: null }, { occurred: 9 }).reason, null)
  })

  it("says that an event is stale before it says that nothing changes", () => {
    const last = order("1", { status: "accepted", bitrix_occurred_at: at(10) })
    assert.strictEqual(decideOne("AP", last, { occurred: 9 }).reason, "Stale event")
    assert.strictEqual(decideOne("AP", last, { occurred: 10 }).reason, "Status unchanged")
  })

  it("takes an event that claims to happen long after it was received for one without a time", () => {
    const { order: left } = decideOne("AP", order("1"), { occurred: 116, received: 100 })
    assert.strictEqual(left?.bitrix_occurred_at, null)
    assert.strictEqual(decideOne("CO", left ?? undefined, { occurred: 101, received: 102 }).reason, null)
  })

  it("believes a sender whose clock runs a little ahead", () => {
    const { order: left } = decideOne("AP", order("1"), { occurred: 115, received: 100 })
    assert.deepStrictEqual(left?.bitrix_occurred_at, at(115))
    assert.strictEqual(
      decideOne("CO", left ?? undefined, { occurred: 114, received: 102 }).reason,
      "Stale event",
    )
  })

  it("remembers when an event that changed nothing happened, so that an older one is stale", () => {
    const { order: left } = decideOne("N", order("1"), { occurred: 20, received: 21 })
    assert.strictEqual(
      decideOne("AP", left ?? undefined, { occurred: 19, received: 22 }).reason,
      "Stale event",
    )
  })

  it("lets a parked event that a later delivery has overtaken go without effect", () => {
    const overtaken = order("1", { status: "accepted", bitrix_received_at: at(50) })
    assert.strictEqual(decideOne("CO", overtaken, { received: 49, wasParked: true }).reason, "Stale event")
    assert.strictEqual(decideOne("CO", overtaken, { received: 51, wasParked: true }).reason, null)
    assert.strictEqual(decideOne("CO", order("1"), { received: 49, wasParked: true }).reason, null)
  })
})

describe("the state machine of an order", () => {
  it("knows the path that people follow, and calls everything else an override", () => {
    const path = {
      new: ["paid", "accepted", "cancelled"],
      paid: ["accepted", "cancelled"],
      accepted: ["assembled", "cancelled"],
      assembled: ["accepted", "in_delivery", "cancelled"],
      in_delivery: ["assembled", "delivered"],
      delivered: [],
      cancelled: [],
    } satisfies Record<OrderStatus, ReadonlyArray<OrderStatus>>
    for (const from of statuses) {
      assert.deepStrictEqual(
        statuses.filter((to) => !isOverride(from, to)).sort(),
        [...path[from]].sort(),
        from,
      )
    }
  })

  it("shows customers three words", () => {
    assert.deepStrictEqual(Object.fromEntries(statuses.map((status) => [status, toPublic(status)])), {
      new: "confirmed",
      paid: "confirmed",
      accepted: "confirmed",
      assembled: "preparing",
      in_delivery: "delivering",
      delivered: "delivering",
      cancelled: "confirmed",
    })
  })
})
