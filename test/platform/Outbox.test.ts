/** Facts as rows, facts on their way, and how fast they may leave. */
import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Queue from "effect/Queue"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import * as Actor from "../../src/platform/Actor.ts"
import { Db } from "../../src/platform/Db.ts"
import { Migrations } from "../../src/platform/Migrations.ts"
import { Outbox } from "../../src/platform/Outbox.ts"
import * as OutboxDelivery from "../../src/platform/OutboxDelivery.ts"
import type { Fact, Outcome } from "../../src/platform/OutboxFact.ts"
import type { Delivered } from "../../src/platform/OutboxOutcome.ts"
import { scheduleMs } from "../../src/platform/OutboxOutcome.ts"
import type { Query } from "../../src/platform/Query.ts"
import { rows, sql } from "../../src/platform/Query.ts"
import { TenantContext } from "../../src/platform/TenantContext.ts"
import * as TokenBucket from "../../src/platform/TokenBucket.ts"
import { ShopId } from "../../src/shared/ShopId.ts"
import { eventually } from "../support/eventually.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { insertShop } from "../support/TestPeople.ts"

const LEASE_MS = 10_000
const TARGET = "telegram"

/** Transactions under way. */
let busy = 0

const watchedDb = Layer.effect(
  Db,
  Effect.map(Db, (db) => ({
    ...db,
    transact: (work) =>
      Effect.acquireUseRelease(
        Effect.sync(() => busy++),
        () => db.transact(work),
        () => Effect.sync(() => busy--),
      ),
  })),
).pipe(Layer.provide(Db.layer.pipe(Layer.provide(Migrations.layer))))

const World = Layer.mergeAll(watchedDb, Outbox.layer, Actor.Actors.layer).pipe(
  Layer.provideMerge(TestDatabase.layer),
  Layer.provide([Layer.succeed(References.TracerEnabled, false), Logger.layer([])]),
)

/** A database whose planner, when it has rows to pick by a list of others, looks through that list for each of them. */
const Stubborn = Layer.mergeAll(watchedDb, Outbox.layer).pipe(
  Layer.provideMerge(
    Layer.effectDiscard(
      Effect.gen(function* () {
        const { witness } = yield* TestDatabase
        const [database] = yield* Effect.promise(
          () => witness`SELECT quote_ident(current_database()) AS name`,
        )
        for (const way of ["hashjoin", "mergejoin", "hashagg", "sort", "material", "memoize"])
          yield* Effect.promise(() =>
            witness.unsafe(`ALTER DATABASE ${database?.["name"]} SET enable_${way} = off`),
          )
      }),
    ),
  ),
  Layer.provideMerge(TestDatabase.layer),
  Layer.provide([Layer.succeed(References.TracerEnabled, false), Logger.layer([])]),
)

/** A shop of its own for each test, and its outbox at hand. */
const makeShop = Effect.gen(function* () {
  const { witness } = yield* TestDatabase
  const db = yield* Db
  const outbox = yield* Outbox
  const shopId = ShopId.make((yield* insertShop(witness)).shopId)

  const ask = <A>(query: Query<A>): Effect.Effect<A> =>
    db
      .transact({ read: [query], write: ([answer]) => ({ queries: [], answer }) })
      .pipe(Effect.provideService(TenantContext, { shopId }), Effect.orDie) as Effect.Effect<A>
  const record = (aggregateId: string, fact: Partial<Fact> = {}) =>
    ask(
      outbox.record(shopId, {
        target: TARGET,
        aggregateType: "product",
        aggregateId,
        payload: {},
        traceParent: null,
        ...fact,
      }),
    )
  const claim = (lease: string, now: Date, limit = 100) =>
    ask(
      outbox.claim(shopId, TARGET, {
        lease,
        limit,
        now,
        until: new Date(now.getTime() + LEASE_MS),
        held: [],
      }),
    )
  const settle = (
    fact: { readonly id: number; readonly generation: number },
    lease: string,
    outcome: Outcome,
  ) => ask(outbox.settle(shopId, [{ id: fact.id, generation: fact.generation, lease, outcome }]))
  const facts = Effect.promise(() => witness`SELECT * FROM outbox WHERE shop_id = ${shopId} ORDER BY id`)
  const only = Effect.map(facts, (all) => {
    assert.strictEqual(all.length, 1)
    return all[0] as (typeof all)[number]
  })
  return { shopId, witness, outbox, ask, record, claim, settle, facts, only }
})

