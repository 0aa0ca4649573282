/**
 * An HTTP client that sends exactly what it is told: any method, no header of its own, any bytes, with or without a
 * length. Connections are kept and used again.
 */
import * as http from "node:http"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { SECRET } from "./TestService.ts"

export const WEBHOOK = "/api/v1/webhooks/order-status-sync"

export interface Sent {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Sends the body in pieces, without `content-length`. */
  readonly isChunked?: boolean
}

export interface Received {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly text: string
  /** The text as JSON; undefined when it is none. */
  readonly body: any
}

export interface RawHttp {
  readonly exchange: (request: Sent) => Promise<Received>
  readonly send: (request: Sent) => Effect.Effect<Received>
  /** POST to the webhook with the secret and no other header than those given. */
  readonly webhook: (body: string | Uint8Array, more?: Omit<Sent, "body">) => Effect.Effect<Received>
}

/** `connectionsMax` requests are under way at once; the others queue for a connection. */
export const make = (url: string, connectionsMax = 1): Effect.Effect<RawHttp, never, Scope.Scope> =>
  Effect.gen(function* () {
    const agent = yield* Effect.acquireRelease(
      Effect.sync(
        () => new http.Agent({ keepAlive: true, maxSockets: connectionsMax, maxFreeSockets: connectionsMax }),
      ),
      (agent) => Effect.sync(() => agent.destroy()),
    )
    const exchange = (request: Sent) => exchangeOver(agent, new URL(url), request)
    const send = (request: Sent) => Effect.promise(() => exchange(request))
    return {
      exchange,
      send,
      webhook: (body, { headers = {}, ...more } = {}) =>
        send({
          method: "POST",
          path: WEBHOOK,
          ...more,
          headers: { "x-webhook-secret": SECRET, ...headers },
          body,
        }),
    }
  })

const exchangeOver = (
  agent: http.Agent,
  { hostname, port }: URL,
  { method = "GET", path = "/", headers = {}, body, isChunked = false }: Sent,
): Promise<Received> =>
  new Promise((resolve, reject) => {
    const bytes = typeof body === "string" ? Buffer.from(body) : body
    const request = http.request({ agent, hostname, port, method, path, headers })
    // Left to itself, Node frames no body of a GET or a DELETE.
    if (isChunked) request.setHeader("transfer-encoding", "chunked")
    else if (bytes !== undefined) request.setHeader("content-length", String(bytes.length))
    request.once("error", reject)
    request.once("response", (response) => {
      const chunks: Array<Buffer> = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.once("error", reject)
      response.once("end", () => {
        const text = Buffer.concat(chunks).toString()
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          body: jsonOrUndefined(text),
        })
      })
    })
    if (bytes !== undefined && isChunked) {
      for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
        request.write(bytes.subarray(start, start + CHUNK_BYTES))
      }
    }
    request.end(isChunked ? undefined : bytes)
  })

const CHUNK_BYTES = 65_536

const jsonOrUndefined = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
