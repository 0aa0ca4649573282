/**
 * Bitrix as its neighbours see it: the API that we call and the event handlers that call us, over real HTTP.
 *
 *   our write -> rules of failure -> router -> world -> answer
 *                                               |
 *   a florist's edit -------------------------> + -> webhook sender -> us
 *
 * One process, one port, everything in memory; any number may run side by side.
 */
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { CONTROL_PREFIX, control } from "./ControlPlane.ts"
import { type Answer, type Exchange, html } from "./Exchange.ts"
import { HungResponses, perform, redirect, send, withSlash } from "./FailureMode.ts"
import { type FailureRule, FailureRules } from "./FailureRules.ts"
import { orderRoutes } from "./OrderRoutes.ts"
import { productRoutes } from "./ProductRoutes.ts"
import { productWriteRoutes } from "./ProductWriteRoutes.ts"
import { type LoggedRequest, logged, RequestLog } from "./RequestLog.ts"
import { hasToken, type Route, route } from "./Router.ts"
import type { SimOrder } from "./SimOrder.ts"
import type { SimProduct } from "./SimProduct.ts"
import type { SimulatorClock } from "./SimulatorClock.ts"
import { type Settings, type SimulatorOptions, settle } from "./SimulatorOptions.ts"
import { UPLOAD_PREFIX, uploadedFile } from "./UploadedFile.ts"
import { uploadRoutes } from "./UploadRoutes.ts"
import type { WebhookSender } from "./WebhookSender.ts"
import { type OrderMove, World, type Write } from "./World.ts"

export type { SimulatorOptions } from "./SimulatorOptions.ts"

const BODY_BYTES_MAX = 32 * 1_048_576

export const startBitrix = async (options: SimulatorOptions): Promise<BitrixSimulator> => {
  const simulator = new BitrixSimulator(settle(options))
  await simulator.accept()
  return simulator
}

export class BitrixSimulator {
  readonly settings: Settings
  readonly world: World
  readonly webhooks: WebhookSender
  readonly clock: SimulatorClock
  /** Raised by a request to the base path written twice. */
  doublePrefix = false
  latencyMs: number
  private readonly rules: FailureRules
  private readonly log: RequestLog
  private readonly unexpected: RequestLog
  private readonly hung = new HungResponses()
  private readonly routes: ReadonlyArray<Route>
  private readonly server: Http.Server
  private port: number

  constructor(settings: Settings) {
    this.settings = settings
    this.world = new World(settings)
    this.webhooks = this.world.sender
    this.clock = this.world.clock
    this.latencyMs = settings.latencyMs
    this.rules = new FailureRules(settings.basePath)
    this.log = new RequestLog(settings.requestsMax)
    this.unexpected = new RequestLog(settings.requestsMax)
    this.routes = [
      ...productRoutes(this.world),
      ...orderRoutes(this.world),
      ...productWriteRoutes(this.world),
      ...uploadRoutes(this.world),
    ]
    this.port = settings.port
    this.server = Http.createServer({ keepAliveTimeout: 65_000, requestTimeout: 0 }, (request, response) =>
      this.read(request, response),
    )
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get url(): string {
    return this.origin + this.settings.basePath
  }

  get products(): Map<number, SimProduct> {
    return this.world.products
  }

  get orders(): Map<number, SimOrder> {
    return this.world.orders
  }

  /** Orders made by `orders/create/`; a repeat makes none. */
  get createdOrders(): number {
    return this.world.createdOrders
  }

  /** What `update-from-railway` applied, in order. */
  get writes(): ReadonlyArray<Write> {
    return this.world.writes
  }

  get requests(): ReadonlyArray<LoggedRequest> {
    return this.log.newest
  }

  /** Unknown paths and methods, and the base path written twice. */
  get unexpectedRequests(): ReadonlyArray<LoggedRequest> {
    return this.unexpected.newest
  }

  /** Requests that are kept waiting for ever. */
  get hungRequests(): number {
    return this.hung.size
  }

  seed(products: ReadonlyArray<Partial<SimProduct> & { readonly id: number }>): void {
    this.world.seed(products)
  }

  /** A florist edits: the state changes and the event fires. */
  edit(id: number, change: Partial<SimProduct>): void {
    this.world.edit(id, change)
  }

  /** A florist deletes: softly, so that the product stays and is not active. */
  remove(id: number): void {
    this.world.remove(id)
  }

  seedOrders(orders: ReadonlyArray<Partial<SimOrder> & { readonly id: number }>): void {
    this.world.seedOrders(orders)
  }

  /** A florist moves an order: to a Bitrix code, or to a status by its name. */
  moveOrder(id: number, status: string, move: OrderMove = {}): void {
    this.world.moveOrder(id, status, move)
  }

  /** From now on these requests fail; the answer takes the rule back. */
  fail(rule: FailureRule): () => void {
    return this.rules.add(rule)
  }

  script(match: Omit<FailureRule, "mode" | "times">, outcomes: ReadonlyArray<FailureRule["mode"]>): void {
    this.rules.script(match, outcomes)
  }

  /** Drops every rule and scripted outcome, and closes the requests that hang. */
  heal(): void {
    this.rules.clear()
    this.hung.release()
  }

  /** The port is closed: whoever connects is refused. */
  async refuse(): Promise<void> {
    if (!this.server.listening) return
    await new Promise((resolve) => {
      this.server.close(resolve)
      this.server.closeAllConnections()
    })
  }

  /** The same port again. */
  async accept(): Promise<void> {
    if (this.server.listening) return
    await new Promise<void>((resolve, reject) => {
      this.server.once("error", reject)
      this.server.listen(this.port, "127.0.0.1", () => {
        this.server.off("error", reject)
        resolve()
      })
    })
    this.port = (this.server.address() as AddressInfo).port
  }

  /** For the end of a test: throws when a script was not used up or something unknown was asked. */
  verify(): void {
    const asked = this.unexpectedRequests.map(({ method, rawPath }) => `${method} ${rawPath}`)
    const unused = this.rules.unusedOutcomes
    if (asked.length > 0) throw new Error(`Bitrix was asked for what it does not have: ${asked.join(", ")}`)
    if (unused > 0) throw new Error(`${unused} scripted outcomes were not used`)
  }

  reset(): void {
    this.heal()
    this.world.reset()
    this.log.clear()
    this.unexpected.clear()
    this.doublePrefix = false
    this.latencyMs = this.settings.latencyMs
  }

  async close(): Promise<void> {
    this.hung.close()
    this.webhooks.drop()
    this.webhooks.mode = "off"
    await this.refuse()
  }

  private read(request: Http.IncomingMessage, response: Http.ServerResponse): void {
    const chunks: Array<Buffer> = []
    let byteCount = 0
    request.on("error", () => undefined)
    response.on("error", () => undefined)
    request.on("data", (chunk: Buffer) => {
      byteCount += chunk.length
      if (byteCount <= BODY_BYTES_MAX) chunks.push(chunk)
    })
    request.on("end", () => {
      if (byteCount > BODY_BYTES_MAX) return send(response, html(413))
      this.take(request, response, chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks))
    })
  }

