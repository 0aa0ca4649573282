import { spawnSync } from "node:child_process"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { COMPILE_CACHE } from "../support/CompileCache.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { insertShop } from "../support/TestPeople.ts"

const world = Effect.gen(function* () {
  const { url, witness } = yield* TestDatabase
  const { shopId } = yield* insertShop(witness)
  return {
    witness,
    shopId,
    run: (...args: ReadonlyArray<string>) =>
      spawnSync(process.execPath, ["src/cli/outbox.ts", ...args], {
        encoding: "utf8",
        env: { PATH: process.env["PATH"], DATABASE_URL: url, LOG_LEVEL: "error", ...COMPILE_CACHE },
      }),
    insert: (aggregateId: string, state = "pending", target = "bitrix") =>
      Effect.promise(async () => {
        const [fact] = await witness<Array<{ id: string }>>`
          INSERT INTO outbox (shop_id, target, aggregate_type, aggregate_id, payload, state, settled_at, last_error)
          VALUES (${shopId}, ${target}, 'product', ${aggregateId}, '{}', ${state},
                  ${state === "pending" ? null : new Date()}, ${state === "parked" ? "Product not found\n(404)" : null})
          RETURNING id`
        return String(fact?.id)
      }),
    find: (id: string) =>
      Effect.promise(async () => {
        const [fact] = await witness`
          SELECT state, last_error, attempts, generation, available_at FROM outbox WHERE id = ${id}`
        return { ...fact }
      }),
  }
})

layer(TestDatabase.layer, { excludeTestServices: true })("npm run outbox", (it) => {
  it.effect("lists the facts of every shop as a table, or those that are asked for", () =>
    Effect.gen(function* () {
      const first = yield* world
      const second = yield* world
      const parked = yield* first.insert("11", "parked")
      const pending = yield* first.insert("12")
      const told = yield* first.insert("13", "pending", "telegram")
      const elsewhere = yield* second.insert("14", "parked")

      const all = first.run("list")
      assert.strictEqual(all.status, 0, all.stderr)
      for (const id of [parked, pending, told, elsewhere])
        assert.match(all.stdout, new RegExp(`^${id} `, "m"))
      const [heading = "", ...lines] = all.stdout.trimEnd().split("\n")
      const line = lines.find((one) => one.startsWith(`${parked} `)) ?? ""
      for (const [name, value] of [
        ["SHOP", String(first.shopId)],
        ["TARGET", "bitrix"],
        ["ABOUT", "product 11"],
        ["STATE", "parked"],
        ["LAST ERROR", "Product not found (404)"],
      ] as const)
        assert.strictEqual(line.indexOf(value), heading.indexOf(name), name)

      const some = first.run("list", `--shop=${first.shopId}`, "--state=parked", "--target=bitrix")
      assert.deepStrictEqual(some.stdout.match(/^\d+(?= {2,})/gm), [parked])
      assert.match(some.stdout, /^1 fact\(s\)$/m)
    }),
  )

  it.effect("lets a parked fact go again, at once, and keeps its error until it arrives", () =>
    Effect.gen(function* () {
      const { run, insert, find } = yield* world
      const id = yield* insert("21", "parked")
      const { status, stdout, stderr } = run("retry", id)
      assert.strictEqual(status, 0, stderr)
      assert.include(stdout, `${id} goes again`)
      assert.deepStrictEqual(yield* find(id), {
        state: "pending",
        last_error: "Product not found\n(404)",
        attempts: 0,
        generation: 2,
        available_at: new Date(0),
      })
      const again = run("retry", id)
      assert.notStrictEqual(again.status, 0)
      assert.include(again.stdout + again.stderr, `fact ${id} is pending, not parked`)
    }),
  )

  it.effect("lets everything go again that a shop has parked", () =>
    Effect.gen(function* () {
      const first = yield* world
      const second = yield* world
      const own = [yield* first.insert("31", "parked"), yield* first.insert("32", "parked")]
      const other = yield* second.insert("33", "parked")
      const { stdout } = first.run("retry", "--all", "--shop", String(first.shopId))
      assert.match(stdout, new RegExp(`^shop ${first.shopId}: 2 fact\\(s\\) go again$`, "m"))
      for (const id of own) assert.strictEqual((yield* first.find(id))["state"], "pending")
      assert.strictEqual((yield* second.find(other))["state"], "parked")
    }),
  )

  it.effect("parks a fact that waits, with the reason", () =>
    Effect.gen(function* () {
      const { run, insert, find } = yield* world
      const id = yield* insert("41")
      const { status, stderr } = run("park", id, "--reason", "Wrong price, ask the florist")
      assert.strictEqual(status, 0, stderr)
      const { state, last_error } = yield* find(id)
      assert.deepStrictEqual([state, last_error], ["parked", "Wrong price, ask the florist"])
    }),
  )

  it.effect("says what it cannot do, and fails", () =>
    Effect.gen(function* () {
      const { run, insert } = yield* world
      const delivered = yield* insert("51", "delivered")
      for (const [args, why] of [
        [["retry"], "say which fact by its id, or --all"],
        [["retry", "999999999"], "there is no fact 999999999"],
        [["park", delivered, "--reason", "Late"], `fact ${delivered} is delivered, not pending`],
      ] as const) {
        const { status, stdout, stderr } = run(...args)
        assert.notStrictEqual(status, 0, args.join(" "))
        assert.include(stdout + stderr, why)
      }
    }),
  )

  it.effect("explains itself to whoever calls it wrong, and says no more", () =>
    Effect.gen(function* () {
      const { run } = yield* world
      for (const [args, why] of [
        [["list", "--state", "lost"], 'Expected: "pending" | "parked" | "delivered"'],
        [["forget"], 'Unknown subcommand "forget"'],
        [[], "SUBCOMMANDS"],
      ] as const) {
        const { status, stdout, stderr } = run(...args)
        assert.strictEqual(status, 1)
        assert.include(stdout + stderr, why)
        assert.notInclude(stderr, "cvety:")
      }
    }),
  )
})
