/** `bench/SYNC.md`. */
import type { Options } from "../options.ts"
import { figure } from "../summary.ts"
import type { World } from "../world.ts"
import type { Drained, Reached } from "./deliveries.ts"
import { BULK, IMAGES, LISTED, SLOW } from "./goods.ts"
import type { RoundTrips } from "./roundTrips.ts"
import type { Measured } from "./servers.ts"

export const CLIENTS = 16
export const EDITS_PER_SECOND = 50

export interface ListRound {
  readonly ours: Measured
  readonly owner: Measured
  readonly tenant: Measured
}

export interface EditRound {
  readonly healthy: Measured
  readonly hanging: Measured
}

export interface EventRound {
  readonly measured: Measured
  readonly hopP99Ms: Readonly<Record<string, number>>
}

export interface Figures {
  readonly options: Options
  readonly world: World
  readonly roundTrips: RoundTrips
  readonly lists: ReadonlyArray<ListRound>
  readonly edits: ReadonlyArray<EditRound>
  readonly reached: ReadonlyArray<Reached>
  readonly events: ReadonlyArray<EventRound>
  readonly drains: {
    readonly one: ReadonlyArray<Drained>
    readonly two: ReadonlyArray<Drained>
    /** Fewer goods, and Bitrix takes its time. */
    readonly slow: { readonly one: ReadonlyArray<Drained>; readonly two: ReadonlyArray<Drained> }
    /** One node, and every write comes back as an event. */
    readonly echoed: ReadonlyArray<Drained>
  }
  readonly tookSeconds: number
}

export const toMarkdown = (figures: Figures): string => `# Goods and Bitrix, measured

| what | measured | target | |
|---|---|---|---|
${[
  ...listLines(figures),
  ...editLines(figures),
  ...reachLines(figures),
  ...drainLines(figures),
  ...eventLines(figures),
]
  .map((line) => `| ${line.what} | ${line.measured} | ${line.target} | ${verdict(line.isMet)} |`)
  .join("\n")}

${noteOn(figures)}
`

interface Line {
  readonly what: string
  readonly measured: string
  readonly target: string
  /** Null where nothing was asked for. */
  readonly isMet: boolean | null
}

const verdict = (isMet: boolean | null): string => (isMet === null ? "" : isMet ? "met" : "**missed**")

const listLines = ({ lists, roundTrips }: Figures): ReadonlyArray<Line> => {
  const against = (side: "owner" | "tenant") => {
    const ratio = figure(lists.map((round) => round.ours.perSecond / round[side].perSecond))
    const pair = (read: (measured: Measured) => number, digits: number) =>
      `${middle(lists.map(({ ours }) => read(ours))).toFixed(digits)} / ` +
      middle(lists.map((round) => read(round[side]))).toFixed(digits)
    return {
      measured:
        `${span(ratio, 2)} (${pair(({ perSecond }) => perSecond, 0)} per second; ` +
        `p50 ${pair((one) => at(one.latenciesMs, 0.5), 1)} ms; p99 ${pair((one) => at(one.latenciesMs, 0.99), 1)} ms; ` +
        `CPU ${pair(({ serverCpuUs }) => serverCpuUs, 0)} µs, PostgreSQL ${pair(({ postgresCpuUs }) => postgresCpuUs, 0)} µs; busy ${pair(({ busy }) => busy, 2)})`,
      target: "≥ 0.85",
      isMet: ratio.median >= 0.85,
    }
  }
  const what = `\`GET /products/?shop_id=\`, 20 of ${LISTED.count} products with ${IMAGES} images each, ${CLIENTS} clients`
  return [
    { what: `${what}: ours / Fastify as the owner, one statement`, ...against("owner") },
    { what: "the same: ours / Fastify under row security", ...against("tenant") },
    {
      what: "round trips of that list",
      measured: String(roundTrips.list),
      target: "≤ 2",
      isMet: roundTrips.list <= 2,
    },
    {
      what: "round trips of `PUT /products/{id}`",
      measured: String(roundTrips.edit),
      target: "",
      isMet: null,
    },
  ]
}

const editLines = ({ edits }: Figures): ReadonlyArray<Line> => {
  const p99 = ({ latenciesMs }: Measured) => at(latenciesMs, 0.99)
  const ratio = figure(edits.map(({ healthy, hanging }) => p99(hanging) / p99(healthy)))
  const pooled = (side: keyof EditRound, q: number) =>
    at(
      edits.flatMap((round) => round[side].latenciesMs),
      q,
    )
  const both = (q: number) => `${pooled("hanging", q).toFixed(1)} / ${pooled("healthy", q).toFixed(1)} ms`
  return [
    {
      what: `\`PUT /products/{id}\`, ${EDITS_PER_SECOND} a second: p99 while Bitrix hangs on every call / while it is well`,
      measured:
        `${span(ratio, 2)} of ${edits.length} pairs; all together ` +
        `${(pooled("hanging", 0.99) / pooled("healthy", 0.99)).toFixed(2)} (p50 ${both(0.5)}; p99 ${both(0.99)})`,
      target: "≤ 1.05",
      isMet: ratio.median <= 1.05,
    },
  ]
}

const reachLines = ({ reached }: Figures): ReadonlyArray<Line> => {
  const asked = (q: number) =>
    at(
      reached.map(({ sinceAskedMs }) => sinceAskedMs),
      q,
    )
  const answered = (q: number) =>
    at(
      reached.map(({ sinceAnsweredMs }) => sinceAnsweredMs),
      q,
    )
  const measured = (q: number) =>
    `${asked(q).toFixed(1)} ms from sending the request, before the commit; ` +
    `${answered(q).toFixed(1)} ms from its answer, after it`
  const what = `edit to the moment Bitrix has it, idle queue, ${reached.length} edits`
  return [
    { what: `${what}: p50`, measured: measured(0.5), target: "≤ 20 ms", isMet: asked(0.5) <= 20 },
    { what: `${what}: p99`, measured: measured(0.99), target: "≤ 150 ms", isMet: asked(0.99) <= 150 },
  ]
}

