import type { WebhookTarget } from "./WebhookSender.ts"

export interface SimulatorOptions {
  /** 0 takes a free one. */
  readonly port?: number
  readonly basePath?: string
  readonly token: string
  readonly webhook?: WebhookTarget
  /** Answers 500 to a GET or DELETE that carries a Content-Type. */
  readonly strictContentType?: boolean
  /** `/products`, `/orders` and `/orders/detail` are sent to their form with a slash. */
  readonly slashRedirects?: boolean
  readonly slashRedirectStatus?: 301 | 307
  readonly pageMax?: number
  /** A write by `update-from-railway` fires its own update event; so it does by default. */
  readonly echo?: boolean
  /** Events carry `event_id` and `occurred_at`; false plays the legacy handler. */
  readonly eventMetadata?: boolean
  /** Event ids begin with it; random by default, so that two simulators never collide in one inbox. */
  readonly eventPrefix?: string
  /** A write answers only after its event was delivered, as a PHP handler inside the request makes it. */
  readonly inlineEvents?: boolean
  /** Really downloads the image that `update-from-railway` is given. */
  readonly fetchImages?: boolean
  /** Every download is a new file, even of a URL seen before. */
  readonly freshCopies?: boolean
  /** The list tells the description as well. */
  readonly descriptionInList?: boolean
  /** `?id=` of an inactive product lists nothing; its events then are not sent either. */
  readonly hideInactiveById?: boolean
  /** How `update-from-railway` reports success. */
  readonly updateAnswer?: "status" | "success" | "diagram"
  readonly deleteAnswer?: 200 | 204
  /** Orders only move along the documented path. */
  readonly enforceTransitions?: boolean
  readonly latencyMs?: number
  readonly requestsMax?: number
  readonly webhookConcurrency?: number
  readonly webhookKeepAlive?: boolean
  readonly cities?: Readonly<Record<number, string>>
}

export interface Settings extends Required<Omit<SimulatorOptions, "webhook" | "echo">> {
  readonly webhook: WebhookTarget | undefined
  readonly echo: boolean
}

const REQUESTS_MAX = 10_000
const PAGE_MAX = 100
const WEBHOOK_CONCURRENCY = 8

export const settle = (options: SimulatorOptions): Settings => ({
  port: 0,
  basePath: "/api/v2",
  strictContentType: false,
  slashRedirects: true,
  slashRedirectStatus: 301,
  pageMax: PAGE_MAX,
  echo: true,
  eventMetadata: true,
  eventPrefix: crypto.randomUUID().slice(0, 8),
  inlineEvents: false,
  fetchImages: false,
  freshCopies: false,
  descriptionInList: false,
  hideInactiveById: false,
  updateAnswer: "status",
  deleteAnswer: 200,
  enforceTransitions: false,
  latencyMs: 0,
  requestsMax: REQUESTS_MAX,
  webhookConcurrency: WEBHOOK_CONCURRENCY,
  webhookKeepAlive: true,
  cities: { 1: "almaty", 2: "astana", 3: "shymkent", 4: "karaganda", 5: "aktobe" },
  webhook: undefined,
  ...options,
})