  private take(request: Http.IncomingMessage, response: Http.ServerResponse, body: Buffer): void {
    const { method = "GET", url: rawPath = "/", headers } = request
    const [path = "/", search] = rawPath.split("?", 2)
    const query = new URLSearchParams(search)
    if (path.startsWith(CONTROL_PREFIX)) {
      void control(this, { method, path, query, headers, body }).then((answer) => send(response, answer))
      return
    }
    const matchedToken = hasToken(this.settings.token, query, headers.authorization)
    const entry = this.log.add(logged(method, rawPath, path, headers, body, matchedToken))
    response.on("close", () => {
      const closedByUs = this.hung.wasClosedByUs(response) || !this.server.listening
      entry.aborted = !response.writableFinished && !closedByUs
    })
    const { basePath } = this.settings
    const below = path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : ""
    const exchange = { method, path: below.replace(/\/+$/, ""), query, headers, body }
    const work = () => this.work(exchange, rawPath, below, entry)
    const rule = this.rules.take(method, rawPath.slice(basePath.length), body)
    const go = () => {
      if (rule !== undefined) return this.failBy(rule, rawPath, response, work)
      const answer = work()
      if (answer instanceof Promise) void answer.then((late) => send(response, late))
      else send(response, answer)
    }
    if (this.latencyMs > 0) this.hung.after(this.latencyMs, go)
    else go()
  }

  private failBy(
    rule: FailureRule,
    rawPath: string,
    response: Http.ServerResponse,
    work: () => Answer | Promise<Answer>,
  ): void {
    void Promise.resolve(rule.commit === true ? work() : undefined).then((done) =>
      perform(rule.mode, rawPath, response, this.hung, () => done ?? work()),
    )
  }

  private work(
    exchange: Exchange,
    rawPath: string,
    below: string,
    entry: LoggedRequest,
  ): Answer | Promise<Answer> {
    const { basePath, strictContentType, slashRedirects, slashRedirectStatus } = this.settings
    if (exchange.method === "GET" && entry.path.startsWith(UPLOAD_PREFIX)) return uploadedFile
    if (below.startsWith(`${basePath}/`)) {
      this.doublePrefix = true
      this.unexpected.add(entry)
      return html(404)
    }
    const isBodiless = exchange.method === "GET" || exchange.method === "DELETE"
    if (strictContentType && isBodiless && exchange.headers["content-type"] !== undefined) return html(500)
    if (slashRedirects && SLASHLESS.has(below)) return redirect(slashRedirectStatus, withSlash(rawPath))
    const timestamp = Math.floor(this.clock.nowMs() / 1_000)
    const { answer, unexpected } = route(this.routes, exchange, entry.matchedToken, timestamp)
    if (unexpected) this.unexpected.add(entry)
    return answer
  }
}

const SLASHLESS = new Set(["/products", "/orders", "/orders/detail"])
