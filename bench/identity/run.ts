/**
 * `npm run bench:identity`: what knowing who asks costs, in one run on one real PostgreSQL.
 *
 *   core 0   the server that is measured
 *   core 1   PostgreSQL, the load, this process
 *
 * Who-am-I beside a floor, the list of a shop's orders with and without row security, and whether twenty logins at once
 * are felt by others.
 */
import { randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as argon2 from "@node-rs/argon2"
import * as Effect from "effect/Effect"
import { SignJWT } from "jose"
import postgres from "postgres"
import { parse } from "../options.ts"
import * as Process from "../process.ts"
import * as World from "../world.ts"
import type { ReadJob, ReadOutcome } from "./load.ts"

const SHOPS = 50
const ORDERS_PER_SHOP = 2_000
const LIST_RUNS = 2_000
const LOGINS = 20
const LOGIN_SECONDS = 8
const PASSWORD = "a password of the bench"

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const secret = randomBytes(32).toString("base64url")

const bench = Effect.gen(function* () {
  const options = parse()
  const cores = options.cores
  if (cores !== null) Process.pin([process.pid], cores.others)
  const world = yield* World.make(1, cores?.others ?? null)
  const owner = yield* Effect.acquireRelease(
    Effect.sync(() => postgres(world.ownerUrl, { max: 1, onnotice: () => {} })),
    (sql) => Effect.promise(() => sql.end()),
  )
  yield* Effect.promise(() => fill(owner))
  const load = yield* Process.start({ file: file("./load.ts"), env: {}, cores: cores?.others ?? null })
  const token = yield* Effect.promise(() =>
    new SignJWT({ user_id: 2, phone: "+70000000012", role: "DIRECTOR", shop_id: 17_008, ver: 0 })
      .setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .setSubject("2")
      .setJti("bench")
      .setIssuedAt()
      .setExpirationTime("1 hour")
      .sign(new TextEncoder().encode(secret)),
  )
  const startServer = (script: string, databaseUrl: string) =>
    Effect.gen(function* () {
      const port = yield* Process.freePort
      const server = yield* Process.start({
        file: script,
        env: {
          NODE_ENV: "production",
          APP_ENV: "production",
          DATABASE_URL: databaseUrl,
          SECRET_KEY: secret,
          WEBHOOK_SECRET: secret,
          SHUTDOWN_LAME_DUCK_MS: "0",
          PORT: String(port),
        },
        cores: cores?.measured ?? null,
      })
      const url = `http://127.0.0.1:${port}`
      yield* Process.untilAnswers(server, `${url}/health`)
      return { url, pid: server.pid }
    })
  const ours = yield* startServer(file("../../src/main.ts"), world.ownerUrl)
  // The floor works as the owner: row security would hide the account from it.
  const floor = yield* startServer(file("./fastify.ts"), world.ownerUrl)
  const ask = (job: ReadJob) => Process.ask<ReadOutcome>(load, job)

  const lines: Array<string> = []
  const me = (server: { readonly url: string }, concurrency: number, seconds: number) =>
    ask({ url: `${server.url}/api/v1/auth/me`, token, expected: '"id":2,', concurrency, seconds, pace: 0 })
  for (const server of [ours, floor]) yield* me(server, 16, 3)
  for (const concurrency of options.concurrencies) {
    const ratios: Array<number> = []
    const ofOurs: Array<ReadOutcome> = []
    const ofFloor: Array<ReadOutcome> = []
    for (let round = 0; round < options.rounds; round++) {
      const order = round % 2 === 0 ? [ours, floor] : [floor, ours]
      for (const server of order) {
        const outcome = yield* me(server, concurrency, options.seconds)
        if (outcome.failureCount > 0) throw new Error(`void: ${outcome.firstFailure}`)
        ;(server === ours ? ofOurs : ofFloor).push(outcome)
      }
      ratios.push(perSecond(ofOurs.at(-1)) / perSecond(ofFloor.at(-1)))
    }
    lines.push(
      `| \`GET /auth/me\`, ${concurrency} clients: ours / floor | ${middle(ratios).toFixed(2)} (${rate(ofOurs)} / ${rate(ofFloor)} per second, p99 ${p99(ofOurs)} / ${p99(ofFloor)} ms) | >= 0.85 |`,
    )
    process.stderr.write(`${lines.at(-1)}\n`)
  }

  const list = yield* Effect.promise(() => compareLists(owner, world.appUrl))
  lines.push(
    `| newest 50 of 2,000 orders of a shop, 50 shops: with row security / without | ${list.ratio.toFixed(2)} (${list.withMs.toFixed(3)} / ${list.withoutMs.toFixed(3)} ms) | <= 1.10 |`,
  )

  const health = { url: `${ours.url}/health`, token: "", expected: "healthy", concurrency: 4, pace: 50 }
  const quiet = yield* ask({ ...health, seconds: LOGIN_SECONDS })
  const [busy, logins] = yield* Effect.all(
    [ask({ ...health, seconds: LOGIN_SECONDS }), Effect.promise(() => logInAllTheTime(ours.url))],
    { concurrency: "unbounded" },
  )
  lines.push(
    `| p99 of \`/health\` while 20 log in at once, again and again | ${busy.p99Ms.toFixed(1)} ms (p50 ${busy.p50Ms.toFixed(1)}; quiet ${quiet.p99Ms.toFixed(1)}; ${(logins / LOGIN_SECONDS).toFixed(0)} logins per second) | <= 20 ms |`,
  )

  const report = `# Identity, measured

${options.rounds} rounds of ${options.seconds} s, ${cores === null ? "not pinned" : `servers on core ${cores.measured}, PostgreSQL ${world.version} and the load on core ${cores.others}`}. Ratios are medians of rounds that alternate; absolute times belong to the machine.

| what | measured | target |
|---|---|---|
${lines.join("\n")}

The floor is Fastify with \`jose\` and \`postgres\`: it verifies the token and reads the account with the same conditions in one statement, as the owner of the tables. \`npm run bench:identity\` makes this report.
`
  writeFileSync(file("../IDENTITY.md"), report)
  process.stdout.write(`\n${report}`)
})

const fill = async (sql: postgres.Sql): Promise<void> => {
  const hash = await argon2.hash(PASSWORD, { memoryCost: 19_456, timeCost: 2, parallelism: 1 })
  await sql.begin(async (tx) => {
    await tx`
      INSERT INTO "user" (id, name, phone, role, shop_id, password_hash)
      SELECT 100 + i, 'Director', '+7700100' || lpad(i::text, 4, '0'), 'DIRECTOR', 100 + i, ${hash}
      FROM generate_series(1, ${SHOPS}) AS i`
    await tx`INSERT INTO shop (id, owner_id) SELECT 100 + i, 100 + i FROM generate_series(1, ${SHOPS}) AS i`
    await tx`
      INSERT INTO "order" (shop_id, tracking_id, order_number, customer_name, phone, subtotal, total, created_at)
      SELECT 101 + i % ${SHOPS}, (200000000 + i)::text, '#' || i, 'Айгерим', '+70000000013', 1200000, 1200000,
             now() - make_interval(mins => i)
      FROM generate_series(0, ${SHOPS * ORDERS_PER_SHOP - 1}) AS i`
  })
  await sql`VACUUM ANALYZE shop, "user", "order"`
}

/** The same statement in the same shape of transaction, in turns. */
const compareLists = async (owner: postgres.Sql, appUrl: string) => {
  const app = postgres(appUrl, { max: 1, onnotice: () => {} })
  const time = async (sql: postgres.Sql, shop: number): Promise<number> => {
    let tookMs = 0
    await sql.begin(async (tx) => {
      await tx`SELECT set_config('cvety.shop_id', ${String(shop)}, true)`
      const startMs = performance.now()
      const rows = await tx`
        SELECT id, tracking_id, order_number, customer_name, phone, total, status, created_at
        FROM "order"
        WHERE shop_id = ${shop}
        ORDER BY created_at DESC, id DESC
        LIMIT 50`
      tookMs = performance.now() - startMs
      if (rows.length !== 50) throw new Error(`void: ${rows.length} orders`)
    })
    return tookMs
  }
  const withRls: Array<number> = []
  const without: Array<number> = []
  for (let run = 0; run < LIST_RUNS; run++) {
    const shop = 101 + (run % SHOPS)
    for (const [sql, times] of run % 2 === 0
      ? ([
          [app, withRls],
          [owner, without],
        ] as const)
      : ([
          [owner, without],
          [app, withRls],
        ] as const)) {
      times.push(await time(sql, shop))
    }
  }
  await app.end()
  const withMs = middle(withRls)
  const withoutMs = middle(without)
  return { withMs, withoutMs, ratio: withMs / withoutMs }
}

const logInAllTheTime = async (url: string): Promise<number> => {
  let count = 0
  const endMs = performance.now() + LOGIN_SECONDS * 1e3
  const loop = async (index: number) => {
    while (performance.now() < endMs) {
      const response = await fetch(`${url}/api/v1/auth/login`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ phone: `+7700100${String(index + 1).padStart(4, "0")}`, password: PASSWORD }),
      })
      await response.text()
      if (response.status !== 200) throw new Error(`void: a login answered ${response.status}`)
      count += 1
    }
  }
  await Promise.all(Array.from({ length: LOGINS }, (_, index) => loop(index)))
  return count
}

const perSecond = (outcome: ReadOutcome | undefined): number =>
  outcome === undefined ? 0 : outcome.successCount / outcome.seconds
const middle = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
const rate = (outcomes: ReadonlyArray<ReadOutcome>) => middle(outcomes.map(perSecond)).toFixed(0)
const p99 = (outcomes: ReadonlyArray<ReadOutcome>) => middle(outcomes.map(({ p99Ms }) => p99Ms)).toFixed(1)

NodeRuntime.runMain(Effect.scoped(bench))
