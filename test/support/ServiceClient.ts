/** Speaks to the service over a fixed number of sockets that stay open. */
import type { IncomingHttpHeaders } from "node:http"
import { Agent, request } from "node:http"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { SignJWT } from "jose"
import { SIGNING_KEY } from "./ServiceProcess.ts"
import { SECRET } from "./TestService.ts"

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly body: any
  readonly elapsedMs: number
}

/** The connection was refused or ended before the whole answer. */
export class Unanswered extends Data.TaggedError("Unanswered")<{ readonly cause: unknown }> {}

export interface ServiceClient {
  readonly get: (url: string) => Effect.Effect<Answer, Unanswered>
  /** A webhook as Bitrix would send it. */
  readonly post: (serviceUrl: string, event: object) => Effect.Effect<Answer, Unanswered>
}

const TIMEOUT_MS = 30_000

/** Its requests carry a token of a director of the shop. */
export const make = Effect.fnUntraced(function* (shopId: number, socketsMax: number) {
  const token = yield* Effect.promise(() => tokenOf(shopId))
  const agent = yield* Effect.acquireRelease(
    Effect.sync(() => new Agent({ keepAlive: true, maxSockets: socketsMax, maxFreeSockets: socketsMax })),
    (agent) => Effect.sync(() => agent.destroy()),
  )
  const exchange = (method: string, url: string, headers: Record<string, string>, body: string) =>
    Effect.callback<Answer, Unanswered>((resume) => {
      const startMs = performance.now()
      const fail = (cause: unknown) => resume(Effect.fail(new Unanswered({ cause })))
      const sent = request(url, { agent, method, headers, timeout: TIMEOUT_MS }, (response) => {
        const chunks: Array<Buffer> = []
        response.on("data", (chunk) => chunks.push(chunk))
        response.on("error", fail)
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString()
          const elapsedMs = performance.now() - startMs
          const { statusCode: status = 0, headers } = response
          resume(Effect.succeed({ status, headers, text, body: JSON.parse(text), elapsedMs }))
        })
      })
      sent.on("timeout", () => sent.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)))
      sent.on("error", fail)
      sent.end(body)
      return Effect.sync(() => sent.destroy())
    })

  return {
    get: (url) => exchange("GET", url, { authorization: `Bearer ${token}` }, ""),
    post: (serviceUrl, event) =>
      exchange(
        "POST",
        `${serviceUrl}/api/v1/webhooks/order-status-sync`,
        { "content-type": "application/json", "x-webhook-secret": SECRET },
        JSON.stringify(event),
      ),
  } satisfies ServiceClient
})

const tokenOf = (shopId: number): Promise<string> =>
  new SignJWT({ sub: "2", user_id: 2, phone: "+70000000012", role: "DIRECTOR", shop_id: shopId })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setIssuedAt()
    .setExpirationTime("1 hour")
    .sign(new TextEncoder().encode(SIGNING_KEY))
