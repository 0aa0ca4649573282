/**
 * Plays the event handlers of Bitrix: one attempt per event, 10 s, the outcome only recorded.
 *
 *   emit -> queue of its product -> build the body -> POST -> outcome
 *
 * The body is built when it is sent, as the handler reads the product again at that moment. Events of one product keep
 * their order, different products go side by side. With `reorder` each event is read at once and waits a random moment
 * before it is sent, so that old data may arrive after new.
 */
import * as Http from "node:http"
import * as Https from "node:https"

const TIMEOUT_MS = 10_000
const QUEUE_MAX = 200_000
const OUTCOMES_MAX = 10_000
const ANSWER_BYTES_MAX = 4_096
const REORDER_WINDOW_MS = 50

export interface WebhookTarget {
  /** Up to and with `/api/v1/webhooks`. */
  readonly url: string
  readonly secret: string
}

export type WebhookPath = "/product-sync" | "/order-status-sync"

export interface WebhookEvent {
  readonly path: WebhookPath
  /** Events with the same key keep their order. */
  readonly key: string
  /** Null: there is nothing to tell, and nothing is sent. */
  readonly body: () => string | null
  readonly done?: () => void
}

export interface WebhookOutcome {
  readonly path: string
  readonly key: string
  readonly body: string | Buffer
  /** Null when no answer came. */
  readonly status: number | null
  readonly answer: string
  readonly error: string | null
  readonly tookMs: number
}

interface Delivery {
  readonly path: string
  readonly key?: string
  readonly body: string | Buffer
  /** Replaces the headers that the handler sends. */
  readonly headers?: Readonly<Record<string, string>>
}

export class WebhookSender {
  mode: "on" | "off" | "lose" = "on"
  /** Whether a write that we made ourselves fires its event. */
  echo: boolean
  /** 0 to 1: this share of the events is posted twice. Spread evenly, not at random. */
  duplicateShare = 0
  reorder = false
  /** How the delete handler spells the id. */
  deleteIdForm: "int" | "string" | "nested" = "int"
  /** May be set once the receiver is up; without it nobody is told anything. */
  target: WebhookTarget | undefined
  /** Posts that were answered with 2xx. */
  delivered = 0
  /** Events that were never posted. */
  lost = 0
  /** Posts that ended in another answer, an error or the timeout. */
  failed = 0
  duplicates = 0
  readonly outcomes: Array<WebhookOutcome> = []

  private readonly concurrency: number
  private readonly keepAlive: boolean
  private readonly queues = new Map<string, Array<WebhookEvent>>()
  private readonly ready: Array<string> = []
  private readonly requests = new Set<Http.ClientRequest>()
  private readonly held = new Set<NodeJS.Timeout>()
  private agent: Http.Agent | undefined
  private queued = 0
  private inFlight = 0
  private duplicateDue = 0
  private randomState = 1
  private waiters: Array<() => void> = []
  private sequence = 0

  constructor(options: {
    readonly target: WebhookTarget | undefined
    readonly echo: boolean
    readonly concurrency: number
    readonly keepAlive: boolean
  }) {
    this.target = options.target
    this.echo = options.echo
    this.concurrency = options.concurrency
    this.keepAlive = options.keepAlive
  }

  emit(event: WebhookEvent): void {
    if (this.mode === "off" || this.target === undefined) return event.done?.()
    if (this.mode === "lose" || this.queued >= QUEUE_MAX) {
      this.lost += 1
      return event.done?.()
    }
    if (this.reorder) this.hold(event)
    else this.enqueue(event)
  }

  /** One post of any content, such as a wrong secret or half a JSON; counted and recorded like the rest. */
  post(delivery: Delivery): Promise<WebhookOutcome> {
    const { target } = this
    if (target === undefined) return Promise.reject(new Error("no webhook target"))
    return new Promise((resolve) => {
      const startedAt = performance.now()
      let settled = false
      const settle = (status: number | null, answer: string, error: string | null) => {
        if (settled) return
        settled = true
        clearTimeout(timer)
        this.requests.delete(request)
        const tookMs = performance.now() - startedAt
        const { path, key = "", body } = delivery
        resolve(this.record({ path, key, body, status, answer, error, tookMs }))
      }
      const url = new URL(target.url + delivery.path)
      const request = (url.protocol === "https:" ? Https : Http).request(url, {
        method: "POST",
        agent: this.agentFor(url),
        headers: {
          ...(delivery.headers ?? { "content-type": "application/json", "x-webhook-secret": target.secret }),
          "content-length": Buffer.byteLength(delivery.body),
        },
      })
      this.requests.add(request)
      const timer = setTimeout(() => {
        settle(null, "", "timeout")
        request.destroy()
      }, TIMEOUT_MS)
      request.on("error", (error) => settle(null, "", error.message))
      request.on("response", (response) => {
        let answer = ""
        response.setEncoding("utf8")
        response.on("data", (chunk: string) => {
          if (answer.length < ANSWER_BYTES_MAX) answer += chunk
        })
        response.on("end", () => settle(response.statusCode ?? null, answer, null))
        response.on("error", (error) => settle(null, answer, error.message))
      })
      request.end(delivery.body)
    })
  }

