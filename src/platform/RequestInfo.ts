/**
 * What is known of the request being served, from its first byte to its last. One mutable record per request: made by
 * HttpObserver, filled in on the way, read for the log, the metrics and the spans.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

export interface RequestFacts {
  readonly requestId: string
  readonly method: string
  /** Route template such as `/api/v1/orders/{order_id}`, never the raw path. */
  readonly route: string
  readonly startNanos: bigint
  /** When a handler with a latency budget was done and only the answer was left to write. */
  respondNanos: bigint | null
}

export class RequestInfo extends Context.Service<RequestInfo, RequestFacts>()("cvety/platform/RequestInfo") {
  /** Starts the hop `respond` of a request that has a latency budget. */
  static readonly beginRespond = Effect.withFiber<void>((fiber) => {
    const info = Context.getOrUndefined(fiber.context, RequestInfo)
    if (info !== undefined) info.respondNanos = fiber.getRef(Clock.Clock).currentTimeNanosUnsafe()
    return Effect.void
  })
}
