/**
 * `npm run bench:sync`: what keeping goods the same here and in Bitrix costs, in one run on one real PostgreSQL.
 *
 *   core 0   the server that is measured
 *   core 1   PostgreSQL, the simulator of Bitrix, the load, this process
 *
 * Sides that are compared alternate, so that whatever else the machine does hits both alike. Only for the throughput of
 * the outbox everybody may use every core: two nodes on one would prove nothing.
 */
import { writeFileSync } from "node:fs"
import { isDeepStrictEqual } from "node:util"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import postgres from "postgres"
import { SHOP_ID } from "../events.ts"
import type { Options } from "../options.ts"
import { parse } from "../options.ts"
import * as Process from "../process.ts"
import * as Prometheus from "../prometheus.ts"
import * as World from "../world.ts"
import * as Deliveries from "./deliveries.ts"
import * as Goods from "./goods.ts"
import type { EditRound, EventRound, Figures, ListRound } from "./report.ts"
import { CLIENTS, EDITS_PER_SECOND, toMarkdown } from "./report.ts"
import { count } from "./roundTrips.ts"
import * as Servers from "./servers.ts"

const PAGE = 20
const LIST_PATH = `/api/v1/products/?shop_id=${SHOP_ID}&limit=${PAGE}`
const WARM_UP_SECONDS = 3
/** A p99 needs more samples than a throughput. */
const EDIT_SECONDS_FACTOR = 3
const EDIT_PAIRS_PER_ROUND = 2
const REACHED_PER_SECOND = 50
const DRAIN_WITHIN_MS = 120_000

const bench = Effect.gen(function* () {
  const options = parse()
  const { cores } = options
  const startMs = performance.now()
  if (cores !== null) Process.pin([process.pid], cores.others)
  const world = yield* World.make(1, cores?.others ?? null)
  const sql = yield* Effect.acquireRelease(
    Effect.sync(() => postgres(world.ownerUrl, { max: 1, onnotice: () => {} })),
    (owner) => Effect.promise(() => owner.end()),
  )
  const simulator = yield* Servers.startSimulator(cores)
  yield* Effect.promise(() => Goods.insertListed(sql, simulator.url))
  yield* Effect.promise(() => Goods.seedListed(simulator))
  const token = yield* Servers.directorToken
  const load = yield* Servers.startLoad(world, cores)
  const node = yield* Servers.startNode(world.ownerUrl, simulator, cores?.measured ?? null)
  yield* Effect.promise(() =>
    simulator.control("webhooks", {
      target: { url: `${node.url}/api/v1/webhooks`, secret: Servers.webhookSecret },
    }),
  )
  const bench = { options, world, sql, simulator, token, load, node }

  const lists = yield* compareLists(bench)
  const roundTrips = yield* count(world, token, LIST_PATH, Goods.LISTED)
  yield* Effect.promise(() => Goods.untilTold(sql, DRAIN_WITHIN_MS))
  const edits = yield* compareEdits(bench)
  const reached = yield* reach(bench)
  const events = yield* measureEvents(bench)
  const drains = yield* compareDrains(bench)

  const tookSeconds = (performance.now() - startMs) / 1e3
  const figures: Figures = { options, world, roundTrips, lists, edits, reached, events, drains, tookSeconds }
  const report = toMarkdown(figures)
  writeFileSync(new URL("../SYNC.md", import.meta.url), report)
  process.stdout.write(`\n${report}`)
})

interface Bench {
  readonly options: Options
  readonly world: World.World
  readonly sql: postgres.Sql
  readonly simulator: Servers.Simulator
  readonly token: string
  readonly load: Servers.Load
  readonly node: Servers.Server
}

const compareLists = ({ options, world, load, node }: Bench) =>
  Effect.scoped(
    Effect.gen(function* () {
      const owner = yield* Servers.startFloor(world, false, options.cores)
      const tenant = yield* Servers.startFloor(world, true, options.cores)
      yield* expectSameLists([node, owner, tenant])
      const list = (server: Servers.Server, seconds: number) =>
        load(server, {
          kind: "list",
          path: LIST_PATH,
          credential: "",
          goods: Goods.LISTED,
          connections: CLIENTS,
          seconds,
          perSecond: null,
        })
      for (const server of [node, owner, tenant]) yield* list(server, WARM_UP_SECONDS)
      const rounds: Array<ListRound> = []
      for (let round = 0; round < options.rounds; round++) {
        const measured = new Map<Servers.Server, Servers.Measured>()
        for (const server of round % 2 === 0 ? [node, owner, tenant] : [tenant, owner, node])
          measured.set(server, yield* list(server, options.seconds))
        const of = (server: Servers.Server) => measured.get(server) as Servers.Measured
        rounds.push({ ours: of(node), owner: of(owner), tenant: of(tenant) })
        tell(
          `list, round ${round + 1}: ours ${of(node).perSecond.toFixed(0)}/s, floor ${of(owner).perSecond.toFixed(0)}/s, ` +
            `with row security ${of(tenant).perSecond.toFixed(0)}/s`,
        )
      }
      return rounds
    }),
  )