const drainLines = ({ drains }: Figures): ReadonlyArray<Line> => {
  const perSecond = (side: ReadonlyArray<Drained>) => figure(side.map((one) => one.perSecond))
  const one = perSecond(drains.one)
  const gain = (both: { readonly one: ReadonlyArray<Drained>; readonly two: ReadonlyArray<Drained> }) =>
    figure(both.two.map((two, round) => two.perSecond / (both.one[round]?.perSecond ?? 0)))
  const ratio = gain(drains)
  const slowRatio = gain(drains.slow)
  return [
    {
      what: `outbox, ${BULK.count} products changed in one commit, one node, Bitrix answers at once: deliveries per second`,
      measured: `${span(one, 0)}; ${cpu(drains.one)}`,
      target: "≥ 500",
      isMet: one.median >= 500,
    },
    {
      what: "the same, two nodes / one",
      measured: `${span(ratio, 2)} (${span(perSecond(drains.two), 0)} per second; ${cpu(drains.two)}); every product was written once`,
      target: "> 1",
      isMet: ratio.median > 1,
    },
    {
      what: `two nodes / one, ${SLOW.count} products, Bitrix takes ${SLOW.latencyMs} ms for an answer`,
      measured: `${span(slowRatio, 2)} (${span(perSecond(drains.slow.two), 0)} / ${span(perSecond(drains.slow.one), 0)} per second)`,
      target: "> 1",
      isMet: slowRatio.median > 1,
    },
    {
      what: "one node, every product, Bitrix answers at once, that also takes the event which each write fires",
      measured: `${span(perSecond(drains.echoed), 0)} per second; ${cpu(drains.echoed)}`,
      target: "",
      isMet: null,
    },
  ]
}

const cpu = (drains: ReadonlyArray<Drained>): string =>
  `CPU per delivery ${middle(drains.map(({ nodesCpuUs }) => nodesCpuUs)).toFixed(0)} µs, ` +
  `PostgreSQL ${middle(drains.map(({ postgresCpuUs }) => postgresCpuUs)).toFixed(0)} µs`

const eventLines = ({ events }: Figures): ReadonlyArray<Line> => {
  const hopMs = (hop: string) => middle(events.map(({ hopP99Ms }) => hopP99Ms[hop] ?? 0))
  const hops = Object.keys(events[0]?.hopP99Ms ?? {}).filter((hop) => hop !== "total")
  const sumMs = middle(events.map(({ hopP99Ms }) => hops.reduce((sum, hop) => sum + (hopP99Ms[hop] ?? 0), 0)))
  const { median } = figure(events.map(({ measured }) => measured.perSecond))
  return [
    {
      what: `product webhook, ${CLIENTS} clients, each changes a price: sum of the p99 of its hops`,
      measured:
        `${sumMs.toFixed(1)} ms (${hops.map((hop) => `${hop} ${hopMs(hop).toFixed(1)}`).join(", ")}); ` +
        `p99 of the whole ${hopMs("total").toFixed(1)} ms; ${median.toFixed(0)} per second`,
      target: "≤ 49 ms",
      isMet: sumMs <= 49,
    },
  ]
}

const noteOn = ({ options, world, lists, edits, events, tookSeconds }: Figures): string => {
  const { cores } = options
  const taken = [
    ...lists.flatMap(({ ours, owner, tenant }) => [ours, owner, tenant]),
    ...edits.flatMap(({ healthy, hanging }) => [healthy, hanging]),
    ...events.map(({ measured }) => measured),
  ].map((measured) => measured.taken)
  return [
    `${options.rounds} rounds of ${options.seconds} s, ${tookSeconds.toFixed(0)} s in all; figures are medians of rounds with the lowest and the highest in brackets, ratios are taken within a round, absolute times belong to the machine.`,
    cores === null
      ? "Nothing is pinned."
      : `Servers are on core ${cores.measured}; PostgreSQL ${world.version}, the simulator of Bitrix, and the load on core ${cores.others}; for the throughput of the outbox all of them may use both.`,
    `PostgreSQL is the embedded one with fsync on: 8 kB written and flushed take ${world.flushMs.toFixed(2)} ms here.`,
    "Lists are asked in a closed loop, and the three servers answer the same JSON, which is compared before anything is measured. Edits come steadily, counted from when one was due; sides alternate, and between them everything is delivered. While Bitrix hangs it takes the request and says nothing until the cell is over. Each edit and each event carries a price that the product never had; a cell counts only if every answer was a success and SQL finds as many new rows in `audit` or in `inbox`.",
    "In the row of deliveries per second the clock runs from the commit, or the first write if that comes earlier, to the last fact settled; the second node is stopped while the first works alone. The commit of an edit lies between its request and its answer, so its way to Bitrix is between the two figures; the target is held against the longer one. Hops are read from `webhook_hop_duration_seconds` of `/metrics`.",
    `Others, the simulator included, took ${middle(taken).toFixed(2)} of the cores (median of cells, worst ${Math.max(...taken).toFixed(2)}). \`npm run bench:sync\` makes this report.`,
  ].join(" ")
}

const span = ({ median, min, max }: ReturnType<typeof figure>, digits: number): string =>
  `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`

const middle = (values: ReadonlyArray<number>): number => figure(values).median

const at = (values: ReadonlyArray<number>, q: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * q)] ?? 0
