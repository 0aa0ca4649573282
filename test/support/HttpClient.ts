/**
 * An HTTP client that sends exactly what it is told: any method, no header of its own, any bytes, with or without a
 * length. Answers are read whole; connections are kept and used again.
 */
import * as http from "node:http"

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
  /** Whether it came over a connection that had served before. */
  readonly isReused: boolean
}

export interface HttpClient {
  readonly send: (request: Sent) => Promise<Received>
  readonly close: () => void
}

export const makeHttpClient = (url: string, connectionsMax = 1): HttpClient => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connectionsMax, maxFreeSockets: connectionsMax })
  const { hostname, port } = new URL(url)

  const send = ({ method = "GET", path = "/", headers = {}, body, isChunked = false }: Sent) =>
    new Promise<Received>((resolve, reject) => {
      const bytes = typeof body === "string" ? Buffer.from(body) : body
      const request = http.request({ agent, hostname, port, method, path, headers: { ...headers } })
      if (bytes !== undefined && !isChunked) request.setHeader("content-length", String(bytes.length))
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
            isReused: request.reusedSocket,
          })
        })
      })
      request.once("error", reject)
      if (bytes !== undefined && isChunked) {
        for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
          request.write(bytes.subarray(start, start + CHUNK_BYTES))
        }
      }
      request.end(isChunked ? undefined : bytes)
    })

  return { send, close: () => agent.destroy() }
}

const CHUNK_BYTES = 65_536

const jsonOrUndefined = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
