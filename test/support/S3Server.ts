/**
 * A bucket on a port of its own that verifies signatures (`SigV4.ts`) and can be told to misbehave.
 *
 *   hang          takes the request and never answers
 *   reset         resets the connection instead of answering
 *   reset mid     resets it in the middle of the content
 *   silent mid    stops in the middle of the content and says nothing more
 *   refuse        answers with a status, and `Retry-After` when told to
 *   page          answers 200 with a page of HTML, as a proxy in between would
 */
import { createHash } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout } from "node:timers/promises"
import * as Effect from "effect/Effect"
import type { Credentials } from "./SigV4.ts"
import * as SigV4 from "./SigV4.ts"

export type Misbehaviour =
  | { readonly kind: "hang" | "reset" | "reset mid" | "silent mid" | "page" }
  | { readonly kind: "refuse"; readonly status: number; readonly retryAfter?: string }

interface Kept {
  readonly bytes: Buffer
  readonly contentType: string
  modifiedAt: Date
}

export interface Asked {
  readonly method: string
  readonly key: string
  readonly status: number
}

const BUCKET = "pictures"
const CREDENTIALS: Credentials = {
  accessKeyId: "test-access-key",
  secretAccessKey: "test+secret/key=",
  region: "auto",
}

export class S3Server {
  /** Lives as long as the scope. */
  static readonly start = Effect.acquireRelease(
    Effect.promise(async () => {
      const server = new S3Server()
      await new Promise<void>((resolve) => server.http.listen(0, "127.0.0.1", resolve))
      return server
    }),
    (server) =>
      Effect.promise(() => {
        server.http.closeAllConnections()
        return new Promise<void>((resolve) => server.http.close(() => resolve()))
      }),
  )

  readonly objects = new Map<string, Kept>()
  /** What was answered, in order. */
  readonly asked: Array<Asked> = []
  /** How long a method takes. */
  latencyMs: (method: string) => number = () => 0
  private readonly awaited: Array<{ readonly on: RegExp; readonly misbehaviour: Misbehaviour }> = []
  private readonly http = createServer((request, response) => void this.serve(request, response))

  get settings() {
    return {
      R2_ENDPOINT: `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`,
      R2_BUCKET: BUCKET,
      R2_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      R2_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    }
  }

  /** What the next requests like `GET picture.jpg` meet, one after the other. */
  misbehave(on: RegExp, ...misbehaviours: ReadonlyArray<Misbehaviour>): void {
    this.awaited.push(...misbehaviours.map((misbehaviour) => ({ on, misbehaviour })))
  }

  /** How many have not been met yet. */
  get awaitedCount(): number {
    return this.awaited.length
  }

