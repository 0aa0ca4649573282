/**
 * Asks over keep-alive connections, with as little work per request as can be: it shares its core with PostgreSQL and
 * the simulator. Every change is a price that the product never had; only the answer that says so counts.
 *
 *   closed loop   every connection asks again as soon as it was answered
 *   steady        so many requests per second, however long they take; latency counts from when one was due
 */

import { complete, listItem, tengeText } from "../../test/simulators/bitrix/SimProduct.ts"
import * as LeanHttp from "../../test/support/LeanHttp.ts"
import type { Goods } from "./goods.ts"

export interface Job {
  readonly url: string
  readonly kind: "list" | "edit" | "event"
  /** Path and credential. */
  readonly path: string
  readonly credential: string
  readonly goods: Goods
  readonly connections: number
  readonly seconds: number
  /** Null for a closed loop. */
  readonly perSecond: number | null
}

export interface Outcome {
  readonly latenciesMs: ReadonlyArray<number>
  readonly failureCount: number
  readonly firstFailure: string | null
  readonly seconds: number
}

const FAILURES_MAX = 20
const FIRST_PRICE_TENGE = 10_000
const EVENT_ID_PREFIX = crypto.randomUUID().slice(0, 8)
const PAGE = 20

let changes = 0

const run = async (job: Job): Promise<Outcome> => {
  const clients = Array.from({ length: job.connections }, () => LeanHttp.open(job.url))
  const latenciesMs: Array<number> = []
  const failures: Array<string> = []
  const startMs = performance.now()
  const endMs = startMs + job.seconds * 1e3
  const intervalMs = job.perSecond === null ? 0 : 1e3 / job.perSecond
  let due = 0
  const ask = async (client: (typeof clients)[number], sinceMs: number) => {
    const { request, expected } = next(job)
    const answer = await client.ask(request)
    if (answer?.status === 200 && expected(answer.body)) latenciesMs.push(performance.now() - sinceMs)
    else failures.push(answer === null ? "no answer" : `${answer.status} ${answer.body.slice(0, 300)}`)
  }
  const loop = async (client: (typeof clients)[number]) => {
    while (performance.now() < endMs && failures.length < FAILURES_MAX) {
      if (intervalMs === 0) {
        await ask(client, performance.now())
        continue
      }
      const dueMs = startMs + due++ * intervalMs
      if (dueMs >= endMs) return
      const waitMs = dueMs - performance.now()
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
      // A timer that fires late is the load's own lateness, not the server's.
      await ask(client, waitMs > 0 ? performance.now() : dueMs)
    }
  }
  await Promise.all(clients.map(loop))
  for (const client of clients) client.close()
  return {
    latenciesMs,
    failureCount: failures.length,
    firstFailure: failures[0] ?? null,
    seconds: (performance.now() - startMs) / 1e3,
  }
}

const next = (job: Job): { readonly request: string; readonly expected: (body: string) => boolean } => {
  const { kind, path, credential, goods } = job
  if (kind === "list") return { request: LeanHttp.requestText("GET", path), expected: (body) => isPage(body) }
  changes += 1
  const id = goods.from + (changes % goods.count)
  const price = (FIRST_PRICE_TENGE + changes) * 100
  if (kind === "edit") {
    const headers = { authorization: `Bearer ${credential}`, "content-type": "application/json" }
    return {
      request: LeanHttp.requestText("PUT", `${path}/${id}`, headers, `{"price":${price}}`),
      expected: (body) => body.includes(`"price":${price},`),
    }
  }
  const headers = { "x-webhook-secret": credential, "content-type": "application/json" }
  return {
    request: LeanHttp.requestText("POST", path, headers, eventText(id, price)),
    expected: (body) => body.includes('"action":"updated"'),
  }
}

const isPage = (body: string): boolean => body.split('"bitrix_sync"').length === PAGE + 1

// It says nothing of pictures: what is undefined is not written.
const eventText = (id: number, price: number): string =>
  JSON.stringify({
    event_type: "product.updated",
    product_data: {
      ...listItem(complete({ id, price: tengeText(price) }), false),
      image: undefined,
      images: undefined,
    },
    event_id: `${EVENT_ID_PREFIX}-${changes}`,
    occurred_at: new Date().toISOString(),
  })

process.on("message", (job: Job) => {
  run(job).then((outcome) => process.send?.(outcome))
})
process.on("disconnect", () => process.exit(0))
