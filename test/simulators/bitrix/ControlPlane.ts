/**
 * `/__fake/`: the simulator driven over HTTP, by hand or from another process. Bodies and answers are JSON.
 *
 *   GET  state | requests?path= | writes | outcomes
 *   POST reset | heal | idle
 *   POST seed          {products?, orders?, count?, fixtures?: true}
 *   POST edit          {id, change}          remove {id}
 *   POST order-status  {id, status, changedById?, notes?}
 *   POST script        {method?, pathPattern?, productId?, outcomes: [mode...]}
 *   POST fail          {method?, path?, pathPattern?, productId?, mode, times?, commit?}
 *   POST clock         {set?: ISO text or ms, advanceMs?}
 *   POST webhooks      {mode?, echo?, duplicateShare?, reorder?, deleteIdForm?, target?}
 *   POST refuse        {forMs}
 *   POST latency       {ms}
 */
import type { BitrixSimulator } from "./BitrixSimulator.ts"
import { type Answer, type Exchange, idOf, json, objectOf } from "./Exchange.ts"
import { LOOP_PATH, modeOf, redirect } from "./FailureMode.ts"
import type { FailureRule } from "./FailureRules.ts"
import { oddOrders, oddProducts, pricedProducts } from "./Fixtures.ts"
import type { LoggedRequest } from "./RequestLog.ts"

export const CONTROL_PREFIX = "/__fake/"

type Body = Readonly<Record<string, unknown>>
type Command = (simulator: BitrixSimulator, body: Body, query: URLSearchParams) => unknown

export const control = async (simulator: BitrixSimulator, exchange: Exchange): Promise<Answer> => {
  if (exchange.path.startsWith(`${LOOP_PATH}/`)) {
    const hop = Number(exchange.path.slice(LOOP_PATH.length + 1))
    return redirect(307, `${LOOP_PATH}/${hop + 1}`)
  }
  const name = `${exchange.method} ${exchange.path.slice(CONTROL_PREFIX.length)}`
  const command = COMMANDS[name]
  if (command === undefined) return json(404, { error: `No ${name}`, commands: Object.keys(COMMANDS) })
  const body = exchange.body.length === 0 ? {} : objectOf(exchange.body)
  if (body === undefined) return json(400, { error: "The body is no JSON object" })
  try {
    return json(200, (await command(simulator, body, exchange.query)) ?? { ok: true })
  } catch (error) {
    return json(400, { error: error instanceof Error ? error.message : String(error) })
  }
}

const COMMANDS: Readonly<Record<string, Command>> = {
  "GET state": (simulator) => stateOf(simulator),
  "GET requests": ({ requests }, _, query) => {
    const path = query.get("path")
    return requests.filter((entry) => path === null || entry.path.includes(path)).map(shown)
  },
  "GET writes": ({ writes }) => writes,
  "GET outcomes": ({ webhooks }) =>
    webhooks.outcomes.map((outcome) => ({ ...outcome, body: String(outcome.body) })),
  "POST reset": (simulator) => simulator.reset(),
  "POST heal": (simulator) => simulator.heal(),
  "POST idle": ({ webhooks }) => webhooks.idle(),
  "POST seed": (simulator, body) => seed(simulator, body),
  "POST edit": (simulator, { id, change }) => simulator.edit(idIn(id), change as object),
  "POST remove": (simulator, { id }) => simulator.remove(idIn(id)),
  "POST order-status": (simulator, { id, status, ...rest }) =>
    simulator.moveOrder(idIn(id), String(status), rest as object),
  "POST script": (simulator, { outcomes, ...match }) =>
    simulator.script(ruleOf(match), listIn(outcomes).map(modeOf)),
  "POST fail": (simulator, body) => void simulator.fail({ ...ruleOf(body), mode: modeOf(body["mode"]) }),
  "POST clock": ({ clock }, { set, advanceMs }) => {
    if (set !== undefined) clock.set(typeof set === "number" ? set : Date.parse(String(set)))
    if (typeof advanceMs === "number") clock.advance(advanceMs)
    return { nowMs: clock.nowMs() }
  },
  "POST webhooks": (simulator, { mode, echo, duplicateShare, reorder, deleteIdForm, target }) => {
    Object.assign(
      simulator.webhooks,
      dropUndefined({ mode, echo, duplicateShare, reorder, deleteIdForm, target }),
    )
    return stateOf(simulator).webhooks
  },
  "POST refuse": (simulator, { forMs }) => {
    setTimeout(() => void simulator.accept(), Number(forMs ?? REFUSE_MS))
    setImmediate(() => void simulator.refuse())
  },
  "POST latency": (simulator, { ms }) => {
    simulator.latencyMs = Number(ms)
  },
}
const REFUSE_MS = 10_000

const idIn = (value: unknown): number => {
  const id = idOf(value)
  if (id === undefined) throw new Error("id has to be a positive whole number")
  return id
}

const listIn = (value: unknown): ReadonlyArray<unknown> => {
  if (!Array.isArray(value)) throw new Error("outcomes has to be a list of modes")
  return value
}

const dropUndefined = (values: Body): Body =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))

const ruleOf = ({ pathPattern, ...rest }: Body): FailureRule => ({
  ...(rest as unknown as FailureRule),
  ...(typeof pathPattern === "string" ? { path: new RegExp(pathPattern) } : {}),
})

const seed = (simulator: BitrixSimulator, { products, orders, count, fixtures }: Body) => {
  if (Array.isArray(products)) simulator.seed(products)
  if (Array.isArray(orders)) simulator.seedOrders(orders)
  if (typeof count === "number")
    simulator.seed(Array.from({ length: count }, (_, index) => ({ id: index + 1 })))
  if (fixtures === true) {
    simulator.seed([...pricedProducts, ...oddProducts])
    simulator.seedOrders(oddOrders)
  }
  return { products: simulator.products.size, orders: simulator.orders.size }
}

const stateOf = (simulator: BitrixSimulator) => {
  const { mode, echo, duplicateShare, reorder, delivered, failed, lost, duplicates, target } =
    simulator.webhooks
  return {
    url: simulator.url,
    products: simulator.products.size,
    orders: simulator.orders.size,
    createdOrders: simulator.createdOrders,
    writes: simulator.writes.length,
    hungRequests: simulator.hungRequests,
    unexpectedRequests: simulator.unexpectedRequests.map(shown),
    doublePrefix: simulator.doublePrefix,
    nowMs: simulator.clock.nowMs(),
    webhooks: {
      mode,
      echo,
      duplicateShare,
      reorder,
      delivered,
      failed,
      lost,
      duplicates,
      url: target?.url ?? null,
    },
  }
}

const shown = (entry: LoggedRequest) => ({
  ...entry,
  body: entry.body.toString(),
  bodyBase64: entry.body.toString("base64"),
  json: objectOf(entry.body) ?? null,
})
