import type { AnySpan } from "effect/Tracer"

/** A span as the W3C header `traceparent`, which also travels in inbox and outbox rows. */
export const traceParent = (span: AnySpan): string =>
  `00-${span.traceId}-${span.spanId}-${span.sampled ? "01" : "00"}`
