/**
 * Two shops ask at the same time over the one pool of ten connections, with failures of every kind between: input that
 * does not fit, records of the other shop, tokens of nobody, connections to the database that are cut, rows that
 * somebody else holds, clients that leave. Whatever happens, no answer holds anything of the other shop.
 *
 * `ISOLATION_REQUESTS` says how many requests there are.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type postgres from "postgres"
import { grantable } from "../../src/auth/Permission.ts"
import * as LeanHttp from "../support/LeanHttp.ts"
import {
  FULL_KEY,
  idOf,
  insertMarkedShop,
  insertOrder,
  insertUser,
  keyOf,
  marksOf,
  phoneOf,
  run,
  SECRETS,
} from "../support/MarkedShop.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { startNode } from "../support/TestNode.ts"
import { SECRET } from "../support/TestService.ts"
import * as TestToken from "../support/TestToken.ts"

const REQUESTS = Number(process.env["ISOLATION_REQUESTS"] ?? 20_000)
const SOCKETS = 32
const SHOPS = [70_001, 70_002] as const
const ORDERS = 100
const USERS = 20
const LEFT_SHARE = 0.02

interface Asker {
  readonly shop: number
  readonly other: number
  readonly bearer: string
}

interface Request {
  readonly asker: Asker
  readonly text: string
  /** Of an answer that the database gave in time. */
  readonly status: number
  /** Must be in the answer. */
  readonly holds: string
}

/** The same sequence in every run. */
const random = (() => {
  let state = 20_261_124
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
})()

const place = (many: number) => 100 + random(many)

const get = (asker: Asker, path: string, status: number, holds: string): Request => ({
  asker,
  text: LeanHttp.requestText("GET", path, { authorization: `Bearer ${asker.bearer}` }),
  status,
  holds,
})

const kinds: ReadonlyArray<(asker: Asker) => Request> = [
  (asker) => {
    const id = idOf(asker.shop, place(ORDERS))
    return get(asker, `/api/v1/orders/${id}`, 200, `"id":${id},`)
  },
  (asker) => {
    const id = idOf(asker.shop, place(ORDERS))
    return get(asker, `/api/v1/orders/${id}/history`, 200, `"order_id":${id},`)
  },
  (asker) =>
    get(asker, `/api/v1/orders/${idOf(asker.other, place(ORDERS))}`, 404, `{"detail":"Order not found"}`),
  (asker) =>
    get(
      asker,
      `/api/v1/orders/${idOf(asker.other, place(ORDERS))}/history`,
      404,
      `{"detail":"Order not found"}`,
    ),
  (asker) => get(asker, "/api/v1/orders/none", 422, `"detail":[`),
  (asker) =>
    get(
      { ...asker, bearer: `${asker.bearer.slice(0, -4)}AAAA` },
      `/api/v1/orders/${idOf(asker.shop, place(ORDERS))}`,
      401,
      "Could not validate credentials",
    ),
  (asker) => {
    const id = idOf(asker.shop, place(ORDERS))
    return get(asker, `/api/v1/orders/by-tracking/${id}/status`, 200, `"tracking_id":"${id}"`)
  },
  (asker) => {
    const person = tokens.get(asker.shop)?.[random(USERS)] ?? ""
    return get({ ...asker, bearer: person }, "/api/v1/auth/me", 200, `"name":"Человек ${asker.shop}"`)
  },
  (asker) =>
    get(
      { ...asker, bearer: tokens.get(asker.shop)?.[random(USERS)] ?? "" },
      "/api/v1/auth/users",
      200,
      `"phone":"${phoneOf(asker.shop, 100)}"`,
    ),
  (asker) => {
    const id = idOf(asker.shop, place(ORDERS))
    return get({ ...asker, bearer: keyOf(asker.shop, FULL_KEY) }, `/api/v1/orders/${id}`, 200, `"id":${id},`)
  },
  () => webhook(SHOPS[0], "status"),
  () => webhook(SHOPS[1], "Order not found in Railway"),
  (asker) => get(asker, "/api/v1/profile/team?limit=10", 200, `"shop_id":${asker.shop}`),
  (asker) => get(asker, "/api/v1/shop/settings", 200, `{"id":${asker.shop},`),
  (asker) =>
    send(
      asker,
      "PUT",
      "/api/v1/shop/delivery",
      { delivery_cost: random(1_000) },
      200,
      `{"id":${asker.shop},`,
    ),
  (asker) =>
    send(
      asker,
      "DELETE",
      `/api/v1/profile/team/${idOf(asker.other, place(USERS))}`,
      undefined,
      404,
      `{"detail":"User not found"}`,
    ),
]

const send = (
  asker: Asker,
  method: string,
  path: string,
  body: object | undefined,
  status: number,
  holds: string,
): Request => ({
  asker,
  text: LeanHttp.requestText(
    method,
    path,
    { authorization: `Bearer ${asker.bearer}`, "content-type": "application/json" },
    body === undefined ? "" : JSON.stringify(body),
  ),
  status,
  holds,
})

/** Bitrix speaks for the first shop only: for it an order of the second does not exist. */
const webhook = (shop: number, holds: string): Request => ({
  asker: { shop: SHOPS[0], other: SHOPS[1], bearer: "" },
  text: LeanHttp.requestText(
    "POST",
    "/api/v1/webhooks/order-status-sync",
    { "x-webhook-secret": SECRET, "content-type": "application/json" },
    JSON.stringify({ order_id: idOf(shop, place(ORDERS)), status: random(2) === 0 ? "AP" : "CO" }),
  ),
  status: 200,
  holds,
})

const tokens = new Map<number, ReadonlyArray<string>>()

