/** `npm run bitrix`, in a process of its own, beside a node or without one. */
import { execFile } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { BITRIX_TOKEN, makeSimulator, makeWorld, nextProductId } from "../support/BitrixWorld.ts"
import { COMPILE_CACHE } from "../support/CompileCache.ts"
import { eventually } from "../support/eventually.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { SIGNING_KEY, startNode } from "../support/TestNode.ts"
import { call, insertShop } from "../support/TestPeople.ts"
import { SECRET } from "../support/TestService.ts"

const TIMEOUT_MS = 120_000
let lastSecret = 0
const nextSecret = (): string => `a-secret-of-the-events-of-one-shop-${++lastSecret}`

const run = (args: ReadonlyArray<string>, settings: Readonly<Record<string, string>> = {}) =>
  Effect.flatMap(TestDatabase, ({ url }) =>
    Effect.callback<{ readonly code: number; readonly text: string }>((resume) => {
      const env = {
        PATH: process.env["PATH"],
        DATABASE_URL: url,
        SECRET_KEY: SIGNING_KEY,
        ...COMPILE_CACHE,
        WEBHOOK_SECRET: SECRET,
        ...settings,
      }
      execFile(process.execPath, ["src/cli/bitrix.ts", ...args], { env }, (error, stdout, stderr) =>
        resume(Effect.succeed({ code: error === null ? 0 : 1, text: `${stdout}${stderr}` })),
      )
    }),
  )

const connecting = (secret: string) => ({ BITRIX_CONNECT_TOKEN: BITRIX_TOKEN, BITRIX_CONNECT_SECRET: secret })

const countIn = (text: string, name: string): number =>
  Number(new RegExp(`^${name} +(\\d+)$`, "m").exec(text)?.[1])

/** Seen, taken off sale, could not be repaired. */
const leftOver = (text: string): ReadonlyArray<number> =>
  ["seen", "taken off sale", "could not be repaired"].map((name) => countIn(text, name))

/** A shop, and a Bitrix of its own that lists so many goods. */
const shopAndBitrix = Effect.fnUntraced(function* (
  count: number,
  fields: (index: number) => object = () => ({}),
) {
  const { witness } = yield* TestDatabase
  const { shopId } = yield* insertShop(witness)
  const simulator = yield* makeSimulator()
  const ids = Array.from({ length: count }, nextProductId)
  simulator.seed(ids.map((id, index) => ({ id, ...fields(index) })))
  const settings = { WEBHOOK_SHOP_ID: String(shopId), BITRIX_BASE_URL: simulator.url, BITRIX_TOKEN }
  return { simulator, ids, settings }
})

/** Everything that a walk may write, as it stands. */
const stateOf = (shopId: number) =>
  Effect.flatMap(TestDatabase, ({ witness }) =>
    Effect.promise(() =>
      Promise.all(
        ["product", "bitrix_product", "sync_conflict", "inbox", "outbox", "bitrix_pass", "product_image"].map(
          (table) =>
            witness`SELECT to_jsonb(t) AS row FROM ${witness(table)} t WHERE shop_id = ${shopId} ORDER BY 1`,
        ),
      ),
    ),
  )

