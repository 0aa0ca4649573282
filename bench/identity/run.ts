/**
 * `npm run bench:identity`: what knowing who asks costs, in one run on one real PostgreSQL.
 *
 *   core 0   the server that is measured
 *   core 1   PostgreSQL, the load, this process
 *
 * Who-am-I beside a floor, the list of a shop's orders with and without row security, and whether twenty logins at once
 * are felt by others. Rounds alternate, so that whatever else the machine does hits both sides alike.
 */
import { writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import postgres from "postgres"
import { parse } from "../options.ts"
import * as Process from "../process.ts"
import * as World from "../world.ts"
import * as Logins from "./logins.ts"
import * as OrderLists from "./orderLists.ts"
import type { MeRow } from "./report.ts"
import { toMarkdown } from "./report.ts"
import * as Servers from "./servers.ts"

/** More than the service remembers: asked in turn, every one is verified anew. */
const TOKENS_FORGOTTEN = 6_000
const STRANGERS_CONCURRENCY = 16
const WARM_UP_SECONDS = 3
const HEALTH_SECONDS = 10
const HEALTH_PER_SECOND = 100
const HEALTH_CONNECTIONS = 32

const bench = Effect.gen(function* () {
  const options = parse()
  const cores = options.cores
  if (cores !== null) Process.pin([process.pid], cores.others)
  const world = yield* World.make(1, cores?.others ?? null)
  const owner = yield* Effect.acquireRelease(
    Effect.sync(() => postgres(world.ownerUrl, { max: 1, onnotice: () => {} })),
    (sql) => Effect.promise(() => sql.end()),
  )
  yield* Effect.promise(() => OrderLists.fill(owner))
  const { ours, floor, ask } = yield* Servers.startBoth(world, cores)
  const tokens = yield* Effect.promise(() => Servers.tokens(TOKENS_FORGOTTEN))
  const me = (server: Servers.Server, count: number, connections: number, seconds: number) =>
    ask(server, {
      path: "/api/v1/auth/me",
      tokens: tokens.slice(0, count),
      expected: '"id":2,',
      connections,
      seconds,
      perSecond: null,
    })

  const rows: ReadonlyArray<MeRow> = [
    ...options.concurrencies.map((concurrency) => ({ concurrency, tokens: 1, ours: [], floor: [] })),
    { concurrency: STRANGERS_CONCURRENCY, tokens: TOKENS_FORGOTTEN, ours: [], floor: [] },
  ]
  for (const server of [ours, floor]) yield* me(server, 1, 16, WARM_UP_SECONDS)
  for (let round = 0; round < options.rounds; round++) {
    for (const row of rows) {
      for (const server of round % 2 === 0 ? [ours, floor] : [floor, ours]) {
        const cell = yield* me(server, row.tokens, row.concurrency, options.seconds)
        row[server === ours ? "ours" : "floor"].push(cell)
        tell(
          `round ${round + 1}, ${row.concurrency} connections, ${row.tokens} tokens, ${server === ours ? "ours" : "floor"}: ` +
            `${cell.perSecond.toFixed(0)}/s, p99 ${cell.p99Ms.toFixed(1)} ms, CPU ${cell.serverCpuUs.toFixed(0)} µs, ` +
            `busy ${cell.busy.toFixed(2)}, taken by others ${cell.taken.toFixed(2)} cores\n`,
        )
      }
    }
  }

  const list = yield* Effect.promise(() => OrderLists.compare(world.ownerUrl, world.appUrl))
  tell(`order list: ${list.medianRatio.toFixed(3)}, throughput ${list.throughputRatio.toFixed(3)}\n`)

  const health = ask(ours, {
    path: "/health",
    tokens: [],
    expected: "healthy",
    connections: HEALTH_CONNECTIONS,
    seconds: HEALTH_SECONDS,
    perSecond: HEALTH_PER_SECOND,
  })
  const quiet: Array<Servers.Measured> = []
  const busy: Array<Servers.Measured> = []
  const loginsPerSecond: Array<number> = []
  for (let round = 0; round < options.rounds; round++) {
    quiet.push(yield* health)
    yield* Effect.promise(() => Logins.givePasswords(owner))
    const [felt, logins] = yield* Effect.all(
      [health, Effect.promise(() => Logins.logInFor(ours.url, HEALTH_SECONDS))],
      { concurrency: "unbounded" },
    )
    busy.push(felt)
    loginsPerSecond.push(logins / HEALTH_SECONDS)
    tell(`round ${round + 1}, /health: p99 ${felt.p99Ms.toFixed(1)} ms, ${logins} logins\n`)
  }

  const report = toMarkdown({ options, version: world.version, rows, list, quiet, busy, loginsPerSecond })
  writeFileSync(fileURLToPath(new URL("../IDENTITY.md", import.meta.url)), report)
  process.stdout.write(`\n${report}`)
})

const tell = (text: string) => process.stderr.write(text)

NodeRuntime.runMain(Effect.scoped(bench))