  /** How often the method was used on keys that match. */
  count(method: string, key = /./): number {
    return this.asked.filter((one) => one.method === method && key.test(one.key)).length
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Array<Buffer> = []
    try {
      for await (const chunk of request) chunks.push(chunk)
    } catch {
      return
    }
    const body = Buffer.concat(chunks)
    const url = new URL(request.url ?? "", "http://bucket")
    const key = decodeURIComponent(url.pathname).replace(`/${BUCKET}`, "").replace(/^\//, "")
    const method = request.method ?? ""
    const index = this.awaited.findIndex(({ on }) => on.test(`${method} ${key}`))
    const [{ misbehaviour } = { misbehaviour: undefined }] = index < 0 ? [] : this.awaited.splice(index, 1)
    response.once("close", () => this.asked.push({ method, key, status: response.statusCode }))
    if (misbehaviour !== undefined && isAnswered(misbehaviour, response)) return
    const latencyMs = this.latencyMs(method)
    if (latencyMs > 0) await setTimeout(latencyMs)
    const bodySha256 = createHash("sha256").update(body).digest("hex")
    const refusal = SigV4.refusalOf(request, bodySha256, CREDENTIALS)
    if (refusal !== undefined)
      return refuse(response, refusal === "XAmzContentSHA256Mismatch" ? 400 : 403, refusal)
    if (!url.pathname.startsWith(`/${BUCKET}`)) return refuse(response, 404, "NoSuchBucket")
    if (key === "") return this.list(response, url.searchParams)
    if (method === "PUT") return this.put(request, response, key, body)
    if (method === "DELETE") {
      this.objects.delete(key)
      response.writeHead(204).end()
      return
    }
    this.give(request, response, key, misbehaviour?.kind)
  }

  private put(request: IncomingMessage, response: ServerResponse, key: string, body: Buffer): void {
    if (request.headers["content-length"] === undefined) return refuse(response, 411, "MissingContentLength")
    const contentType = String(request.headers["content-type"] ?? "application/octet-stream")
    this.objects.set(key, { bytes: body, contentType, modifiedAt: new Date() })
    response.writeHead(200, { etag: etagOf(body) }).end()
  }

  private give(
    request: IncomingMessage,
    response: ServerResponse,
    key: string,
    kind: string | undefined,
  ): void {
    const object = this.objects.get(key)
    if (object === undefined) return refuse(response, 404, "NoSuchKey")
    const etag = etagOf(object.bytes)
    if (request.headers["if-none-match"] === etag) {
      response.writeHead(304, { etag }).end()
      return
    }
    response.writeHead(200, {
      etag,
      "content-type": object.contentType,
      "content-length": object.bytes.length,
      "last-modified": object.modifiedAt.toUTCString(),
    })
    if (kind !== "reset mid" && kind !== "silent mid") {
      response.end(request.method === "HEAD" ? undefined : object.bytes)
      return
    }
    response.write(object.bytes.subarray(0, object.bytes.length / 2), () => {
      if (kind === "reset mid") response.socket?.resetAndDestroy()
    })
  }

  private list(response: ServerResponse, query: URLSearchParams): void {
    const limit = Number(query.get("max-keys") ?? 1_000)
    const after = Buffer.from(query.get("continuation-token") ?? "", "base64").toString()
    const keys = [...this.objects.keys()]
      .filter((key) => key.startsWith(query.get("prefix") ?? "") && key > after)
      .toSorted()
    const page = keys.slice(0, limit)
    const contents = page.map((key) => {
      const object = this.objects.get(key)
      return `<Contents><Key>${encodeURIComponent(key)}</Key><LastModified>${object?.modifiedAt.toISOString()}</LastModified><ETag>&quot;x&quot;</ETag><Size>${object?.bytes.length}</Size></Contents>`
    })
    const token = Buffer.from(page.at(-1) ?? "").toString("base64")
    const more =
      keys.length > limit
        ? `<IsTruncated>true</IsTruncated><NextContinuationToken>${token}</NextContinuationToken>`
        : "<IsTruncated>false</IsTruncated>"
    response.writeHead(200, { "content-type": "application/xml" })
    response.end(
      `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${more}${contents.join("")}</ListBucketResult>`,
    )
  }
}

/** Whether that was the answer. */
const isAnswered = (misbehaviour: Misbehaviour, response: ServerResponse): boolean => {
  switch (misbehaviour.kind) {
    case "hang":
      return true
    case "reset":
      response.socket?.resetAndDestroy()
      return true
    case "page":
      response.writeHead(200, { "content-type": "text/html" }).end("<html><body>Log in</body></html>")
      return true
    case "refuse": {
      const { status, retryAfter } = misbehaviour
      refuse(response, status, "SlowDown", retryAfter === undefined ? {} : { "retry-after": retryAfter })
      return true
    }
    default:
      return false
  }
}

const refuse = (response: ServerResponse, status: number, code: string, headers: object = {}): void => {
  response.writeHead(status, { "content-type": "application/xml", ...headers })
  response.end(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code></Error>`)
}

const etagOf = (bytes: Buffer): string => `"${createHash("md5").update(bytes).digest("hex")}"`