const lease = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`
const NOON = new Date("2026-11-24T12:00:00Z")
const after = (ms: number) => new Date(NOON.getTime() + ms)

layer(World, { excludeTestServices: true })("a fact", (it) => {
  it.effect(
    "that was not delivered yet gives way to a newer one, and keeps the oldest state from before",
    () =>
      Effect.gen(function* () {
        const { record, only } = yield* makeShop
        yield* record("1", { payload: { n: 1 }, before: { name: "Розы", price: 5 } })
        const first = yield* only
        yield* record("1", { payload: { n: 2 }, before: { name: "Пионы" } })
        yield* record("1", { payload: { n: 3 }, before: { name: "Лилии", enabled: true }, traceParent: "t" })
        const last = yield* only
        assert.deepInclude(last, {
          id: first["id"],
          payload: { n: 3 },
          before: { name: "Розы", price: 5, enabled: true },
          generation: 3,
          trace_parent: "t",
          pending_since: first["pending_since"],
        })
      }),
  )

  it.effect("stands alone for each aggregate, target and kind", () =>
    Effect.gen(function* () {
      const { record, facts, ask, outbox, shopId } = yield* makeShop
      yield* ask(outbox.openRoute(shopId, "bitrix"))
      yield* record("1")
      yield* record("2")
      yield* record("1", { aggregateType: "shop" })
      yield* record("1", { target: "bitrix" })
      assert.strictEqual((yield* facts).length, 4)
    }),
  )

  it.effect("for Bitrix is recorded only where somebody takes it", () =>
    Effect.gen(function* () {
      const { record, facts, ask, outbox, shopId } = yield* makeShop
      yield* record("1", { target: "bitrix" })
      assert.deepStrictEqual([...(yield* facts)], [])
      yield* ask(outbox.openRoute(shopId, "bitrix"))
      yield* ask(outbox.openRoute(shopId, "bitrix"))
      yield* record("1", { target: "bitrix" })
      yield* ask(outbox.closeRoute(shopId, "bitrix"))
      yield* record("2", { target: "bitrix" })
      assert.strictEqual((yield* facts).length, 1)
    }),
  )

  it.effect("is claimed oldest first, up to a limit, by one node", () =>
    Effect.gen(function* () {
      const { record, claim } = yield* makeShop
      for (const id of ["a", "b", "c"]) yield* record(id)
      const two = yield* claim(lease(1), NOON, 2)
      const rest = yield* claim(lease(2), NOON)
      assert.deepStrictEqual(two.map(({ aggregate_id }) => aggregate_id).sort(), ["a", "b"])
      assert.deepStrictEqual(
        rest.map(({ aggregate_id }) => aggregate_id),
        ["c"],
      )
    }),
  )

  it.effect("that changes while it is held stays open when it is delivered, and is delivered again", () =>
    Effect.gen(function* () {
      const { record, claim, settle, only } = yield* makeShop
      yield* record("1", { payload: { n: 1 }, before: { name: "Розы" } })
      const [held] = yield* claim(lease(1), NOON)
      if (held === undefined) return assert.fail("was not claimed")
      yield* record("1", { payload: { n: 2 }, before: { name: "Пионы" } })
      assert.deepInclude(yield* only, { lease: lease(1), generation: 2, before: { name: "Розы" } })
      assert.deepStrictEqual(yield* claim(lease(2), NOON), [])
      yield* settle(held, lease(1), { kind: "delivered" })
      assert.deepInclude(yield* only, { state: "pending", lease: null, before: {}, settled_at: null })
      const [again] = yield* claim(lease(2), NOON)
      assert.deepInclude(again, { payload: { n: 2 }, generation: 2, attempts: 0 })
      yield* settle(again as never, lease(2), { kind: "delivered" })
      assert.deepInclude(yield* only, { state: "delivered", lease: null })
    }),
  )

  it.effect("that changes while it is held is not parked by the outcome of its former state", () =>
    Effect.gen(function* () {
      const { record, claim, settle, only } = yield* makeShop
      const outcomes: ReadonlyArray<Outcome> = [
        { kind: "parked", error: "no" },
        { kind: "failed", error: "no", at: after(60_000), attempts: 5 },
      ]
      for (const [n, outcome] of outcomes.entries()) {
        yield* record("1", { before: { name: "Розы" } })
        const [held] = yield* claim(lease(n), NOON)
        yield* record("1", { before: { name: "Пионы" } })
        yield* settle(held as never, lease(n), outcome)
        assert.deepInclude(yield* only, {
          state: "pending",
          attempts: 0,
          last_error: "no",
          before: { name: "Розы" },
          available_at: new Date(0),
        })
      }
    }),
  )

  it.effect("that was given up goes again by a newer change, or by hand", () =>
    Effect.gen(function* () {
      const { record, claim, settle, only, ask, outbox, shopId } = yield* makeShop
      const giveUp = Effect.gen(function* () {
        const [held] = yield* claim(lease(1), NOON)
        yield* settle(held as never, lease(1), { kind: "parked", error: "Product not found (404)" })
        const parked = yield* only
        assert.deepInclude(parked, { state: "parked", last_error: "Product not found (404)", lease: null })
        assert.isNotNull(parked["settled_at"])
        assert.deepStrictEqual(yield* claim(lease(2), after(1e9)), [])
        return Number(parked["id"])
      })
      yield* record("1", { before: { price: 5 } })
      const id = yield* giveUp
      yield* record("1", { before: { price: 6, name: "Розы" } })
      assert.deepInclude(yield* only, { state: "pending", attempts: 0, before: { price: 5, name: "Розы" } })
      yield* giveUp
      const [redriven] = yield* ask(outbox.redrive(shopId, id))
      assert.deepInclude(redriven, { id, state: "pending", attempts: 0 })
      assert.deepStrictEqual(yield* ask(outbox.redrive(shopId, id)), [])
      assert.strictEqual((yield* claim(lease(3), NOON)).length, 1)
    }),
  )

  it.effect("that waits after a failure goes at once when it changes", () =>
    Effect.gen(function* () {
      const { record, claim, settle } = yield* makeShop
      yield* record("1")
      const [held] = yield* claim(lease(1), NOON)
      yield* settle(held as never, lease(1), { kind: "failed", error: "no", at: after(60_000), attempts: 1 })
      assert.deepStrictEqual(yield* claim(lease(2), after(59_999)), [])
      yield* record("1")
      assert.strictEqual((yield* claim(lease(2), NOON)).length, 1)
    }),
  )

  it.effect("whose lease is over is another node's, and the former one settles it no more", () =>
    Effect.gen(function* () {
      const { record, claim, settle, only, ask, outbox, shopId } = yield* makeShop
      yield* record("1")
      const [held] = yield* claim(lease(1), NOON)
      if (held === undefined) return assert.fail("was not claimed")
      assert.deepStrictEqual(yield* claim(lease(2), after(LEASE_MS - 1)), [])
      yield* ask(outbox.extend(shopId, [{ id: held.id, lease: lease(1) }], after(2 * LEASE_MS)))
      assert.deepStrictEqual(yield* claim(lease(2), after(2 * LEASE_MS - 1)), [])
      const [taken] = yield* claim(lease(2), after(2 * LEASE_MS))
      assert.strictEqual(taken?.id, held.id)
      yield* settle(held, lease(1), { kind: "parked", error: "late" })
      assert.deepInclude(yield* only, { state: "pending", lease: lease(2), last_error: null })
      yield* settle(taken as never, lease(2), { kind: "delivered" })
      assert.deepInclude(yield* only, { state: "delivered" })
    }),
  )

  it.effect("of one shop is not to be had by another", () =>
    Effect.gen(function* () {
      const mine = yield* makeShop
      const other = yield* makeShop
      yield* mine.record("1")
      const id = Number((yield* mine.only)["id"])
      const { outbox, ask, shopId } = other
      yield* ask(outbox.park(mine.shopId, id, "x"))
      yield* ask(outbox.extend(mine.shopId, [{ id, lease: lease(1) }], NOON))
      assert.deepStrictEqual(yield* ask(outbox.redrive(shopId, id)), [])
      assert.deepStrictEqual(
        yield* ask(
          outbox.claim(mine.shopId, TARGET, { lease: lease(1), limit: 9, now: NOON, until: NOON, held: [] }),
        ),
        [],
      )
      assert.deepInclude(yield* mine.only, { state: "pending", lease: null })
    }),
  )

  it.effect("that was delivered is forgotten after its time, one that was not is never", () =>
    Effect.gen(function* () {
      const { record, claim, settle, facts } = yield* makeShop
      const db = yield* Db
      const outbox = yield* Outbox
      for (const id of ["delivered", "parked", "pending"]) yield* record(id)
      for (const fact of yield* claim(lease(1), NOON))
        yield* settle(
          fact,
          lease(1),
          fact.aggregate_id === "delivered"
            ? { kind: "delivered" }
            : fact.aggregate_id === "parked"
              ? { kind: "parked", error: "no" }
              : { kind: "released", at: NOON },
        )
      const sweep = (before: Date) =>
        db.transactThrough("across_shops", {
          read: [outbox.sweep(before, 1_000)],
          write: ([gone]) => ({ queries: [], answer: gone.length }),
        })
      yield* sweep(new Date(0))
      assert.strictEqual((yield* facts).length, 3)
      yield* sweep(new Date(Date.now() + 3_600_000))
      assert.deepStrictEqual(
        (yield* facts).map(({ aggregate_id }) => aggregate_id),
        ["parked", "pending"],
      )
    }),
  )

  it.effect("is told of once it is committed, to whoever listens", () =>
    Effect.gen(function* () {
      const { record, claim, shopId } = yield* makeShop
      const db = yield* Db
      const words = yield* db.listen("cvety_outbox")
      yield* record("1")
      yield* record("1")
      const word = Effect.map(Queue.take(words), ({ payload }) => payload)
      assert.strictEqual(yield* word, `${TARGET} ${shopId}`)
      assert.strictEqual(yield* word, `${TARGET} ${shopId}`)
      yield* claim(lease(1), NOON)
      // What changes in somebody's hands is looked at by that one: the next word is of another fact.
      yield* record("1")
      const other = yield* makeShop
      yield* other.record("2")
      assert.strictEqual(yield* word, `${TARGET} ${other.shopId}`)
    }),
  )
})

interface Arrival {
  readonly node: string
  readonly aggregateId: string
  readonly payload: any
}

/** Delivers the facts of a shop as one node would. What `isReadable` denies is in the hands of somebody else. */
const startNode = (
  shop: { readonly shopId: ShopId },
  options: {
    readonly deliver: (fact: {
      readonly aggregate_id: string
      readonly payload: any
    }) => Effect.Effect<Delivered>
    readonly isReadable?: (aggregateId: string) => boolean
    readonly inFlightMax?: number
    readonly perSecondMax?: number
    readonly places?: () => number
  },
) =>
  OutboxDelivery.start<unknown, unknown, null>({
    name: `test_${shop.shopId}`,
    shopId: shop.shopId,
    target: TARGET,
    inFlightMax: options.inFlightMax ?? 8,
    perSecondMax: options.perSecondMax ?? 10_000,
    admission: Effect.sync(() => ({ places: options.places?.() ?? 100, waitMs: 500 })),
    load: () => [nothing, nothing],
    loadEnded: () => nothing,
    pack: (facts) => ({
      parcels: new Map(
        facts.flatMap(({ id, aggregate_id }) =>
          (options.isReadable?.(aggregate_id) ?? true) ? [[id, null] as const] : [],
        ),
      ),
      queries: [],
    }),
    deliver: (_parcel, fact) => options.deliver(fact),
    settle: () => [],
  })
const nothing = rows(Schema.Struct({}), sql`SELECT`)

const isCalm = (shop: { readonly facts: Effect.Effect<ReadonlyArray<any>> }) =>
  Effect.map(shop.facts, (facts) => facts.every(({ state }) => state !== "pending"))

layer(Stubborn, { excludeTestServices: true })("whatever the plan", (it) => {
  it.effect("no more facts are claimed or forgotten than were asked for", () =>
    Effect.gen(function* () {
      const shop = yield* makeShop
      for (let n = 0; n < 20; n += 1) yield* shop.record(String(n))
      const claimed = yield* shop.claim(lease(1), new Date(), 3)
      assert.lengthOf(claimed, 3)
      assert.lengthOf(yield* shop.claim(lease(2), new Date(), 4), 4)
      for (const fact of claimed) yield* shop.settle(fact, lease(1), { kind: "delivered" })
      const db = yield* Db
      const forgotten = yield* db.transactThrough("across_shops", {
        read: [shop.outbox.sweep(new Date(Date.now() + 60_000), 2)],
        write: ([ids]) => ({ queries: [], answer: ids }),
      })
      assert.lengthOf(forgotten, 2)
    }),
  )
})

layer(World, { excludeTestServices: true })("facts on their way", (it) => {
  it.effect("leave once, whichever of two nodes takes them", () =>
    Effect.gen(function* () {
      const shop = yield* makeShop
      const ids = Array.from({ length: 300 }, (_, n) => String(n))
      yield* Effect.forEach(ids, (id) => shop.record(id), { concurrency: 8, discard: true })
      const arrivals: Array<Arrival> = []
      for (const node of ["a", "b"])
        yield* startNode(shop, {
          deliver: ({ aggregate_id, payload }) =>
            Effect.as(
              Effect.delay(
                Effect.sync(() => arrivals.push({ node, aggregateId: aggregate_id, payload })),
                2,
              ),
              {
                kind: "delivered",
              },
            ),
        })
      yield* eventually(isCalm(shop), "20 seconds")
      assert.deepStrictEqual(arrivals.map(({ aggregateId }) => aggregateId).sort(), ids.toSorted())
      assert.strictEqual(new Set(arrivals.map(({ node }) => node)).size, 2)
    }),
  )

  it.effect("come in order, never two of an aggregate at a time, and end with the latest state", () =>
    Effect.gen(function* () {
      const shop = yield* makeShop
      const arrivals: Array<Arrival> = []
      const under = new Map<string, number>()
      let together = 0
      const wakes: Array<Queue.Enqueue<void>> = []
      for (const node of ["a", "b"])
        wakes.push(
          yield* startNode(shop, {
            deliver: ({ aggregate_id, payload }) =>
              Effect.gen(function* () {
                const now = (under.get(aggregate_id) ?? 0) + 1
                under.set(aggregate_id, now)
                together = Math.max(together, now)
                yield* Effect.sleep(3)
                under.set(aggregate_id, now - 1)
                arrivals.push({ node, aggregateId: aggregate_id, payload })
                return { kind: "delivered" } as const
              }),
          }),
        )
      const LAST = 40
      const writer = Effect.fnUntraced(function* (aggregateId: string) {
        for (let n = 1; n <= LAST; n += 1) {
          yield* shop.record(aggregateId, { payload: { n } })
          for (const wake of wakes) yield* Queue.offer(wake, undefined)
        }
      })
      yield* Effect.forEach(["x", "y", "z"], writer, { concurrency: "unbounded", discard: true })
      yield* eventually(isCalm(shop), "20 seconds")
      assert.strictEqual(together, 1)
      for (const [id, own] of Map.groupBy(arrivals, ({ aggregateId }) => aggregateId)) {
        const numbers = own.map(({ payload }) => payload.n)
        assert.deepStrictEqual(
          numbers,
          [...new Set(numbers)].sort((a, b) => a - b),
          id,
        )
        assert.strictEqual(numbers.at(-1), LAST, id)
      }
    }),
  )

  it.effect("wait without harm while somebody holds their record, and keep nobody else waiting", () =>
    Effect.gen(function* () {
      const shop = yield* makeShop
      for (const id of ["held", "1", "2", "3"]) yield* shop.record(id)
      const arrivals: Array<string> = []
      let isHeld = true
      yield* startNode(shop, {
        isReadable: (id) => id !== "held" || !isHeld,
        deliver: ({ aggregate_id }) =>
          Effect.sync((): Delivered => {
            arrivals.push(aggregate_id)
            return { kind: "delivered" }
          }),
      })
      yield* eventually(
        Effect.sync(() => arrivals.length === 3),
        "5 seconds",
      )
      const held = (yield* shop.facts).find(({ aggregate_id }) => aggregate_id === "held")
      assert.deepInclude(held, { state: "pending", attempts: 0, last_error: null })
      isHeld = false
      yield* eventually(isCalm(shop), "5 seconds")
      assert.deepStrictEqual(arrivals.toSorted(), ["1", "2", "3", "held"])
    }),
  )

  it.effect("that hang keep their places and nothing else", () =>
    Effect.gen(function* () {
      const shop = yield* makeShop
      const arrivals = new Set<string>()
      for (let n = 0; n < 3; n += 1) yield* shop.record(`hangs ${n}`)
      const wake = yield* startNode(shop, {
        inFlightMax: 4,
        deliver: ({ aggregate_id }) =>
          aggregate_id.startsWith("hangs")
            ? Effect.never
            : Effect.sync((): Delivered => {
                arrivals.add(aggregate_id)
                return { kind: "delivered" }
              }),
      })
      for (let n = 0; n < 30; n += 1) yield* shop.record(`goes ${n}`)
      yield* Queue.offer(wake, undefined)
      yield* eventually(
        Effect.sync(() => arrivals.size === 30),
        "10 seconds",
      )
    }),
  )

  it.effect("leave no more at a time than there are places over there", () =>
    Effect.gen(function* () {
      const shop = yield* makeShop
      for (let n = 0; n < 10; n += 1) yield* shop.record(String(n))
      let busy = 0
      let busiest = 0
      let places = 0
      yield* startNode(shop, {
        places: () => places,
        deliver: () =>
          Effect.gen(function* () {
            busiest = Math.max(busiest, ++busy)
            yield* Effect.sleep(5)
            busy -= 1
            return { kind: "delivered" } as const
          }),
      })
      yield* Effect.sleep(100)
      assert.strictEqual(busiest, 0)
      places = 1
      yield* eventually(isCalm(shop), "10 seconds")
      assert.isAtMost(busiest, 8)
    }),
  )
})

const live = TestClock.withLive

/** Until nothing happens that does not wait for the clock. */
const quiet = live(
  Effect.gen(function* () {
    for (let calm = 0; calm < 4; calm = busy === 0 ? calm + 1 : 0) yield* Effect.sleep(2)
  }),
)

/** Moves the clock in steps, and lets the database answer after each. */
const pass = (ms: number, stepMs: number) =>
  Effect.gen(function* () {
    yield* quiet
    for (let gone = 0; gone < ms; gone += stepMs) {
      yield* TestClock.adjust(Math.min(stepMs, ms - gone))
      yield* quiet
    }
  })

const nowMs = Effect.clockWith((clock) => clock.currentTimeMillis)
const STEPS_MAX = 500
/** Within a lease, so that a node is not taken for dead between two steps. */
const STEP_MS = 9_000

/** Moves the clock until there were so many attempts. */
const untilTried = (attempts: ReadonlyArray<unknown>, count: number, stepMs: number) =>
  Effect.gen(function* () {
    for (let step = 0; step < STEPS_MAX && attempts.length < count; step += 1) yield* pass(stepMs, stepMs)
    assert.strictEqual(attempts.length, count)
  })

/** The clock of the test stands where that of the database does. */
const withClock = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.andThen(TestClock.setTime(Date.now()), effect).pipe(Effect.provide(TestClock.layer()))

layer(World, { excludeTestServices: true })("facts in time", (it) => {
  it.effect("of a node that died are delivered by another when the lease is over", () =>
    Effect.gen(function* () {
      const shop = yield* makeShop
      yield* shop.record("1")
      const dying = yield* Scope.make()
      let began = 0
      const hang = Effect.andThen(
        Effect.sync(() => began++),
        Effect.never,
      )
      yield* Scope.provide(dying)(startNode(shop, { deliver: () => hang }))
      yield* live(
        eventually(
          Effect.sync(() => began === 1),
          "5 seconds",
        ),
      )
      yield* Scope.close(dying, Exit.void)
      assert.isNotNull((yield* shop.only)["lease"])
      let taken = 0
      yield* startNode(shop, {
        deliver: () =>
          Effect.sync((): Delivered => {
            taken += 1
            return { kind: "delivered" }
          }),
      })
      yield* pass(LEASE_MS - 1_000, 1_000)
      assert.strictEqual(taken, 0)
      yield* pass(2_000, 500)
      yield* live(eventually(isCalm(shop), "5 seconds"))
      assert.strictEqual(taken, 1)
    }).pipe(withClock),
  )

  it.effect("stay with a node that lives, however slow its delivery is", () =>
    Effect.gen(function* () {
      const shop = yield* makeShop
      yield* shop.record("1")
      const nodes: Array<string> = []
      const slow = (node: string) => () =>
        Effect.gen(function* () {
          nodes.push(node)
          yield* Effect.sleep(60_000)
          return { kind: "delivered" } as const
        })
      yield* startNode(shop, { deliver: slow("a") })
      yield* live(
        eventually(
          Effect.sync(() => nodes.length === 1),
          "5 seconds",
        ),
      )
      yield* startNode(shop, { deliver: slow("b") })
      yield* pass(59_000, 1_000)
      assert.deepInclude(yield* shop.only, { state: "pending" })
      yield* pass(3_000, 1_000)
      yield* live(eventually(isCalm(shop), "5 seconds"))
      assert.deepStrictEqual(nodes, ["a"])
    }).pipe(withClock),
  )

  it.effect(
    "are not taken a second time by the node that still delivers them, even when their lease ran out",
    () =>
      Effect.gen(function* () {
        const shop = yield* makeShop
        yield* shop.record("1")
        let began = 0
        const wake = yield* startNode(shop, {
          deliver: () =>
            Effect.gen(function* () {
              began += 1
              yield* Effect.sleep(60_000)
              return { kind: "delivered" } as const
            }),
        })
        yield* live(
          eventually(
            Effect.sync(() => began === 1),
            "5 seconds",
          ),
        )
        yield* pass(2 * LEASE_MS, 2 * LEASE_MS)
        yield* Queue.offer(wake, undefined)
        yield* pass(40_000, 1_000)
        assert.strictEqual(began, 1)
      }).pipe(withClock),
  )

  it.effect("that always fail are tried by the schedule and then parked with the reason", () =>
    Effect.gen(function* () {
      const shop = yield* makeShop
      yield* shop.record("1")
      const times: Array<number> = []
      yield* startNode(shop, {
        deliver: () =>
          Effect.map(nowMs, (now): Delivered => {
            times.push(now)
            return { kind: "failed", error: `no ${times.length}\u0000`, retryAfterMs: null, isOutage: false }
          }),
      })
      for (const [n, ms] of scheduleMs.entries()) {
        const stepMs = Math.min(ms / 8, STEP_MS)
        yield* untilTried(times, n + 1, stepMs)
        const failed = yield* shop.only
        const dueMs = failed["available_at"].getTime()
        assert.deepInclude(failed, { state: "pending", attempts: n + 1, last_error: `no ${n + 1}` })
        yield* untilTried(times, n + 2, stepMs)
        assert.isAtLeast(times[n + 1] ?? 0, dueMs)
        const waitedMs = dueMs - (times[n] ?? 0)
        assert.isAtLeast(waitedMs, 0.75 * ms)
      }
      assert.deepInclude(yield* shop.only, {
        state: "parked",
        last_error: `no ${scheduleMs.length + 1}`,
        attempts: scheduleMs.length,
      })
      yield* pass(7_200_000, 600_000)
      assert.strictEqual(times.length, scheduleMs.length + 1)
    }).pipe(withClock),
  )

  it.effect("wait as long as the target asks, and an outage counts against none", () =>
    Effect.gen(function* () {
      const shop = yield* makeShop
      yield* shop.record("1")
      const times: Array<number> = []
      const FAILURES = 20
      yield* startNode(shop, {
        deliver: () =>
          Effect.map(nowMs, (now): Delivered => {
            times.push(now)
            return times.length > FAILURES
              ? { kind: "delivered" }
              : { kind: "failed", error: "busy", retryAfterMs: 100_000, isOutage: true }
          }),
      })
      for (let n = 1; n <= FAILURES + 1; n += 1) yield* untilTried(times, n, STEP_MS)
      for (const [n, time] of times.entries()) assert.isAtLeast(time - (times[n - 1] ?? 0), 100_000)
      assert.deepInclude(yield* shop.only, { state: "delivered", attempts: 0, last_error: null })
    }).pipe(withClock),
  )

  it.effect("leave no faster than they may", () =>
    Effect.gen(function* () {
      const shop = yield* makeShop
      const COUNT = 45
      const PER_SECOND = 10
      for (let n = 0; n < COUNT; n += 1) yield* shop.record(String(n))
      const times: Array<number> = []
      const startMs = yield* nowMs
      yield* startNode(shop, {
        perSecondMax: PER_SECOND,
        deliver: () =>
          Effect.map(nowMs, (now): Delivered => {
            times.push(now - startMs)
            return { kind: "delivered" }
          }),
      })
      for (let turn = 0; turn < 400 && times.length < COUNT; turn += 1) yield* pass(50, 50)
      assert.strictEqual(times.length, COUNT)
      // One waits for its turn while another one's transaction is under way.
      const burst = PER_SECOND / 10 + 2
      times.forEach((time, index) =>
        times.slice(index).forEach((later, further) => {
          const allowed = (PER_SECOND * (later - time)) / 1_000 + burst + 1e-6
          assert.isAtMost(further, allowed)
        }),
      )
    }).pipe(withClock),
  )
})

describe("a token bucket", () => {
  const gaps = fc.array(fc.record({ afterMs: fc.nat({ max: 3_000 }), wanted: fc.nat({ max: 300 }) }), {
    maxLength: 60,
  })

  it("gives in any time no more than its rate and its burst", () => {
    const property = fc.property(fc.integer({ min: 1, max: 2_000 }), gaps, (perSecond, asks) => {
      const bucket = TokenBucket.make(perSecond)
      const burst = Math.max(1, perSecond / 10)
      const taken: Array<{ readonly atMs: number; readonly count: number }> = []
      let nowMs = 1_700_000_000_000
      for (const { afterMs, wanted } of asks) {
        nowMs += afterMs
        const count = bucket.take(nowMs, wanted)
        assert.isTrue(Number.isInteger(count) && count >= 0 && count <= wanted)
        taken.push({ atMs: nowMs, count })
      }
      taken.forEach(({ atMs }, from) => {
        let sum = 0
        for (const later of taken.slice(from)) {
          sum += later.count
          assert.isAtMost(sum, burst + (perSecond * (later.atMs - atMs)) / 1_000 + 1e-6)
        }
      })
    })
    fc.assert(property, { numRuns: 2_000 })
  })

  it("gives one when it said that it would, and not much before", () => {
    const property = fc.property(fc.integer({ min: 1, max: 2_000 }), gaps, (perSecond, asks) => {
      const bucket = TokenBucket.make(perSecond)
      let nowMs = 1_700_000_000_000
      for (const { afterMs, wanted } of asks) {
        nowMs += afterMs
        bucket.take(nowMs, wanted)
        const waitMs = bucket.waitMs(nowMs)
        assert.isAtLeast(waitMs, 0)
        assert.isAtMost(waitMs, 1_000 / perSecond + 1e-6)
        if (waitMs === 0) continue
        nowMs += Math.ceil(waitMs)
        assert.strictEqual(bucket.take(nowMs, 1), 1)
      }
    })
    fc.assert(property, { numRuns: 2_000 })
  })

  it("takes back what was not used, and never holds more than its burst", () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 2_000 }),
      fc.nat({ max: 100 }),
      (perSecond, unused) => {
        const bucket = TokenBucket.make(perSecond)
        const burst = Math.floor(Math.max(1, perSecond / 10))
        assert.strictEqual(bucket.take(0, 1_000_000), burst)
        assert.strictEqual(bucket.take(0, 1), 0)
        bucket.giveBack(unused)
        assert.strictEqual(bucket.take(0, 1_000_000), Math.min(burst, unused))
        bucket.giveBack(1_000_000)
        assert.strictEqual(bucket.take(3_600_000, 1_000_000), burst)
      },
    )
    fc.assert(property, { numRuns: 2_000 })
  })

  it("gives nothing for a clock that was set back", () => {
    const bucket = TokenBucket.make(10)
    assert.strictEqual(bucket.take(10_000, 5), 1)
    assert.strictEqual(bucket.take(5_000, 5), 0)
    assert.strictEqual(bucket.take(5_050, 5), 0)
    assert.strictEqual(bucket.take(5_100, 5), 1)
  })
})
