/**
 * Spans as OTLP/HTTP JSON, encoded some at a time so that the exporter can let requests through in between.
 *
 * Of a failure the type leaves the process, and the message only when it is one of our named facts ("OrderNotFound").
 * A tag that ends in "Error" wraps a failure from outside, whose message may quote a body, a row or a URL, and a
 * defect may say anything: both give their type alone. Stack traces and the causes of log lines never leave.
 */
import type * as Cause from "effect/Cause"
import * as Option from "effect/Option"
import * as OtlpResource from "effect/observability/OtlpResource"
import type * as Tracer from "effect/Tracer"
import type { SpanEvent, TailSpan } from "./TailTracer.ts"

const charsMax = 4096
const linksMax = 128

/** Elements of the `spans` array; the spans must have ended. */
export const encodeSpans = (spans: ReadonlyArray<TailSpan>): Uint8Array =>
  utf8.encode(stringify(spans.map(toOtlp)).slice(1, -1))

/** The body of one export, of spans encoded in one or more goes. */
export const encodeExport = (
  resource: OtlpResource.Resource,
  spans: ReadonlyArray<Uint8Array>,
): Uint8Array => {
  const head = `{"resourceSpans":[{"resource":${stringify(resource)},"scopeSpans":[{"scope":{"name":"cvety"},"spans":[`
  const parts = [utf8.encode(head), ...spans.flatMap((part, i) => (i === 0 ? [part] : [comma, part])), tail]
  const body = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0))
  let offset = 0
  for (const part of parts) {
    body.set(part, offset)
    offset += part.length
  }
  return body
}

const utf8 = new TextEncoder()
const comma = utf8.encode(",")
const tail = utf8.encode("]}]}]}")

/** What is empty or nought is left out, as in protobuf. */
const toOtlp = (span: TailSpan) => {
  const { status } = span
  if (status._tag === "Started") throw new Error(`span "${span.name}" has not ended`)
  const failures = status.exit._tag === "Failure" ? failuresOf(status.exit.cause) : []
  const events = (span.recordedEvents ?? []).map(encodeEvent)
  for (const failure of failures) events.push(exceptionEvent(failure, status.endTime))
  return {
    traceId: span.traceId.padStart(32, "0"),
    spanId: span.spanId,
    parentSpanId: Option.isSome(span.parent) ? span.parent.value.spanId : undefined,
    name: span.name,
    kind: kinds[span.kind],
    startTimeUnixNano: String(status.startTime),
    endTimeUnixNano: String(status.endTime),
    attributes: span.recordedAttributes === undefined ? undefined : keyValues(span.recordedAttributes),
    droppedAttributesCount: span.attributesDropped || undefined,
    events: events.length > 0 ? events : undefined,
    droppedEventsCount: span.eventsDropped || undefined,
    links: span.links.length > 0 ? span.links.slice(0, linksMax).map(encodeLink) : undefined,
    droppedLinksCount: span.links.length > linksMax ? span.links.length - linksMax : undefined,
    status: span.isError ? { code: 2, message: failures[0]?.message ?? failures[0]?.type } : undefined,
  }
}

const kinds: Record<Tracer.SpanKind, number> = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 }

const encodeEvent = (event: SpanEvent) => ({
  name: event.name.slice(0, charsMax),
  timeUnixNano: String(event.time),
  attributes: keyValues(Object.entries(event.attributes ?? {}).filter(([key]) => key !== "effect.cause")),
})

const exceptionEvent = (failure: Failure, endTime: bigint) => ({
  name: "exception",
  timeUnixNano: String(endTime),
  attributes: keyValues([
    ["exception.type", failure.type],
    ...(failure.message === undefined ? [] : [["exception.message", failure.message] as const]),
  ]),
})

const encodeLink = (link: Tracer.SpanLink) => ({
  traceId: link.span.traceId.padStart(32, "0"),
  spanId: link.span.spanId,
  attributes: keyValues(Object.entries(link.attributes)),
})

interface Failure {
  readonly type: string
  readonly message: string | undefined
}

const failuresOf = (cause: Cause.Cause<unknown>): ReadonlyArray<Failure> =>
  cause.reasons.flatMap((reason): ReadonlyArray<Failure> => {
    switch (reason._tag) {
      case "Interrupt":
        return []
      case "Die":
        return [{ type: typeOf(reason.defect), message: undefined }]
      case "Fail":
        return [{ type: typeOf(reason.error), message: messageOf(reason.error) }]
    }
  })

const typeOf = (error: unknown): string => {
  if (typeof error !== "object" || error === null) return typeof error
  if ("_tag" in error && typeof error._tag === "string") return error._tag
  return "name" in error && typeof error.name === "string" ? error.name : "object"
}

const messageOf = (error: unknown): string | undefined => {
  if (typeof error !== "object" || error === null) return undefined
  if (!("_tag" in error) || typeof error._tag !== "string" || error._tag.endsWith("Error")) return undefined
  if (!("message" in error) || typeof error.message !== "string" || error.message === "") return undefined
  return error.message.slice(0, charsMax)
}

const keyValues = (entries: Iterable<readonly [string, unknown]>): Array<OtlpResource.KeyValue> => {
  const encoded: Array<OtlpResource.KeyValue> = []
  for (const [key, value] of entries) {
    const any = OtlpResource.unknownToAttributeValue(value)
    if (typeof any.stringValue === "string") any.stringValue = any.stringValue.slice(0, charsMax)
    encoded.push({ key, value: any })
  }
  return encoded
}

/** JSON.stringify writes NaN and Infinity as null, OTLP wants their names. */
const stringify = (value: unknown): string => {
  const json = JSON.stringify(value)
  return json.includes("null") ? JSON.stringify(value, nameNonFinite) : json
}

const nameNonFinite = (_key: string, value: unknown): unknown =>
  typeof value === "number" && !Number.isFinite(value) ? String(value) : value
