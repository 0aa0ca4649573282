/**
 * Asks over keep-alive connections, with as little work per request as can be: it shares its core with PostgreSQL and
 * the simulator. Every change is a price that the product never had; only the answer that says so counts.
 */
import { complete, listItem, tengeText } from "../../test/simulators/bitrix/SimProduct.ts"
import * as LeanHttp from "../../test/support/LeanHttp.ts"
import * as Pace from "../pace.ts"
import type { Goods } from "./goods.ts"

export interface Job extends Pace.Pace {
  readonly url: string
  readonly kind: "list" | "edit" | "event"
  /** Path and credential. */
  readonly path: string
  readonly credential: string
  readonly goods: Goods
  readonly connections: number
}

export type Outcome = Pace.Paced

const FIRST_PRICE_TENGE = 10_000
const EVENT_ID_PREFIX = crypto.randomUUID().slice(0, 8)
const PAGE = 20

let changes = 0

const run = async (job: Job): Promise<Outcome> => {
  const clients = Array.from({ length: job.connections }, () => LeanHttp.open(job.url))
  const outcome = await Pace.run(clients, job, async (client) => {
    const { request, expected } = next(job)
    const answer = await client.ask(request)
    return answer?.status === 200 && expected(answer.body) ? null : LeanHttp.inWords(answer)
  })
  for (const client of clients) client.close()
  return outcome
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
