/**
 * Wraps the serving of every request, sending included: request id, root span under the caller's `traceparent`,
 * Prometheus series. The answer names both: `X-Request-ID` always, `traceparent` when tracing is on.
 *
 *   http_requests_total{method,endpoint,status}
 *   http_request_duration_seconds{method,endpoint}
 *   http_errors_total{method,endpoint,error_type}
 *
 * The names are those of the old service; `endpoint` is the route template, not the raw path. `/metrics` does not
 * count itself. Nothing of the request but its method, template and id goes to logs and spans.
 */
import { randomUUID } from "node:crypto"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpTraceContext from "effect/http/HttpTraceContext"
import * as Metric from "effect/Metric"
import type * as Option from "effect/Option"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import * as LatencyBudget from "./LatencyBudget.ts"
import type { RequestFacts } from "./RequestInfo.ts"
import { RequestInfo } from "./RequestInfo.ts"
import type { RouteTable } from "./RouteTable.ts"
import { traceParent } from "./traceParent.ts"

export const make =
  (routes: RouteTable) =>
  <E, R>(serve: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
    Effect.withFiber<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest>(
      (fiber) => {
        const request = Context.getUnsafe(fiber.context, HttpServerRequest.HttpServerRequest)
        const clock = fiber.getRef(Clock.Clock)
        const info: RequestFacts = {
          requestId: requestIdOf(request.headers["x-request-id"]),
          method: request.method,
          route: routes.template(pathOf(request.url)),
          startNanos: clock.currentTimeNanosUnsafe(),
          respondNanos: null,
        }
        const span = fiber.getRef(References.TracerEnabled)
          ? startSpan(fiber.getRef(Tracer.Tracer), info, HttpTraceContext.fromHeaders(request.headers))
          : undefined
        HttpEffect.appendPreResponseHandlerUnsafe(fiber.context, (_request, response) => {
          const named = HttpServerResponse.setHeader(response, "x-request-id", info.requestId)
          return Effect.succeed(
            span === undefined
              ? named
              : HttpServerResponse.setHeader(named, "traceparent", traceParent(span)),
          )
        })
        const described = Effect.provideService(serve, RequestInfo, info)
        const traced =
          span === undefined ? described : Effect.provideService(described, Tracer.ParentSpan, span)
        return Effect.onExit(traced as Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>, (exit) =>
          Effect.flatMap(recordRespond(info, span, clock), () => finish(info, span, clock, exit)),
        )
      },
    )

const startSpan = (
  tracer: Tracer.Tracer,
  { method, route, startNanos }: RequestFacts,
  caller: Option.Option<Tracer.ExternalSpan>,
): Tracer.Span =>
  tracer.span({
    name: `${method} ${route}`,
    parent: caller,
    annotations: Context.empty(),
    links: [],
    startTime: startNanos,
    kind: "server",
    root: false,
    sampled: caller._tag === "None" || caller.value.sampled,
  })

const recordRespond = (info: RequestFacts, span: Tracer.Span | undefined, clock: Clock.Clock) => {
  if (info.respondNanos === null) return Effect.void
  const respond = LatencyBudget.record("webhook.respond", info.respondNanos, clock.currentTimeNanosUnsafe())
  return span === undefined ? respond : Effect.provideService(respond, Tracer.ParentSpan, span)
}

const finish = (
  info: RequestFacts,
  span: Tracer.Span | undefined,
  clock: Clock.Clock,
  exit: Exit.Exit<HttpServerResponse.HttpServerResponse, unknown>,
): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const endNanos = clock.currentTimeNanosUnsafe()
    const status = exit._tag === "Success" ? exit.value.status : statusOfFailure(exit)
    if (info.respondNanos !== null) {
      LatencyBudget.mark(span, "webhook.total", info.startNanos, endNanos, fiber.context)
    }
    count(info, status, Number(endNanos - info.startNanos) / 1e9, fiber.context)
    if (span === undefined) return Effect.void
    span.attribute("http.request.method", info.method)
    span.attribute("http.route", info.route)
    span.attribute("http.response.status_code", status)
    span.attribute("request.id", info.requestId)
    if (status >= 500) span.attribute("error", true)
    span.end(endNanos, exit._tag === "Success" ? succeeded : exit)
    return Effect.void
  })

const succeeded: Exit.Exit<void> = Exit.void

/** A request that ends without an answer was left by its client. */
const statusOfFailure = (exit: Exit.Exit<unknown, unknown>): number =>
  exit._tag === "Failure" && Cause.hasInterruptsOnly(exit.cause) ? CLIENT_CLOSED_REQUEST : 500
const CLIENT_CLOSED_REQUEST = 499

const count = (
  info: RequestFacts,
  status: number,
  seconds: number,
  context: Context.Context<never>,
): void => {
  if (info.route === "/metrics") return
  const series = seriesOf(`${info.method} ${info.route}`, info)
  series.duration.updateUnsafe(seconds, context)
  requestCounter(series, status).updateUnsafe(1, context)
  if (status >= 400) series[status >= 500 ? "serverErrors" : "clientErrors"].updateUnsafe(1, context)
}

interface Series {
  readonly duration: Metric.Metric<number, unknown>
  readonly requestsByStatus: Map<number, Metric.Metric<number, unknown>>
  readonly clientErrors: Metric.Metric<number, unknown>
  readonly serverErrors: Metric.Metric<number, unknown>
  readonly attributes: { readonly method: string; readonly endpoint: string }
}

// Looking a labelled metric up costs more than updating it.
const seriesByName = new Map<string, Series>()

const seriesOf = (name: string, { method, route }: RequestFacts): Series => {
  const known = seriesByName.get(name)
  if (known !== undefined) return known
  const attributes = { method, endpoint: route }
  const made: Series = {
    duration: Metric.withAttributes(durations, attributes),
    requestsByStatus: new Map(),
    clientErrors: Metric.withAttributes(errors, { ...attributes, error_type: "client_error" }),
    serverErrors: Metric.withAttributes(errors, { ...attributes, error_type: "server_error" }),
    attributes,
  }
  seriesByName.set(name, made)
  return made
}

const requestCounter = (series: Series, status: number) => {
  const known = series.requestsByStatus.get(status)
  if (known !== undefined) return known
  const made = Metric.withAttributes(requests, { ...series.attributes, status: String(status) })
  series.requestsByStatus.set(status, made)
  return made
}

const requests = Metric.counter("http_requests_total", {
  description: "HTTP requests answered",
  incremental: true,
})
const errors = Metric.counter("http_errors_total", {
  description: "HTTP requests answered 4xx or 5xx",
  incremental: true,
})
const durations = Metric.histogram("http_request_duration_seconds", {
  description: "Time from the request's headers to the end of its answer",
  boundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
})

/** The caller's id when it is harmless to echo and to log. */
const requestIdOf = (given: string | undefined): string =>
  given !== undefined && /^[\w.:-]{1,128}$/.test(given) ? given : `req_${randomUUID().slice(-12)}`

const pathOf = (url: string): string => {
  const end = url.search(/[?#;]/)
  return end === -1 ? url : url.slice(0, end)
}
