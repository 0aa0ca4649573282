/**
 * The OpenTelemetry collector that takes our traces, spoken to by OTLP/HTTP JSON.
 *
 *   POST --> 2xx: accepted (it may still reject some spans)
 *        --> 429, 502, 503, 504 or no answer: again, up to `attemptsMax`, later each time and with jitter
 *        --> anything else: refused
 *
 * A send, repetitions included, is given up after OTEL_EXPORTER_OTLP_TIMEOUT. The pause after a failure, and what
 * `Retry-After` asks for (an hour at most), also hold back the sends after it. Our requests to it make no spans.
 */
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { constTrue } from "effect/Function"
import * as Headers from "effect/http/Headers"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as OtlpResource from "effect/observability/OtlpResource"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { encodeExport } from "./SpanJson.ts"

class ExportFailed extends Data.TaggedError("ExportFailed")<{ readonly reason: string }> {}

export class OtlpCollector extends Context.Service<
  OtlpCollector,
  {
    /** Sends what `encodeSpans` made, one call at a time, and answers how many of them the collector rejected. */
    readonly send: (spans: ReadonlyArray<Uint8Array>) => Effect.Effect<number, ExportFailed>
  }
>()("cvety/platform/OtlpCollector") {
  static readonly layer = (endpoint: URL) =>
    Layer.effect(
      OtlpCollector,
      Effect.gen(function* () {
        return make(endpoint, yield* settings, yield* HttpClient.HttpClient)
      }),
    )
}

const attemptsMax = 5
const backoffBaseMs = 500
const retryAfterMaxMs = 3_600_000

const make = (endpoint: URL, settings: Settings, client: HttpClient.HttpClient): OtlpCollector["Service"] => {
  let notBeforeMs = 0

  const post = (request: HttpClientRequest.HttpClientRequest) =>
    client.execute(request).pipe(
      Effect.flatMap((response) => Effect.map(response.text, (text) => answerOf(response, text))),
      Effect.orElseSucceed((): Answer => ({ _tag: "Again", reason: "no answer", afterMs: () => 0 })),
    )

  const postUntilAnswered = Effect.fnUntraced(function* (request: HttpClientRequest.HttpClientRequest) {
    for (let attempt = 1; ; attempt++) {
      const waitMs = notBeforeMs - (yield* Clock.currentTimeMillis)
      if (waitMs > 0) yield* Effect.sleep(waitMs)
      const answer = yield* post(request)
      if (answer._tag === "Accepted") return answer.rejectedCount
      if (answer._tag === "Refused") return yield* new ExportFailed({ reason: answer.reason })
      const nowMs = yield* Clock.currentTimeMillis
      // At most half of the time that a send has, so that the next one gets its try.
      const backoffMs = Math.min(backoffBaseMs * 2 ** attempt, settings.timeoutMs / 2)
      const pauseMs = backoffMs * (0.5 + (yield* Random.next) / 2)
      notBeforeMs = nowMs + Math.max(pauseMs, Math.min(answer.afterMs(nowMs), retryAfterMaxMs))
      if (attempt === attemptsMax) return yield* new ExportFailed({ reason: answer.reason })
    }
  })

  return OtlpCollector.of({
    send: (spans) =>
      HttpClientRequest.post(endpoint, { headers: settings.headers }).pipe(
        HttpClientRequest.bodyUint8Array(encodeExport(settings.resource, spans), "application/json"),
        postUntilAnswered,
        Effect.timeoutOrElse({
          duration: settings.timeoutMs,
          orElse: () => Effect.fail(new ExportFailed({ reason: `no success in ${settings.timeoutMs} ms` })),
        }),
        Effect.provideService(HttpClient.TracerDisabledWhen, constTrue),
      ),
  })
}

type Answer =
  | { readonly _tag: "Accepted"; readonly rejectedCount: number }
  | { readonly _tag: "Again"; readonly reason: string; readonly afterMs: (nowMs: number) => number }
  | { readonly _tag: "Refused"; readonly reason: string }

const answerOf = ({ status, headers }: HttpClientResponse, text: string): Answer => {
  if (status >= 200 && status < 300) return { _tag: "Accepted", rejectedCount: rejectedCount(text) }
  const reason = `status ${status}`
  if (![429, 502, 503, 504].includes(status)) return { _tag: "Refused", reason }
  return { _tag: "Again", reason, afterMs: retryAfterMs(headers["retry-after"]) }
}

const rejectedCount = (text: string): number =>
  Option.match(decodePartialSuccess(text), {
    onNone: () => 0,
    onSome: ({ partialSuccess }) => partialSuccess.rejectedSpans,
  })

const decodePartialSuccess = Schema.decodeUnknownOption(
  Schema.fromJsonString(
    Schema.Struct({
      partialSuccess: Schema.Struct({
        rejectedSpans: Schema.Union([Schema.Finite, Schema.FiniteFromString]),
      }),
    }),
  ),
)

const retryAfterMs =
  (header: string | undefined) =>
  (nowMs: number): number => {
    const parsed = header === undefined ? undefined : Headers.parseRetryAfter(header)
    if (parsed === undefined || Result.isFailure(parsed)) return 0
    return Duration.toMillis(Headers.retryAfterDelay(parsed.success, nowMs))
  }

const orUndefined = <A>(config: Config.Config<A>) => Config.withDefault(config, undefined)

/** A setting of traces alone goes before the one of all signals. */
const firstOf = <A>(named: (name: string) => Config.Config<A>, ofTraces: string, ofAll: string) =>
  Config.all([orUndefined(named(ofTraces)), orUndefined(named(ofAll))]).pipe(
    Config.map(([traces, all]) => traces ?? all),
  )

const pairs = (name: string) =>
  Config.Record(Schema.StringFromUriComponent, Schema.StringFromUriComponent, name, { trim: true })

const timeoutMs = (name: string) => Config.schema(Schema.Int.check(Schema.isGreaterThan(0)), name)

const settings = Config.all({
  headers: firstOf(pairs, "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"),
  timeoutMs: firstOf(timeoutMs, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT").pipe(
    Config.map((ms) => ms ?? 10_000),
  ),
  resource: Config.all({
    serviceName: orUndefined(Config.String("OTEL_SERVICE_NAME")),
    attributes: orUndefined(pairs("OTEL_RESOURCE_ATTRIBUTES")),
  }).pipe(
    Config.map(({ attributes, serviceName }) =>
      OtlpResource.make({ serviceName, attributes: { "service.name": "cvety", ...attributes } }),
    ),
  ),
})

type Settings = Config.Success<typeof settings>
