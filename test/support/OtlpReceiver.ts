/**
 * An OpenTelemetry collector's trace endpoint: real HTTP on a port of its own, bodies decoded with the official
 * generated codec, so that what it accepts a collector accepts.
 *
 *   ok      decodes, keeps, answers 200
 *   hang    takes the request and never answers
 *   503     answers 503, with `retryAfter` when it is set
 *   refuse  the port is closed
 */
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import Codec from "@opentelemetry/otlp-transformer/build/src/generated/root.js"
import * as Effect from "effect/Effect"

type Mode = "ok" | "hang" | "503" | "refuse"

interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly name: string
  readonly kind: string
  readonly startNanos: bigint
  readonly endNanos: bigint
  readonly attributes: Record<string, unknown>
  readonly events: ReadonlyArray<{ readonly name: string; readonly attributes: Record<string, unknown> }>
  readonly links: ReadonlyArray<{ readonly traceId: string; readonly spanId: string }>
  readonly status: { readonly code: string; readonly message: string }
  readonly resource: Record<string, unknown>
}

export class OtlpReceiver {
  static readonly make = Effect.acquireRelease(
    Effect.promise(async () => {
      const receiver = new OtlpReceiver()
      await receiver.setMode("ok")
      return receiver
    }),
    (receiver) => Effect.promise(() => receiver.setMode("refuse")),
  )

  readonly spans: Array<ReceivedSpan> = []
  readonly requests: Array<{ readonly atMs: number; readonly headers: Http.IncomingHttpHeaders }> = []
  /** Bodies that the codec did not take; empty in a healthy test. */
  readonly rejected: Array<string> = []
  retryAfter: string | undefined
  private mode: Mode = "refuse"
  private port = 0
  private server: Http.Server | undefined

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async setMode(mode: Mode): Promise<void> {
    this.mode = mode
    const { server } = this
    if (mode === "refuse" && server !== undefined) {
      this.server = undefined
      await new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      })
    }
    if (mode !== "refuse" && server === undefined) {
      const opened = Http.createServer((request, response) => this.take(request, response))
      await new Promise<void>((resolve) => opened.listen(this.port, "127.0.0.1", resolve))
      this.port = (opened.address() as AddressInfo).port
      this.server = opened
    }
  }

  private take(request: Http.IncomingMessage, response: Http.ServerResponse): void {
    const chunks: Array<Buffer> = []
    request.on("error", () => undefined)
    request.on("data", (chunk) => chunks.push(chunk))
    request.on("end", () => {
      this.requests.push({ atMs: Date.now(), headers: request.headers })
      if (this.mode === "hang") return
      if (this.mode === "503") {
        response.writeHead(503, this.retryAfter === undefined ? {} : { "retry-after": this.retryAfter }).end()
        return
      }
      const problem =
        request.url === "/v1/traces" ? this.keep(Buffer.concat(chunks).toString()) : "wrong path"
      if (problem !== null) this.rejected.push(problem)
      response.writeHead(problem === null ? 200 : 400, { "content-type": "application/json" }).end("{}")
    })
  }

  private keep(body: string): string | null {
    const message = TraceRequest.fromObject(JSON.parse(body, hexIdToBase64))
    const problem = TraceRequest.verify(message)
    if (problem !== null) return problem
    const decoded = TraceRequest.toObject(message, {
      longs: String,
      enums: String,
      bytes: Array,
      defaults: true,
    })
    for (const { resource, scopeSpans } of decoded.resourceSpans) {
      for (const { spans } of scopeSpans) {
        for (const span of spans) this.spans.push(received(span, toRecord(resource.attributes)))
      }
    }
    return null
  }
}

interface KeyValue {
  readonly key: string
  readonly value: Record<string, unknown>
}

interface Decoded {
  readonly traceId: ReadonlyArray<number>
  readonly spanId: ReadonlyArray<number>
  readonly parentSpanId: ReadonlyArray<number>
  readonly name: string
  readonly kind: string
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly attributes: ReadonlyArray<KeyValue>
  readonly events: ReadonlyArray<{ readonly name: string; readonly attributes: ReadonlyArray<KeyValue> }>
  readonly links: ReadonlyArray<{
    readonly traceId: ReadonlyArray<number>
    readonly spanId: ReadonlyArray<number>
  }>
  readonly status: { readonly code: string; readonly message: string } | null
}

const received = (span: Decoded, resource: Record<string, unknown>): ReceivedSpan => ({
  traceId: hex(span.traceId),
  spanId: hex(span.spanId),
  parentSpanId: hex(span.parentSpanId),
  name: span.name,
  kind: span.kind,
  startNanos: BigInt(span.startTimeUnixNano),
  endNanos: BigInt(span.endTimeUnixNano),
  attributes: toRecord(span.attributes),
  events: span.events.map(({ name, attributes }) => ({ name, attributes: toRecord(attributes) })),
  links: span.links.map(({ traceId, spanId }) => ({ traceId: hex(traceId), spanId: hex(spanId) })),
  status: { code: span.status?.code ?? "STATUS_CODE_UNSET", message: span.status?.message ?? "" },
  resource,
})

const hex = (bytes: ReadonlyArray<number>): string => Buffer.from(bytes).toString("hex")

const toRecord = (attributes: ReadonlyArray<KeyValue>): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

/** OTLP/JSON writes ids in hex, the codec's objects hold them in base64. */
const hexIdToBase64 = (key: string, value: unknown): unknown =>
  ["traceId", "spanId", "parentSpanId"].includes(key) && typeof value === "string"
    ? Buffer.from(value, "hex").toString("base64")
    : value

interface TraceCodecs {
  readonly opentelemetry: {
    readonly proto: {
      readonly collector: {
        readonly trace: { readonly v1: { readonly ExportTraceServiceRequest: TraceRequestCodec } }
      }
    }
  }
}

interface TraceRequestCodec {
  readonly fromObject: (value: unknown) => object
  readonly verify: (message: object) => string | null
  readonly toObject: (
    message: object,
    options: object,
  ) => {
    readonly resourceSpans: ReadonlyArray<{
      readonly resource: { readonly attributes: ReadonlyArray<KeyValue> }
      readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<Decoded> }>
    }>
  }
}

const { ExportTraceServiceRequest: TraceRequest } = (Codec as unknown as TraceCodecs).opentelemetry.proto
  .collector.trace.v1
