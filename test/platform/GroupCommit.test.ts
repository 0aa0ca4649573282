import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as GroupCommit from "../../src/platform/GroupCommit.ts"
import { Overloaded } from "../../src/shared/Overloaded.ts"
import { eventually } from "../support/eventually.ts"

const BATCH_MAX = 64
const QUEUE_MAX = 2_048
const COMMITS_MAX = 2

/**
 * A group whose commits begin when the test says so: each waits for one call of `release`. Answers are the items
 * times ten; `behave` may fail a batch instead.
 */
const makeGroup = <E = never>(
  behave: (batch: ReadonlyArray<number>) => Effect.Effect<void, E> = () => Effect.void,
  keyOf: (item: number) => number = (item) => item,
  isHeld: (item: number) => boolean = () => false,
) =>
  Effect.gen(function* () {
    const batches: Array<ReadonlyArray<number>> = []
    const gates: Array<Deferred.Deferred<void>> = []
    let isOpen = false
    const commit = (batch: ReadonlyArray<number>) =>
      Effect.gen(function* () {
        batches.push(batch)
        const gate = yield* Deferred.make<void>()
        if (!isOpen) {
          gates.push(gate)
          yield* Deferred.await(gate)
        }
        yield* behave(batch)
        return batch.map((item) => (isHeld(item) ? undefined : item * 10))
      })
    const group = yield* GroupCommit.make<number, number, E | "held">({
      keyOf: (item: number) => String(keyOf(item)),
      commit,
      heldTooLong: () => "held" as const,
    })
    const submit = (item: number) =>
      Effect.forkChild(Effect.exit(group.submit(item)), { startImmediately: true })
    return {
      batches,
      submit,
      submitAll: (items: ReadonlyArray<number>) => Effect.forEach(items, submit),
      /** Waits until as many commits have begun. */
      begun: (count: number) =>
        eventually(
          Effect.sync(() => batches.length >= count),
          "2 seconds",
        ),
      release: Effect.suspend(() => {
        const gate = gates.shift()
        return gate === undefined
          ? Effect.die(new Error("no commit is under way"))
          : Deferred.succeed(gate, undefined)
      }),
      /** From now on nothing waits. */
      open: Effect.suspend(() => {
        isOpen = true
        return Effect.forEach(gates.splice(0), (gate) => Deferred.succeed(gate, undefined))
      }),
    }
  })

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)
const answersOf = (items: ReadonlyArray<number>) => items.map((item) => Exit.succeed(item * 10))

