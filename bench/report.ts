/** Writes what was measured: Markdown that a terminal shows as tables, too. */
import { cpus } from "node:os"
import type { Cell } from "./cell.ts"
import type { Options } from "./options.ts"
import { peers } from "./peers.ts"
import type { Startup } from "./startup.ts"
import type { Figure, Row } from "./summary.ts"
import { figure, ratioOf, rowOf } from "./summary.ts"
import { insideP99MsAtMost, targetConcurrencies, targets } from "./targets.ts"
import { CONNECTIONS_MAX } from "./transactions.ts"
import type { World } from "./world.ts"

export interface Results {
  readonly options: Options
  readonly world: World
  readonly cells: ReadonlyArray<Cell>
  readonly startup: Startup | null
  readonly sink: { readonly requestCount: number; readonly byteCount: number }
  readonly tookSeconds: number
}

export const toMarkdown = (results: Results): string =>
  [
    "# The order-status webhook under load",
    conditions(results),
    "## Against the targets",
    "Ratios of throughput; each is the median of the ratios of the single rounds, lowest and highest in brackets.",
    targetTable(results),
    ...results.options.concurrencies.flatMap((concurrency) => [
      `## ${concurrency} ${concurrency === 1 ? "connection" : "connections"}`,
      cellTable(results, concurrency),
    ]),
    "## Inside our server",
    "From `/metrics`, over the same requests: quantiles are interpolated within the histogram's buckets.",
    insideTable(results),
    "## Start and memory",
    startAndMemory(results),
    ...voidCells(results),
  ].join("\n\n") + "\n"

const conditions = ({ options, world, cells, tookSeconds }: Results): string => {
  const { cores } = options
  const strangers = figure(cells.map(({ strangerCores }) => strangerCores))
  return [
    `- ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC, ${Math.round(tookSeconds)} s in all; ` +
      `Node ${process.version.slice(1)}, PostgreSQL ${world.version}; ${cpus().length} × ${cpus()[0]?.model.trim()}`,
    cores === null
      ? "- Not pinned: the system schedules every process where it likes."
      : `- Pinned with taskset: what is measured on core ${cores.measured}; PostgreSQL, load generator and trace sink on core ${cores.others}.`,
    `- PostgreSQL is the embedded one with its settings for production, fsync on: 8 kB written and flushed take ${world.flushMs.toFixed(2)} ms here. ` +
      `${options.orders} orders in one shop; every peer works as \`cvety_app\` under row security through ${CONNECTIONS_MAX} connections and writes the same rows.`,
    `- ${options.rounds} rounds of ${options.seconds} s per cell after a warm-up, peers interleaved; medians. ` +
      "Closed loop over keep-alive connections; every request changes a status. A cell counts only if every answer was a success " +
      "and SQL finds exactly as many new rows in `order_history` and `inbox`.",
    "- Our server logs as in production, into a pipe that is drained; the peers log nothing and measure nothing.",
    `- The rest of the machine, trace sink included, kept ${strangers.median.toFixed(2)} of ${cpus().length} cores busy in the median cell` +
      (strangers.median > QUIET_CORES
        ? ": **too much to compare anything but ratios, and those with care**."
        : "."),
    "- CPU is user and system time per request of the process, its garbage collector included. `core busy` is the share of its core that the measured process used.",
  ].join("\n")
}

const QUIET_CORES = 0.1

const targetTable = ({ cells, options }: Results): string => {
  const ratios = targets.flatMap(({ ours, other, atLeast }) =>
    targetConcurrencies.map((concurrency) => {
      const ratio = ratioOf(cells, ours, other, concurrency)
      return [
        `${peers[ours].label} / ${peers[other].label}`,
        String(concurrency),
        ratio === null ? "not measured" : ranged(ratio, 2),
        `≥ ${atLeast.toFixed(2)}`,
        ratio === null ? "" : verdict(ratio.median >= atLeast),
      ]
    }),
  )
  const inside = options.peers.flatMap((peer) =>
    options.concurrencies.flatMap((concurrency) => {
      const row = rowOf(cells, peer, concurrency)
      if (row.inside === null) return []
      const p99Ms = row.inside.totalP99Ms
      return [
        [
          `${peers[peer].label}: p99 inside, ms`,
          String(concurrency),
          p99Ms.toFixed(1),
          `≤ ${insideP99MsAtMost}`,
          verdict(row.failure === null && p99Ms <= insideP99MsAtMost),
        ],
      ]
    }),
  )
  return table(["figure", "connections", "measured", "target", ""], [...ratios, ...inside])
}