// Each in a database of its own: a walk that is told no shop visits every shop of its database.
describe.concurrent("npm run bitrix", () => {
  it.live(
    "connects a shop, fills it, repairs it and parts it again",
    () =>
      Effect.gen(function* () {
        const { witness } = yield* TestDatabase
        const { shopId } = yield* insertShop(witness)
        const secret = nextSecret()
        const simulator = yield* makeSimulator()
        const ids = Array.from({ length: 230 }, nextProductId)
        const [first = 0, second = 0, third = 0] = ids
        simulator.seed([...ids.map((id) => ({ id })), { id: third, price: "дорого" }])
        const shop = ["--shop", String(shopId)]

        const refused = yield* run(["import", ...shop])
        assert.strictEqual(refused.code, 1)
        assert.include(refused.text, "bitrix connect")

        const connected = yield* run(
          ["connect", ...shop, "--base-url", `${simulator.url}/`],
          connecting(secret),
        )
        assert.strictEqual(connected.code, 0, connected.text)
        const listed = yield* run(["connections"])
        assert.include(
          listed.text,
          `shop ${shopId}  ${simulator.url}/products/update-from-railway/{id}  20/s`,
        )
        for (const hidden of [BITRIX_TOKEN, secret])
          for (const { text } of [connected, listed]) assert.notInclude(text, hidden)

        const filled = yield* run(["import", ...shop])
        assert.strictEqual(filled.code, 0, filled.text)
        assert.match(filled.text, /\[#{13}\.{17}\] {2}100 of 230 product\(s\)/)
        assert.match(filled.text, /\[#{30}\] {2}230 of 230 product\(s\)/)
        const counted = ["seen", "created", "updated", "could not be repaired"].map((name) =>
          countIn(filled.text, name),
        )
        assert.deepStrictEqual(counted, [230, 229, 0, 1], filled.text)
        assert.match(filled.text, /Cannot be created without its price; price: not a price +1/)

        simulator.edit(first, { price: "9 990 ₸" })
        simulator.products.delete(second)
        const repaired = yield* run(["reconcile", ...shop])
        assert.deepStrictEqual(
          ["same", "updated", "taken off sale"].map((name) => countIn(repaired.text, name)),
          [227, 1, 1],
          repaired.text,
        )
        const [row] = yield* Effect.promise(() => witness`SELECT price FROM product WHERE id = ${first}`)
        assert.strictEqual(row?.["price"], "999000")

        assert.strictEqual((yield* run(["disconnect", ...shop])).code, 0)
        assert.include((yield* run(["connections"])).text, "parted")
        assert.strictEqual((yield* run(["reconcile", ...shop])).code, 1)
      }).pipe(Effect.provide(TestDatabase.layer)),
    TIMEOUT_MS,
  )

  it.live(
    "says with --dry-run what it would do, product by product, and writes nothing",
    () =>
      Effect.gen(function* () {
        const world = yield* makeWorld({ settings: { BITRIX_RECONCILE_PAUSE_SECONDS: "0" } })
        const { simulator, shopId, witness } = world
        const settings = {
          WEBHOOK_SHOP_ID: String(shopId),
          BITRIX_BASE_URL: simulator.url,
          BITRIX_TOKEN,
        }
        const ids = yield* Effect.forEach(Array.from({ length: 6 }), () => world.insertProduct())
        const [edited = 0, clashing = 0, gone = 0, untold = 0, unclear = 0] = ids
        yield* run(["reconcile"], settings)
        simulator.webhooks.mode = "lose"
        simulator.edit(edited, { title: "Пионы", price: "6 500 ₸" })
        simulator.edit(clashing, { title: "Имя оттуда" })
        simulator.edit(unclear, { price: "65 USD" })
        simulator.products.delete(gone)
        const made = nextProductId()
        simulator.seed([{ id: made, title: "Новинка" }])
        yield* Effect.promise(
          () => witness`UPDATE product SET name = 'Имя отсюда' WHERE id IN (${clashing}, ${untold})`,
        )

        const before = yield* stateOf(shopId)
        const told = yield* run(["reconcile", "--dry-run"], settings)
        assert.deepStrictEqual(yield* stateOf(shopId), before)
        assert.strictEqual(told.code, 0, told.text)
        for (const line of [
          `${edited}  name: "Букет ${edited}" <- "Пионы"`,
          `${edited}  price: 500000 <- 650000`,
          `${clashing}  name: "Имя отсюда" <- "Имя оттуда"  (changed on both sides`,
          `${gone}  enabled: true <- false`,
          `${untold}  name: "Имя отсюда" -> Bitrix, which has "Букет ${untold}"`,
          `${unclear}  Kept: price: a price in another currency`,
          `${made}  name: nothing <- "Новинка"`,
        ])
          assert.include(told.text, line)

        const done = yield* run(["reconcile"], settings)
        for (const name of ["seen", "created", "updated", "taken off sale", "could not be repaired"])
          assert.strictEqual(countIn(done.text, name), countIn(told.text, name), `${name}\n${done.text}`)
        assert.strictEqual(countIn(done.text, "conflicts open"), 1, done.text)
        assert.strictEqual(countIn(done.text, "told to Bitrix again"), 1, done.text)
        yield* world.calm
        assert.strictEqual(simulator.products.get(untold)?.title, "Имя отсюда")
      }).pipe(Effect.provide(TestDatabase.layer)),
    TIMEOUT_MS,
  )

  it.live(
    "takes off sale what a much shorter list lacks only when it is told to believe it",
    () =>
      Effect.gen(function* () {
        const { simulator, ids, settings } = yield* shopAndBitrix(5)
        yield* run(["import"], settings)
        for (const id of ids.slice(2)) simulator.products.delete(id)
        const doubted = yield* run(["reconcile"], settings)
        assert.deepStrictEqual(leftOver(doubted.text), [2, 0, 3], doubted.text)
        assert.include(doubted.text, "--trust-short-list")
        const believed = yield* run(["reconcile", "--trust-short-list"], settings)
        assert.deepStrictEqual(leftOver(believed.text), [2, 3, 0], believed.text)
      }).pipe(Effect.provide(TestDatabase.layer)),
    TIMEOUT_MS,
  )

  it.live(
    "gets past a page that cannot be read, says so, and takes nothing off sale",
    () =>
      Effect.gen(function* () {
        const { simulator, ids, settings } = yield* shopAndBitrix(110, (index) => ({
          isAvailable: index > 98,
        }))
        yield* run(["import"], settings)
        simulator.products.delete(ids[105] ?? 0)
        simulator.fail({ path: /limit=100&offset=0$/, mode: { kind: "html", status: 500 } })
        for (const args of [["reconcile", "--dry-run"], ["reconcile"]]) {
          const { code, text } = yield* run(args, settings)
          assert.strictEqual(code, 0, text)
          assert.include(text, "could not be read whole: nothing was taken off sale")
          assert.match(text, /A page of the list cannot be read +1\n/)
          assert.deepStrictEqual(leftOver(text), [9, 0, 2], text)
        }
      }).pipe(Effect.provide(TestDatabase.layer)),
    TIMEOUT_MS,
  )

  it.live(
    "tells running nodes of a connection, and lets the former secret go on beside the new one",
    () =>
      Effect.gen(function* () {
        const { witness } = yield* TestDatabase
        const { shopId } = yield* insertShop(witness)
        const [secret, next] = [nextSecret(), nextSecret()]
        const simulator = yield* makeSimulator()
        const node = yield* startNode({ settings: { BITRIX_RECONCILE_PAUSE_SECONDS: "0" } })
        const args = ["connect", "--shop", String(shopId), "--base-url", simulator.url]
        const post = (secret: string, id: number) =>
          Effect.map(
            call(node.url, "POST", "/webhooks/product-sync", {
              headers: { "x-webhook-secret": secret },
              body: { event_type: "product.updated", product_data: { id, title: "Розы", price: 5_000 } },
            }),
            ({ status }) => status,
          )
        const isTaken = (secret: string) =>
          Effect.map(post(secret, nextProductId()), (status) => status === 200)
        for (const one of [secret, next]) assert.strictEqual((yield* run(args, connecting(one))).code, 0)
        yield* eventually(isTaken(next), "30 seconds")
        assert.isTrue(yield* isTaken(secret))
        const [audited] = yield* Effect.promise(
          () => witness`
            SELECT actor_kind, action, after FROM audit
            WHERE shop_id = ${shopId} AND record_type = 'bitrix_connection' ORDER BY seq DESC LIMIT 1`,
        )
        assert.deepInclude(audited, { actor_kind: "cli", action: "bitrix.connect" })
        assert.notInclude(JSON.stringify(audited), BITRIX_TOKEN)
      }).pipe(Effect.provide(TestDatabase.layer)),
    TIMEOUT_MS,
  )

  it.live(
    "refuses what makes no connection",
    () =>
      Effect.gen(function* () {
        const { witness } = yield* TestDatabase
        const { shopId } = yield* insertShop(witness)
        const args = (shop: number, url = "http://bitrix.example/api/v2") => [
          "connect",
          "--shop",
          String(shop),
          "--base-url",
          url,
        ]
        const another = yield* insertShop(witness)
        const taken = [nextSecret(), nextSecret()] as const
        for (const secret of taken)
          assert.strictEqual((yield* run(args(another.shopId), connecting(secret))).code, 0)
        const attempts = [
          [args(shopId), {}, "BITRIX_CONNECT_TOKEN"],
          [args(shopId), connecting("short"), "at least 32"],
          [args(shopId), connecting(taken[0]), "another shop"],
          [args(shopId), connecting(taken[1]), "another shop"],
          [args(shopId), connecting(SECRET), "another shop"],
          [args(999_999), connecting(nextSecret()), "no shop 999999"],
          [args(shopId, "ftp://bitrix.example"), connecting(nextSecret()), "base-url"],
          [["disconnect", "--shop", String(shopId)], {}, "never connected"],
        ] as const
        yield* Effect.forEach(
          attempts,
          ([arguments_, settings, said]) =>
            Effect.map(run(arguments_, settings), ({ code, text }) => {
              assert.strictEqual(code, 1, text)
              assert.include(text, said)
            }),
          { concurrency: 2 },
        )
      }).pipe(Effect.provide(TestDatabase.layer)),
    TIMEOUT_MS,
  )
})