layer(TestDatabase.layer, { excludeTestServices: true })("two shops over one pool", (it) => {
  it.effect(
    `never see each other in ${REQUESTS} requests with failures between`,
    () =>
      Effect.gen(function* () {
        const node = yield* startNode({
          settings: { RUN_SEEDS: "false", WEBHOOK_SHOP_ID: String(SHOPS[0]) },
        })
        const { witness } = yield* TestDatabase
        for (const shop of SHOPS) {
          yield* Effect.promise(() => insertWorld(witness, shop))
          tokens.set(
            shop,
            yield* Effect.forEach([...Array.from({ length: USERS }).keys()], (user) =>
              tokenOf(shop, 100 + user),
            ),
          )
        }
        const askers = SHOPS.map(
          (shop, index): Asker => ({
            shop,
            other: SHOPS[1 - index] ?? 0,
            bearer: tokens.get(shop)?.[0] ?? "",
          }),
        )
        const marks = new Map(SHOPS.map((shop) => [shop as number, marksOf(shop)]))
        const tally = new Map<string, number>()
        const count = (what: string) => tally.set(what, (tally.get(what) ?? 0) + 1)
        let remaining = REQUESTS

        const work = async () => {
          const client = LeanHttp.open(node.url)
          while (remaining > 0) {
            remaining -= 1
            const asker = askers[random(2)]
            const kind = kinds[random(kinds.length)]
            if (asker === undefined || kind === undefined) throw new Error("nobody to ask")
            const request = kind(asker)
            if (random(1_000) < LEFT_SHARE * 1_000) {
              await client.leave(request.text, random(4))
              count("left by the client")
              continue
            }
            const answer = await client.ask(request.text)
            if (answer === null) throw new Error(`no answer to ${request.text}`)
            count(String(answer.status))
            check(request, answer, marks)
          }
          client.close()
        }

        const trouble = yield* Effect.acquireRelease(
          Effect.sync(() => troubleMaker(witness)),
          ({ stop }) => Effect.promise(stop),
        )
        const startMs = performance.now()
        yield* Effect.promise(() => Promise.all(Array.from({ length: SOCKETS }, work)))
        const seconds = (performance.now() - startMs) / 1_000
        const cuts = yield* Effect.promise(trouble.stop)
        console.log(
          `mixed load: ${REQUESTS} requests in ${seconds.toFixed(1)} s, ${cuts} connections cut,`,
          Object.fromEntries([...tally].toSorted()),
        )
        const unexpected = node.log.filter(({ text }) => text.includes("unexpectedly"))
        assert.deepStrictEqual(unexpected, [])
        for (const what of ["200", "401", "404", "422", "left by the client"])
          assert.isAbove(tally.get(what) ?? 0, 0, what)
        assert.isAbove(cuts, 0)
      }),
    Math.max(300_000, REQUESTS * 10),
  )
})

const check = (
  { asker, text, status, holds }: Request,
  answer: LeanHttp.LeanAnswer,
  marks: Map<number, RegExp>,
) => {
  const where = () => `${text.slice(0, 120)}\n-> ${answer.status} ${answer.body.slice(0, 500)}`
  // What trouble with the database may make of an answer, and nothing else.
  if (answer.status === 503) {
    assert.match(answer.body, /^\{"detail":"[^"]*"(,"request_id":"req_[0-9a-f]{12}")?\}$/, where())
    return
  }
  if (answer.status !== status) assert.fail(`expected ${status}: ${where()}`)
  if (!answer.body.includes(holds)) assert.fail(`expected ${holds}: ${where()}`)
  const foreign = marks.get(asker.other)
  // Whoever names an order of the other shop to the webhook is told its number again.
  const told = text.startsWith("POST") ? answer.body.replace(/"bitrix_order_id":\d+/, "") : answer.body
  if (foreign?.test(told) !== false || foreign.test(answer.head))
    assert.fail(`tells of shop ${asker.other}: ${where()}`)
  if (SECRETS.test(answer.body)) assert.fail(`tells a secret: ${where()}`)
}

const insertWorld = (witness: postgres.Sql, shop: number) =>
  run(
    witness,
    insertMarkedShop(shop, grantable) +
      Array.from({ length: ORDERS }, (_, index) => insertOrder(shop, 100 + index)).join("") +
      Array.from({ length: USERS }, (_, index) => insertUser(shop, 100 + index, "MANAGER")).join(""),
  )

const tokenOf = (shop: number, place: number) =>
  TestToken.sign({
    sub: String(idOf(shop, place)),
    user_id: idOf(shop, place),
    phone: phoneOf(shop, place),
    role: "MANAGER",
    shop_id: shop,
  })

/** Cuts a connection of the service now and then, holds orders, and makes cached plans stale. */
const troubleMaker = (witness: postgres.Sql) => {
  let isOver = false
  let cuts = 0
  const make = async () => {
    for (let round = 1; !isOver; round++) {
      await sleep(250)
      const cut = await witness`
        SELECT pg_terminate_backend(pid)
        FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'cvety' AND query NOT LIKE 'LISTEN%'
        ORDER BY random()
        LIMIT 1`
      cuts += cut.length
      if (round % 8 === 0)
        await witness`ALTER TABLE "order" ALTER customer_name TYPE varchar(${witness.unsafe(String(100 + round))})`
      if (round % 4 === 0) {
        await witness.begin(async (sql) => {
          await sql`SELECT FROM "order" WHERE id = ${idOf(SHOPS[0], place(ORDERS))} FOR UPDATE`
          await sleep(100)
        })
      }
    }
  }
  const made = make()
  return {
    stop: async () => {
      isOver = true
      await made
      return cuts
    },
  }
}
