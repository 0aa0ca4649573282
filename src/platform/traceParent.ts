import type { AnySpan } from "effect/Tracer"
import * as Tracer from "effect/Tracer"

/** A span as the W3C header `traceparent`, which also travels in inbox and outbox rows. */
export const traceParent = (span: AnySpan): string =>
  `00-${span.traceId}-${span.spanId}-${span.sampled ? "01" : "00"}`

/** The other way: what a row tells of is part of the trace that wrote it. */
export const parentSpan = (text: string | null): { readonly parent?: AnySpan } => {
  const [, traceId, spanId, flags] = TRACE_PARENT.exec(text ?? "") ?? []
  return traceId === undefined || spanId === undefined
    ? {}
    : { parent: Tracer.externalSpan({ traceId, spanId, sampled: flags === "01" }) }
}
const TRACE_PARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/
