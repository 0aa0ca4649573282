/**
 * `npm run bench`: our order-status webhook beside what it could cost at least, in one run on one real PostgreSQL.
 *
 *   core 0   whatever is measured: our server, a peer's server, or the generator that talks to PostgreSQL itself
 *   core 1   PostgreSQL, the load generator, the sink of the traces, this process
 *
 * Rounds go through every concurrency and every peer in turn, so that whatever else the machine does hits all alike.
 * A void cell makes the run fail after it has reported.
 */
import { randomBytes } from "node:crypto"
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import type { Cell, Target } from "./cell.ts"
import { measure } from "./cell.ts"
import type { Options } from "./options.ts"
import { parse } from "./options.ts"
import type { PeerName } from "./peers.ts"
import { peers } from "./peers.ts"
import * as Process from "./process.ts"
import { toMarkdown } from "./report.ts"
import * as Startup from "./startup.ts"
import * as World from "./world.ts"

const bench = (options: Options) =>
  Effect.gen(function* () {
    const startMs = performance.now()
    const startup = options.isStartupMeasured ? yield* Startup.measure : null
    if (options.cores !== null) Process.pin([process.pid], options.cores.others)
    const world = yield* World.make(options.orders, options.cores?.others ?? null)
    const sink = yield* startSink(options)
    const targets = yield* startTargets(options, world, sink.url)

    for (const target of targets) yield* measure(world, target, 0, JIT_CONCURRENCY, options.seconds)
    const cells: Array<Cell> = []
    for (let round = 1; round <= options.rounds; round++) {
      for (const concurrency of options.concurrencies) {
        for (const target of rotated(targets, round)) {
          const cell = yield* measure(world, target, round, concurrency, options.seconds)
          cells.push(cell)
          tell(`round ${round}, ${concurrency} connections, ${target.label}: ${outcomeOf(cell)}\n`)
        }
      }
    }

    const taken = yield* sink.taken
    const tookSeconds = (performance.now() - startMs) / 1e3
    const report = toMarkdown({ options, world, cells, startup, sink: taken, tookSeconds })
    mkdirSync(dirname(options.reportFile), { recursive: true })
    writeFileSync(options.reportFile, report)
    process.stdout.write(`\n${report}`)
    if (cells.some(({ failure }) => failure !== null)) process.exitCode = 1
  })

// The code of every server is compiled before the first cell counts.
const JIT_CONCURRENCY = 16

const secret = randomBytes(32).toString("base64url")

const generatorFile = fileURLToPath(new URL("./load.ts", import.meta.url))
const sinkFile = fileURLToPath(new URL("./sink.ts", import.meta.url))

const startSink = (options: Options) =>
  Effect.gen(function* () {
    const port = yield* Process.freePort
    const url = `http://127.0.0.1:${port}`
    const cores = options.cores?.others ?? null
    const sink = yield* Process.start({ file: sinkFile, env: { PORT: String(port) }, cores })
    yield* Process.untilAnswers(sink, url)
    const taken = Effect.promise(
      async () => (await (await fetch(url)).json()) as { requestCount: number; byteCount: number },
    )
    return { url, taken }
  })

/** Half of the orders belong to the generator that posts, half to the one that needs no server. */
const startTargets = (options: Options, world: World.World, sinkUrl: string) =>
  Effect.gen(function* () {
    const half = options.orders >> 1
    const load = yield* Process.start({
      file: generatorFile,
      args: ["0", String(half)],
      env: { WEBHOOK_SECRET: secret },
      cores: options.cores?.others ?? null,
    })
    const database = yield* Process.start({
      file: peers["database-one"].file,
      args: [String(half), String(options.orders)],
      env: { DATABASE_URL: world.appUrl },
      cores: options.cores?.measured ?? null,
    })
    return yield* Effect.forEach(options.peers, (name) =>
      peers[name].kind === "database"
        ? Effect.succeed<Target>({ ...peers[name], name, process: database, generator: database, port: 0 })
        : Effect.map(
            startServer(name, options, world, sinkUrl),
            (server): Target => ({ ...server, generator: load }),
          ),
    )
  })

const startServer = (name: PeerName, options: Options, world: World.World, sinkUrl: string) =>
  Effect.gen(function* () {
    const peer = peers[name]
    const port = yield* Process.freePort
    const server = yield* Process.start({
      file: peer.file,
      env: {
        NODE_ENV: "production",
        APP_ENV: "production",
        IMAGES_BASE_URL: "http://localhost:8014",
        DATABASE_URL: peer.kind === "ours" ? world.ownerUrl : world.appUrl,
        WEBHOOK_SECRET: secret,
        SECRET_KEY: secret,
        SHUTDOWN_LAME_DUCK_MS: "0",
        PORT: String(port),
        ...peer.settings(sinkUrl),
      },
      cores: options.cores?.measured ?? null,
    })
    yield* Process.untilAnswers(server, `http://127.0.0.1:${port}/health`)
    return { ...peer, name, process: server, port }
  })

/** Each round begins with another peer. */
const rotated = <A>(all: ReadonlyArray<A>, by: number): ReadonlyArray<A> => {
  const at = by % all.length
  return [...all.slice(at), ...all.slice(0, at)]
}

const outcomeOf = (cell: Cell): string =>
  cell.failure === null
    ? `${cell.perSecond.toFixed(0)}/s, p50 ${cell.p50Ms.toFixed(2)} ms, p99 ${cell.p99Ms.toFixed(2)} ms, ` +
      `CPU ${cell.serverCpuUs.toFixed(0)} µs, PostgreSQL ${cell.postgresCpuUs.toFixed(0)} µs`
    : `VOID: ${cell.failure}`

const tell = (text: string) => process.stderr.write(text)

NodeRuntime.runMain(Effect.scoped(bench(parse())))