const expectSameLists = (servers: ReadonlyArray<Servers.Server>) =>
  Effect.promise(async () => {
    const [ours, ...floors] = await Promise.all(
      servers.map(async ({ url }) => (await fetch(url + LIST_PATH)).json() as Promise<ReadonlyArray<object>>),
    )
    if (ours?.length !== PAGE) throw new Error(`void: the list has ${ours?.length} products`)
    for (const floor of floors)
      if (!isDeepStrictEqual(floor, ours))
        throw new Error(
          `void: the floor answers ${JSON.stringify(floor[0])}, ours ${JSON.stringify(ours[0])}`,
        )
  })

const compareEdits = ({ options, sql, simulator, token, load, node }: Bench) =>
  Effect.gen(function* () {
    const edit = Effect.fnUntraced(function* (seconds: number) {
      const before = yield* Effect.promise(() => Goods.count(sql))
      const measured = yield* load(node, {
        kind: "edit",
        path: "/api/v1/products",
        credential: token,
        goods: Goods.LISTED,
        connections: CLIENTS,
        seconds,
        perSecond: EDITS_PER_SECOND,
      })
      const after = yield* Effect.promise(() => Goods.count(sql))
      expectEqual("edits in the audit", after.edits - before.edits, measured.latenciesMs.length)
      return measured
    })
    const calm = Effect.promise(async () => {
      await simulator.control("heal", {})
      await Goods.untilTold(sql, DRAIN_WITHIN_MS)
      await simulator.control("idle", {})
    })
    const measure = Effect.fnUntraced(function* (isHanging: boolean) {
      if (isHanging)
        yield* Effect.promise(() => simulator.control("fail", { method: "PUT", mode: { kind: "hang" } }))
      const measured = yield* edit(options.seconds * EDIT_SECONDS_FACTOR)
      const { hungRequests } = yield* Effect.promise(() => simulator.control("state"))
      if (isHanging === (hungRequests === 0)) throw new Error(`void: ${hungRequests} requests hung`)
      yield* calm
      return measured
    })
    yield* edit(WARM_UP_SECONDS)
    yield* calm
    const rounds: Array<EditRound> = []
    for (let round = 0; round < options.rounds * EDIT_PAIRS_PER_ROUND; round++) {
      const first = yield* measure(round % 2 === 1)
      const second = yield* measure(round % 2 === 0)
      const pair = round % 2 === 0 ? { healthy: first, hanging: second } : { healthy: second, hanging: first }
      rounds.push(pair)
      const p99 = ({ latenciesMs }: Servers.Measured) =>
        latenciesMs.toSorted((a, b) => a - b)[Math.floor(latenciesMs.length * 0.99)]
      tell(
        `edits, pair ${round + 1}: p99 ${p99(pair.healthy)?.toFixed(1)} ms, hanging ${p99(pair.hanging)?.toFixed(1)} ms`,
      )
    }
    return rounds
  })

const reach = ({ options, simulator, token, node }: Bench) =>
  Effect.promise(async () => {
    const reached: Array<Deliveries.Reached> = []
    for (let round = 0; round < options.rounds; round++) {
      const count = Math.ceil(options.seconds * REACHED_PER_SECOND)
      reached.push(...(await Deliveries.reach(node, simulator, { token, goods: Goods.LISTED, count, round })))
      await simulator.control("idle", {})
      tell(`from an edit to Bitrix, round ${round + 1}: ${count} edits`)
    }
    return reached
  })

