/** `bench/IDENTITY.md`. */
import type { Options } from "../options.ts"
import { LOGINS } from "./logins.ts"
import type { Compared } from "./orderLists.ts"
import { ORDERS_PER_SHOP, SHOPS } from "./orderLists.ts"
import type { Measured } from "./servers.ts"

export interface MeRow {
  readonly concurrency: number
  readonly tokens: number
  readonly ours: Array<Measured>
  readonly floor: Array<Measured>
}

export interface Figures {
  readonly options: Options
  readonly version: string
  readonly rows: ReadonlyArray<MeRow>
  readonly list: Compared
  readonly quiet: ReadonlyArray<Measured>
  readonly busy: ReadonlyArray<Measured>
  readonly loginsPerSecond: ReadonlyArray<number>
}

export const toMarkdown = ({
  options,
  version,
  rows,
  list,
  quiet,
  busy,
  loginsPerSecond,
}: Figures): string => {
  const cores = options.cores
  const health = busy.map(({ p99Ms }) => p99Ms)
  return `# Identity, measured

| what | measured | target |
|---|---|---|
${rows.map(meLine).join("\n")}
| newest 50 of ${ORDERS_PER_SHOP} orders of a shop, ${SHOPS} shops: time with row security / without | ${list.medianRatio.toFixed(2)} (${list.withMs.toFixed(3)} / ${list.withoutMs.toFixed(3)} ms); transactions per second without / with ${list.throughputRatio.toFixed(2)} | <= 1.10 |
| p99 of \`/health\` while ${LOGINS} log in at once, again and again | ${middle(health).toFixed(1)} ms (worst round ${Math.max(...health).toFixed(1)}; p50 ${of(busy, "p50Ms", 1)}; without logins p99 ${of(quiet, "p99Ms", 1)}; ${middle(loginsPerSecond).toFixed(0)} logins per second) | <= 20 ms |

${options.rounds} rounds of ${options.seconds} s that alternate, ${cores === null ? "not pinned" : `servers on core ${cores.measured}, PostgreSQL ${version} and the load on core ${cores.others}`}; figures are medians of rounds, ratios are taken within a round, absolute times belong to the machine. The floor is Fastify with \`jose\` and \`postgres\`: it verifies every token and reads the account with the same conditions in one statement, as the owner of the tables. Ours remembers up to 5,000 tokens it has verified: with one token it verifies once, with 6,000 in turn every time. CPU is of the server, per request; where it was busy less than 90 % of its core, PostgreSQL and the load on the other core were what limited it, and the ratio of CPU says more than that of throughput. \`/health\` is asked 100 times a second for 10 s, counted from when a request was due; half of the accounts begin each round with a bcrypt hash. Others took ${takenCores(rows).toFixed(2)} of the cores (median of cells, worst ${worstTaken(rows).toFixed(2)}). \`npm run bench:identity\` makes this report.

With row security:

\`\`\`
${list.planWith}
\`\`\`

Without:

\`\`\`
${list.planWithout}
\`\`\`
`
}

const meLine = ({ concurrency, tokens, ours, floor }: MeRow): string => {
  const ratio = middle(ours.map((cell, round) => cell.perSecond / (floor[round]?.perSecond ?? 0)))
  const pair = (field: keyof Measured, digits: number) =>
    `${of(ours, field, digits)} / ${of(floor, field, digits)}`
  const who = tokens === 1 ? "" : `, ${tokens} tokens in turn`
  return (
    `| \`GET /auth/me\`, ${concurrency} clients${who}: ours / floor | ${ratio.toFixed(2)} ` +
    `(${pair("perSecond", 0)} per second; p50 ${pair("p50Ms", 1)} ms; p99 ${pair("p99Ms", 1)} ms; ` +
    `CPU ${pair("serverCpuUs", 0)} µs; busy ${pair("busy", 2)}) | >= 0.85 |`
  )
}

const takenOf = (rows: ReadonlyArray<MeRow>) =>
  rows.flatMap(({ ours, floor }) => [...ours, ...floor].map(({ taken }) => taken))
const takenCores = (rows: ReadonlyArray<MeRow>): number => middle(takenOf(rows))
const worstTaken = (rows: ReadonlyArray<MeRow>): number => Math.max(...takenOf(rows))

const of = (cells: ReadonlyArray<Measured>, field: keyof Measured, digits: number): string =>
  middle(cells.map((cell) => Number(cell[field]))).toFixed(digits)

const middle = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
