/** How fast and how often what changed here reaches Bitrix. */
import type postgres from "postgres"
import * as Process from "../process.ts"
import type { Goods } from "./goods.ts"
import { changeAll, untilTold, vacuum } from "./goods.ts"
import type { Server, Simulator } from "./servers.ts"

interface Write {
  readonly atMs: number
  readonly id: number
  readonly body: { readonly price: string }
  readonly changed: boolean
}

const DRAIN_WITHIN_MS = 120_000
const PAUSE_MS_MIN = 30
const PAUSE_MS_MAX = 80

export interface Drained {
  readonly perSecond: number
  /** Per delivery. */
  readonly nodesCpuUs: number
  readonly postgresCpuUs: number
}

/** Changes every one of the goods in one commit and waits until each was delivered, once. */
export const drain = async (
  sql: postgres.Sql,
  simulator: Simulator,
  options: {
    readonly goods: Goods
    /** How long Bitrix takes for an answer. */
    readonly latencyMs: number
    readonly hasEcho: boolean
    readonly nodes: ReadonlyArray<Server>
    readonly postgresPid: number
  },
): Promise<Drained> => {
  const { goods, latencyMs, hasEcho, nodes, postgresPid } = options
  const usedMs = () => ({
    nodes: nodes.reduce((sum, { pid }) => sum + Process.cpuMs(pid), 0),
    postgres: Process.familyCpuMs(postgresPid),
  })
  await simulator.control("webhooks", { echo: hasEcho })
  await simulator.control("latency", { ms: latencyMs })
  const { length: known } = await writesOf(simulator)
  await vacuum(sql)
  const committedMs = await changeAll(sql, goods)
  const before = usedMs()
  const settledMs = await untilTold(sql, DRAIN_WITHIN_MS)
  const after = usedMs()
  if (hasEcho) await simulator.control("idle", {})
  await simulator.control("latency", { ms: 0 })
  const writes = (await writesOf(simulator)).slice(known)
  const ids = new Set(writes.map(({ id }) => id))
  const unchanged = writes.filter(({ changed }) => !changed).length
  if (writes.length !== goods.count || ids.size !== goods.count || unchanged > 0)
    throw new Error(
      `void: ${writes.length} writes to ${ids.size} of ${goods.count} products, ${unchanged} changed nothing`,
    )
  const seconds = (settledMs - Math.min(committedMs, ...firstOf(writes))) / 1e3
  return {
    perSecond: goods.count / seconds,
    nodesCpuUs: ((after.nodes - before.nodes) * 1e3) / goods.count,
    postgresCpuUs: ((after.postgres - before.postgres) * 1e3) / goods.count,
  }
}

const writesOf = (simulator: Simulator): Promise<ReadonlyArray<Write>> => simulator.control("writes")

const firstOf = (writes: ReadonlyArray<Write>): ReadonlyArray<number> =>
  writes.slice(0, 1).map(({ atMs }) => atMs)

export interface Reached {
  /** From the moment the request was sent: its commit comes after that, so it took less. */
  readonly sinceAskedMs: number
  /** From the moment the answer was there: its commit came before that, so it took more. */
  readonly sinceAnsweredMs: number
}

/** One edit at a time, each long after the one before has arrived. */
export const reach = async (
  server: Server,
  simulator: Simulator,
  edits: { readonly token: string; readonly goods: Goods; readonly count: number; readonly round: number },
): Promise<ReadonlyArray<Reached>> => {
  const { length: known } = await writesOf(simulator)
  const sent: Array<{ id: number; price: string; askedMs: number; answeredMs: number }> = []
  for (let n = 0; n < edits.count; n += 1) {
    const id = edits.goods.from + n
    const tenge = 1_000 + edits.round
    const askedMs = nowMs()
    const response = await fetch(`${server.url}/api/v1/products/${id}`, {
      method: "PUT",
      headers: { authorization: `Bearer ${edits.token}`, "content-type": "application/json" },
      body: JSON.stringify({ price: tenge * 100 }),
    })
    const answeredMs = nowMs()
    await response.text()
    if (response.status !== 200) throw new Error(`void: an edit was answered ${response.status}`)
    sent.push({
      id,
      price: `${Math.floor(tenge / 1_000)} ${String(tenge % 1_000).padStart(3, "0")} ₸`,
      askedMs,
      answeredMs,
    })
    await pause(PAUSE_MS_MIN + Math.random() * (PAUSE_MS_MAX - PAUSE_MS_MIN))
  }
  await pause(1_000)
  const writes = (await writesOf(simulator)).slice(known)
  return sent.map(({ id, price, askedMs, answeredMs }) => {
    const own = writes.filter((write) => write.id === id && write.body.price === price)
    const [write] = own
    if (write === undefined || own.length > 1)
      throw new Error(`void: product ${id} arrived ${own.length} times`)
    return { sinceAskedMs: write.atMs - askedMs, sinceAnsweredMs: write.atMs - answeredMs }
  })
}

const nowMs = (): number => performance.timeOrigin + performance.now()
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
