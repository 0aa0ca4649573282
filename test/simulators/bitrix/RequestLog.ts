/** What arrived, the newest entries only. No secret is kept: tokens are masked, and whether they were right is noted. */
import type { IncomingHttpHeaders } from "node:http"

const BODY_BYTES_MAX = 65_536
const MASK = "***"

export interface LoggedRequest {
  readonly atMs: number
  readonly method: string
  /** With its query, as it came, the token masked. */
  readonly rawPath: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly matchedToken: boolean
  readonly unexpectedHeaders: ReadonlyArray<string>
  /** The client left before its answer was complete. */
  aborted: boolean
}

export class RequestLog {
  private readonly max: number
  private readonly entries: Array<LoggedRequest> = []

  constructor(max: number) {
    this.max = max
  }

  get newest(): ReadonlyArray<LoggedRequest> {
    return this.entries.slice(-this.max)
  }

  add(entry: LoggedRequest): LoggedRequest {
    this.entries.push(entry)
    if (this.entries.length >= 2 * this.max) this.entries.splice(0, this.entries.length - this.max)
    return entry
  }

  clear(): void {
    this.entries.length = 0
  }
}

export const logged = (
  method: string,
  rawPath: string,
  path: string,
  headers: IncomingHttpHeaders,
  body: Buffer,
  matchedToken: boolean,
): LoggedRequest => ({
  atMs: Date.now(),
  method,
  rawPath: rawPath.includes("access_token=")
    ? rawPath.replaceAll(/access_token=[^&]*/g, `access_token=${MASK}`)
    : rawPath,
  path,
  headers: headers.authorization === undefined ? headers : { ...headers, authorization: MASK },
  body: body.length > BODY_BYTES_MAX ? body.subarray(0, BODY_BYTES_MAX) : body,
  matchedToken,
  unexpectedHeaders: unexpectedIn(headers),
  aborted: false,
})

const unexpectedIn = (headers: IncomingHttpHeaders): ReadonlyArray<string> => {
  let unexpected: Array<string> | undefined
  for (const name in headers) if (!KNOWN_HEADERS.has(name)) (unexpected ??= []).push(name)
  return unexpected ?? NONE
}
const NONE: ReadonlyArray<string> = []
const KNOWN_HEADERS = new Set([
  "accept",
  "accept-encoding",
  "accept-language",
  "authorization",
  "b3",
  "connection",
  "content-length",
  "content-type",
  "expect",
  "host",
  "keep-alive",
  "sec-fetch-mode",
  "traceparent",
  "tracestate",
  "transfer-encoding",
  "user-agent",
  "x-city",
  "x-request-id",
])