describe("GroupCommit", () => {
  it.live("commits a lone submission at once, by itself", () =>
    Effect.gen(function* () {
      const { submit, batches, begun, release } = yield* makeGroup()
      const only = yield* submit(1)
      yield* begun(1)
      yield* release
      assert.deepStrictEqual(yield* Fiber.join(only), Exit.succeed(10))
      assert.deepStrictEqual(batches, [[1]])
    }),
  )

  it.live("commits together what arrives together, and each gets its own answer", () =>
    Effect.gen(function* () {
      const { submitAll, batches, begun, open } = yield* makeGroup()
      const fibers = yield* submitAll(range(1, 5))
      yield* begun(1)
      yield* open
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), answersOf(range(1, 5)))
      assert.deepStrictEqual(batches, [range(1, 5)])
    }),
  )

  it.live("gathers what arrives during a commit into the next one, in order", () =>
    Effect.gen(function* () {
      const { submit, submitAll, batches, begun, release } = yield* makeGroup()
      const first = yield* submit(0)
      yield* begun(1)
      const second = yield* submit(-1)
      yield* begun(COMMITS_MAX)
      const during = yield* submitAll(range(1, 30))
      yield* Effect.sleep(20)
      const later = yield* submitAll(range(31, 40))
      yield* Effect.sleep(20)
      assert.strictEqual(batches.length, COMMITS_MAX)

      yield* release
      assert.deepStrictEqual(yield* Fiber.join(first), Exit.succeed(0))
      yield* begun(3)
      assert.deepStrictEqual(batches[2], range(1, 40))
      assert.isUndefined(during[0]?.pollUnsafe())

      yield* release
      yield* release
      yield* Fiber.join(second)
      assert.deepStrictEqual(yield* Fiber.joinAll([...during, ...later]), answersOf(range(1, 40)))
    }),
  )

  it.live("makes no batch larger than its limit, and keeps the order across batches", () =>
    Effect.gen(function* () {
      const { submit, submitAll, batches, begun, open } = yield* makeGroup()
      const first = yield* submit(0)
      yield* begun(1)
      const others = yield* submitAll(range(1, 200))
      yield* open
      assert.deepStrictEqual(yield* Fiber.joinAll([first, ...others]), answersOf(range(0, 200)))
      assert.deepStrictEqual(batches.flat(), range(0, 200))
      assert.deepStrictEqual(
        batches.map((batch) => batch.length),
        [1, BATCH_MAX, BATCH_MAX, BATCH_MAX, 200 - 3 * BATCH_MAX],
      )
    }),
  )

  it.live("has two commits under way at most, and two when there is work for them", () =>
    Effect.gen(function* () {
      let underWay = 0
      let mostUnderWay = 0
      const { submitAll, open } = yield* makeGroup(() =>
        Effect.gen(function* () {
          mostUnderWay = Math.max(mostUnderWay, ++underWay)
          yield* Effect.sleep(1)
          underWay -= 1
        }),
      )
      yield* open
      const fibers = yield* submitAll(range(1, 300))
      yield* Fiber.joinAll(fibers)
      assert.strictEqual(mostUnderWay, COMMITS_MAX)
    }),
  )

  it.live("lets a bad submission fail alone", () =>
    Effect.gen(function* () {
      const defect = new Error("number thirteen")
      const { submit, submitAll, batches, begun, open } = yield* makeGroup((batch) =>
        batch.includes(13) ? Effect.die(defect) : Effect.void,
      )
      const first = yield* submit(0)
      yield* begun(1)
      const others = yield* submitAll(range(10, 20))
      yield* open
      yield* Fiber.join(first)
      const exits = yield* Fiber.joinAll(others)
      assert.deepStrictEqual(
        exits,
        range(10, 20).map((item) => (item === 13 ? Exit.die(defect) : Exit.succeed(item * 10))),
      )
      assert.deepStrictEqual(batches.slice(2).flat(), range(10, 20))
      const next = yield* submit(21)
      assert.deepStrictEqual(yield* Fiber.join(next), Exit.succeed(210))
    }),
  )

  it.live("lets two submissions that exclude each other both succeed, one after the other", () =>
    Effect.gen(function* () {
      const { submit, submitAll, begun, open } = yield* makeGroup((batch) =>
        batch.includes(1) && batch.includes(2) ? Effect.die(new Error("duplicate")) : Effect.void,
      )
      yield* submit(0)
      yield* begun(1)
      const both = yield* submitAll([1, 2])
      yield* open
      assert.deepStrictEqual(yield* Fiber.joinAll(both), answersOf([1, 2]))
    }),
  )

  it.live("fails everything in the batch when the outside is unavailable, and goes on when it is back", () =>
    Effect.gen(function* () {
      let isDown = true
      const { submit, submitAll, batches, begun, open } = yield* makeGroup(() =>
        isDown ? Effect.fail("unavailable") : Effect.void,
      )
      const first = yield* submit(0)
      yield* begun(1)
      const others = yield* submitAll(range(1, 20))
      yield* open
      assert.deepStrictEqual(
        yield* Fiber.joinAll([first, ...others]),
        range(0, 20).map(() => Exit.fail("unavailable")),
      )
      assert.strictEqual(batches.length, 2)

      isDown = false
      const next = yield* submit(21)
      assert.deepStrictEqual(yield* Fiber.join(next), Exit.succeed(210))
    }),
  )

  it.live("refuses at once what its queue cannot hold, and serves everything that it took", () =>
    Effect.gen(function* () {
      const { submit, submitAll, begun, open } = yield* makeGroup()
      const first = yield* submit(0)
      yield* begun(1)
      const second = yield* submit(-1)
      yield* begun(COMMITS_MAX)
      const taken = yield* submitAll(range(1, QUEUE_MAX))
      const refused = yield* submitAll(range(QUEUE_MAX + 1, QUEUE_MAX + 50))
      for (const fiber of refused) {
        assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed(Exit.fail(new Overloaded())))
      }
      yield* open
      assert.deepStrictEqual(yield* Fiber.joinAll([second, first, ...taken]), answersOf(range(-1, QUEUE_MAX)))
      const next = yield* submit(7)
      assert.deepStrictEqual(yield* Fiber.join(next), Exit.succeed(70))
    }),
  )

  it.live("does the work of a submitter that went away, before or during the commit", () =>
    Effect.gen(function* () {
      const committed: Array<number> = []
      const { submit, submitAll, begun, release, open } = yield* makeGroup((batch) =>
        Effect.sync(() => committed.push(...batch)),
      )
      const during = yield* submit(1)
      yield* begun(1)
      const [before, neighbour] = yield* submitAll([2, 3])
      assert.isDefined(before)
      assert.isDefined(neighbour)
      yield* Fiber.interruptAll([during, before])
      assert.deepStrictEqual(committed, [])

      yield* release
      yield* begun(2)
      yield* open
      assert.deepStrictEqual(yield* Fiber.join(neighbour), Exit.succeed(30))
      assert.deepStrictEqual(committed, [1, 2, 3])
    }),
  )

  it.live("keeps submissions with one key in order, and never in two commits at the same time", () =>
    Effect.gen(function* () {
      const { submit, submitAll, batches, begun, release, open } = yield* makeGroup(
        undefined,
        (item) => item % 10,
      )
      const first = yield* submit(1)
      yield* begun(1)
      const others = yield* submitAll([11, 21, 2, 31, 12])
      yield* begun(2)
      assert.deepStrictEqual(batches, [[1], [2, 12]])
      yield* release
      yield* Fiber.join(first)
      yield* open
      assert.deepStrictEqual(yield* Fiber.joinAll(others), answersOf([11, 21, 2, 31, 12]))
      assert.deepStrictEqual(batches[2], [11, 21, 31])
    }),
  )

  it.live("tries what was held again, ahead of its key, while others go on", () =>
    Effect.gen(function* () {
      let isHeld = true
      const { submit, submitAll, batches, open } = yield* makeGroup(
        undefined,
        (item) => item % 10,
        (item) => item % 10 === 1 && isHeld,
      )
      yield* open
      const held = yield* submit(1)
      const behind = yield* submitAll([11, 21])
      const others = yield* submitAll([2, 3, 4])
      assert.deepStrictEqual(yield* Fiber.joinAll(others), answersOf([2, 3, 4]))
      assert.isUndefined(held.pollUnsafe())
      isHeld = false
      assert.deepStrictEqual(yield* Fiber.joinAll([held, ...behind]), answersOf([1, 11, 21]))
      const order = batches.flat().filter((item) => item % 10 === 1)
      assert.isTrue(order.lastIndexOf(1) < order.lastIndexOf(11))
      assert.isTrue(order.lastIndexOf(11) < order.lastIndexOf(21))
    }),
  )

  it.live("gives up on what is held for too long, and goes on with what is behind it", () =>
    Effect.gen(function* () {
      const { submit, open } = yield* makeGroup(
        undefined,
        (item) => item % 10,
        (item) => item === 1,
      )
      yield* open
      const held = yield* submit(1)
      assert.deepStrictEqual(yield* Fiber.join(held), Exit.fail("held" as const))
      const behind = yield* submit(11)
      assert.deepStrictEqual(yield* Fiber.join(behind), Exit.succeed(110))
    }),
  )
})