const verdict = (isMet: boolean) => (isMet ? "met" : "**missed**")

const cellTable = ({ cells, options }: Results, concurrency: number): string =>
  table(
    ["", "req/s", "p50 ms", "p99 ms", "CPU µs", "core busy", "PostgreSQL µs", "load µs", "RSS MiB"],
    options.peers.map((peer) => {
      const row = rowOf(cells, peer, concurrency)
      return row.failure === null ? [peers[peer].label, ...cellFields(row)] : [peers[peer].label, "void"]
    }),
  )

const cellFields = (row: Row): ReadonlyArray<string> => [
  ranged(row.perSecond, 0),
  row.p50Ms.toFixed(2),
  row.p99Ms.toFixed(2),
  row.serverCpuUs.toFixed(0),
  `${((row.serverCpuUs * row.perSecond.median) / 1e4).toFixed(0)} %`,
  row.postgresCpuUs.toFixed(0),
  row.loadCpuUs.toFixed(0),
  row.residentMiB.toFixed(0),
]

const insideTable = ({ cells, options }: Results): string =>
  table(
    [
      "",
      "connections",
      "total p50 ms",
      "total p99 ms",
      "sum of hops' p99 ms",
      "spans/s exported",
      "spans/s dropped",
    ],
    options.peers.flatMap((peer) =>
      options.concurrencies.flatMap((concurrency) => {
        const { inside } = rowOf(cells, peer, concurrency)
        if (inside === null) return []
        return [
          [
            peers[peer].label,
            String(concurrency),
            inside.totalP50Ms.toFixed(2),
            inside.totalP99Ms.toFixed(2),
            inside.hopsP99Ms.toFixed(2),
            (inside.spansExported / options.seconds).toFixed(0),
            (inside.spansDropped / options.seconds).toFixed(0),
          ],
        ]
      }),
    ),
  )

const startAndMemory = ({ cells, options, startup, sink }: Results): string => {
  const last = new Map(cells.map((cell) => [cell.peer, cell.residentMiB]))
  return [
    table(
      ["after the bench", "RSS MiB"],
      options.peers.map((peer) => [peers[peer].label, (last.get(peer) ?? 0).toFixed(0)]),
    ),
    startup === null
      ? "Start-up was not measured."
      : `From \`node src/main.ts\` to the first 200 of \`/health\`, not pinned: ${(startup.firstMs / 1e3).toFixed(2)} s the first time ` +
        `(makes the database), ${(startup.warmMs / 1e3).toFixed(2)} s after that (starts it; median of three). ` +
        `Resident then: ${startup.residentMiB.toFixed(0)} MiB.`,
    `The trace sink took ${sink.requestCount} requests with ${(sink.byteCount / 1e6).toFixed(1)} MB.`,
  ].join("\n\n")
}

const voidCells = ({ cells }: Results): ReadonlyArray<string> => {
  const failed = cells.filter(({ failure }) => failure !== null)
  if (failed.length === 0) return []
  const lines = failed.map(
    ({ peer, concurrency, round, failure }) =>
      `- ${peers[peer].label}, ${concurrency} connections, round ${round}: ${failure?.replaceAll(/\s+/g, " ").slice(0, 500)}`,
  )
  return ["## Void cells", lines.join("\n")]
}

const ranged = ({ median, min, max }: Figure, digits: number): string =>
  min === max
    ? median.toFixed(digits)
    : `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`

/** The first column reads from the left, figures from the right. */
const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = head.map((title, i) => Math.max(3, title.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const pad = (text: string, i: number) =>
    i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0)
  const line = (fields: ReadonlyArray<string>) =>
    `| ${head.map((_, i) => pad(fields[i] ?? "", i)).join(" | ")} |`
  const rule = `|${widths.map((width, i) => (i === 0 ? "-".repeat(width + 2) : `${"-".repeat(width + 1)}:`)).join("|")}|`
  return [line(head), rule, ...rows.map(line)].join("\n")
}
