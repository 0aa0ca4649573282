/** From cells to figures: medians over the rounds, ratios within a round. A void cell spoils what depends on it. */
import type { Cell, Inside } from "./cell.ts"
import type { PeerName } from "./peers.ts"

export interface Figure {
  readonly median: number
  readonly min: number
  readonly max: number
}

export interface Row {
  readonly peer: PeerName
  readonly failure: string | null
  readonly perSecond: Figure
  readonly p50Ms: number
  readonly p99Ms: number
  readonly serverCpuUs: number
  readonly postgresCpuUs: number
  readonly loadCpuUs: number
  readonly residentMiB: number
  readonly inside: Inside | null
}

export const rowOf = (cells: ReadonlyArray<Cell>, peer: PeerName, concurrency: number): Row => {
  const own = cells.filter((cell) => cell.peer === peer && cell.concurrency === concurrency)
  const medianOf = (read: (cell: Cell) => number) => figure(own.map(read)).median
  const insideOf = (read: (inside: Inside) => number) =>
    figure(own.flatMap(({ inside }) => (inside === null ? [] : [read(inside)]))).median
  return {
    peer,
    failure: own.find(({ failure }) => failure !== null)?.failure ?? null,
    perSecond: figure(own.map(({ perSecond }) => perSecond)),
    p50Ms: medianOf(({ p50Ms }) => p50Ms),
    p99Ms: medianOf(({ p99Ms }) => p99Ms),
    serverCpuUs: medianOf(({ serverCpuUs }) => serverCpuUs),
    postgresCpuUs: medianOf(({ postgresCpuUs }) => postgresCpuUs),
    loadCpuUs: medianOf(({ loadCpuUs }) => loadCpuUs),
    residentMiB: medianOf(({ residentMiB }) => residentMiB),
    inside:
      own[0]?.inside == null
        ? null
        : {
            totalP50Ms: insideOf(({ totalP50Ms }) => totalP50Ms),
            totalP99Ms: insideOf(({ totalP99Ms }) => totalP99Ms),
            hopsP99Ms: insideOf(({ hopsP99Ms }) => hopsP99Ms),
            spansExported: insideOf(({ spansExported }) => spansExported),
            spansDropped: insideOf(({ spansDropped }) => spansDropped),
          },
  }
}

/** Throughput of one against another, round by round; null when either was not measured or is void. */
export const ratioOf = (
  cells: ReadonlyArray<Cell>,
  ours: PeerName,
  other: PeerName,
  concurrency: number,
): Figure | null => {
  const at = (peer: PeerName) =>
    cells.filter((cell) => cell.peer === peer && cell.concurrency === concurrency)
  const others = new Map(at(other).map((cell) => [cell.round, cell]))
  const pairs = at(ours).flatMap((cell) => {
    const against = others.get(cell.round)
    return against === undefined ? [] : [{ cell, against }]
  })
  if (pairs.length === 0 || pairs.some(({ cell, against }) => cell.failure ?? against.failure)) return null
  return figure(pairs.map(({ cell, against }) => cell.perSecond / against.perSecond))
}

export const figure = (values: ReadonlyArray<number>): Figure => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  return {
    median: sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2,
    min: sorted[0] ?? 0,
    max: sorted.at(-1) ?? 0,
  }
}