const measureEvents = ({ options, sql, load, node }: Bench) =>
  Effect.gen(function* () {
    const events = (seconds: number) =>
      load(node, {
        kind: "event",
        path: "/api/v1/webhooks/product-sync",
        credential: Servers.webhookSecret,
        goods: Goods.LISTED,
        connections: CLIENTS,
        seconds,
        perSecond: null,
      })
    const samples = Effect.promise(async () =>
      Prometheus.parse(await (await fetch(`${node.url}/metrics`)).text()),
    )
    yield* events(WARM_UP_SECONDS)
    const rounds: Array<EventRound> = []
    for (let round = 0; round < options.rounds; round++) {
      const before = { samples: yield* samples, counted: yield* Effect.promise(() => Goods.count(sql)) }
      const measured = yield* events(options.seconds)
      const after = { samples: yield* samples, counted: yield* Effect.promise(() => Goods.count(sql)) }
      expectEqual(
        "events in the inbox",
        after.counted.events - before.counted.events,
        measured.latenciesMs.length,
      )
      const hopP99Ms = (hop: string) =>
        1e3 *
        Prometheus.quantile(
          before.samples,
          after.samples,
          { name: "webhook_hop_duration_seconds", label: `hop="${hop}"` },
          0.99,
        )
      rounds.push({ measured, hopP99Ms: Object.fromEntries(HOPS.map((hop) => [hop, hopP99Ms(hop)])) })
      tell(
        `events, round ${round + 1}: ${measured.perSecond.toFixed(0)}/s, whole p99 ${hopP99Ms("total").toFixed(1)} ms`,
      )
    }
    return rounds
  })

const HOPS = [
  "authenticate",
  "validate",
  "find_product",
  "map_product",
  "update_and_record",
  "log",
  "respond",
  "total",
]

/** The second node is stopped while the first works alone, so that both are as warm in every round. */
const compareDrains = ({ options, world, sql, simulator, node }: Bench) =>
  Effect.gen(function* () {
    // In this order, or the walk through Bitrix's list might create them.
    yield* Effect.promise(() => Goods.insertBulk(sql))
    yield* Effect.promise(() => Goods.seedBulk(simulator))
    const second = yield* Servers.startNode(world.ownerUrl, simulator, null, { walks: false })
    if (options.cores !== null) {
      const everybody = [node.pid, second.pid, simulator.pid, ...Process.family(world.pid)]
      Process.pin(everybody, `${options.cores.measured},${options.cores.others}`)
    }
    const drain = (count: 1 | 2, how: { readonly hasEcho?: boolean; readonly isSlow?: boolean } = {}) =>
      Effect.promise(async () => {
        const { hasEcho = false, isSlow = false } = how
        process.kill(second.pid, count === 1 ? "SIGSTOP" : "SIGCONT")
        const nodes = count === 1 ? [node] : [node, second]
        const drained = await Deliveries.drain(sql, simulator, {
          goods: isSlow ? Goods.SLOW : Goods.BULK,
          latencyMs: isSlow ? Goods.SLOW.latencyMs : 0,
          hasEcho,
          nodes,
          postgresPid: world.pid,
        })
        const { perSecond, nodesCpuUs, postgresCpuUs } = drained
        tell(
          `outbox, ${count} nodes${hasEcho ? ", events coming back" : ""}${isSlow ? ", Bitrix slow" : ""}: ${perSecond.toFixed(0)}/s, ` +
            `CPU ${nodesCpuUs.toFixed(0)} µs, PostgreSQL ${postgresCpuUs.toFixed(0)} µs`,
        )
        return drained
      }).pipe(Effect.ensuring(Effect.sync(() => process.kill(second.pid, "SIGCONT"))))
    yield* drain(2)
    const one: Array<Deliveries.Drained> = []
    const two: Array<Deliveries.Drained> = []
    const echoed: Array<Deliveries.Drained> = []
    const slow = { one: [] as Array<Deliveries.Drained>, two: [] as Array<Deliveries.Drained> }
    for (let round = 0; round < options.rounds; round++) {
      if (round % 2 === 0) one.push(yield* drain(1))
      two.push(yield* drain(2))
      if (round % 2 === 1) one.push(yield* drain(1))
      slow.one.push(yield* drain(1, { isSlow: true }))
      slow.two.push(yield* drain(2, { isSlow: true }))
      echoed.push(yield* drain(1, { hasEcho: true }))
    }
    return { one, two, slow, echoed }
  })

const expectEqual = (what: string, found: number, expected: number) => {
  if (found !== expected) throw new Error(`void: ${found} ${what}, ${expected} were confirmed`)
}

const tell = (text: string) => process.stderr.write(`${text}\n`)

NodeRuntime.runMain(Effect.scoped(bench))