  /** The button in the log of the handler that somebody presses by hand. */
  resend(outcome: WebhookOutcome): Promise<WebhookOutcome> {
    return this.post({ path: outcome.path, key: outcome.key, body: outcome.body })
  }

  /** Resolves when no event is queued or under way. */
  idle(): Promise<void> {
    return this.isIdle ? Promise.resolve() : new Promise((resolve) => this.waiters.push(resolve))
  }

  /** Forgets what is queued and breaks off what is under way. */
  drop(): void {
    for (const timer of this.held) clearTimeout(timer)
    this.held.clear()
    for (const events of this.queues.values()) for (const { done } of events) done?.()
    this.queues.clear()
    this.ready.length = 0
    this.queued = 0
    for (const request of this.requests) request.destroy(new Error("dropped"))
    this.agent?.destroy()
    this.agent = undefined
    this.release()
  }

  reset(echo: boolean): void {
    this.drop()
    this.mode = "on"
    this.echo = echo
    this.duplicateShare = 0
    this.duplicateDue = 0
    this.reorder = false
    this.deleteIdForm = "int"
    this.delivered = 0
    this.lost = 0
    this.failed = 0
    this.duplicates = 0
    this.randomState = 1
    this.outcomes.length = 0
  }

  private get isIdle(): boolean {
    return this.queued === 0 && this.inFlight === 0 && this.held.size === 0
  }

  private enqueue(event: WebhookEvent): void {
    this.queued += 1
    const waiting = this.queues.get(event.key)
    if (waiting !== undefined) {
      waiting.push(event)
      return
    }
    this.queues.set(event.key, [event])
    this.ready.push(event.key)
    this.pump()
  }

  private hold(event: WebhookEvent): void {
    const body = event.body()
    const copies = body !== null && this.isDuplicateDue() ? 2 : 1
    for (let copy = 0; copy < copies; copy += 1) {
      this.sequence += 1
      const key = `${event.key}#${this.sequence}`
      const timer = setTimeout(() => {
        this.held.delete(timer)
        this.enqueue({
          path: event.path,
          key,
          body: () => body,
          ...(copy === 0 && event.done && { done: event.done }),
        })
      }, this.random() * REORDER_WINDOW_MS)
      this.held.add(timer)
    }
  }

  // A key is in `queues` from its first event until its last one is done, and in `ready` while it may start one.
  private pump(): void {
    while (this.inFlight < this.concurrency) {
      const key = this.ready.shift()
      if (key === undefined) return
      const events = this.queues.get(key)
      const event = events?.shift()
      if (events === undefined || event === undefined) continue
      this.queued -= 1
      this.inFlight += 1
      void this.deliver(event).then(() => {
        this.inFlight -= 1
        event.done?.()
        // After a drop the map may hold another queue of the same key, which looks after itself.
        if (this.queues.get(key) === events) {
          if (events.length === 0) this.queues.delete(key)
          else this.ready.push(key)
        }
        this.pump()
        this.release()
      })
    }
  }

  private async deliver(event: WebhookEvent): Promise<void> {
    const body = event.body()
    if (body === null) return
    await this.post({ path: event.path, key: event.key, body })
    if (this.reorder || !this.isDuplicateDue()) return
    await this.post({ path: event.path, key: event.key, body })
  }

  private isDuplicateDue(): boolean {
    this.duplicateDue += this.duplicateShare
    if (this.duplicateDue < 1) return false
    this.duplicateDue -= 1
    this.duplicates += 1
    return true
  }

  private record(outcome: WebhookOutcome): WebhookOutcome {
    if (outcome.status !== null && outcome.status >= 200 && outcome.status < 300) this.delivered += 1
    else this.failed += 1
    this.outcomes.push(outcome)
    if (this.outcomes.length >= 2 * OUTCOMES_MAX) this.outcomes.splice(0, OUTCOMES_MAX)
    return outcome
  }

  private release(): void {
    if (!this.isIdle) return
    const { waiters } = this
    this.waiters = []
    for (const resolve of waiters) resolve()
  }

  private agentFor(url: URL): Http.Agent {
    this.agent ??=
      url.protocol === "https:"
        ? new Https.Agent({ keepAlive: this.keepAlive })
        : new Http.Agent({ keepAlive: this.keepAlive })
    return this.agent
  }

  /** Park and Miller: the same sequence in every run. */
  private random(): number {
    this.randomState = (this.randomState * 48_271) % 2_147_483_647
    return this.randomState / 2_147_483_647
  }
}
