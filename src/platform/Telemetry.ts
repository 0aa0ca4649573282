/**
 * Tracing: on when the operator names a collector, otherwise off.
 *
 *   OTEL_EXPORTER_OTLP_ENDPOINT         the collector's OTLP/HTTP address, e.g. http://localhost:4318
 *   OTEL_EXPORTER_OTLP_TRACES_ENDPOINT  the same for traces alone, taken as it is
 *   OTEL_TRACES_EXPORTER                otlp (default); anything else, e.g. none, turns tracing off
 *   OTEL_SDK_DISABLED                   true turns tracing off
 *
 * TraceSampler, TailTracer, SpanExporter and OtlpCollector say what is kept and how it leaves. Provide this outside
 * everything that makes spans: it is then closed last, and its flush carries the traces of the last requests.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Tracer from "effect/Tracer"
import { SpanExporter } from "./SpanExporter.ts"
import { TailTracer } from "./TailTracer.ts"

export class Telemetry {
  static readonly layer: Layer.Layer<never, Config.ConfigError> = Layer.unwrap(
    Effect.gen(function* () {
      const { all, exporter, isDisabled, traces } = yield* settings
      const endpoint = traces ?? (all === undefined ? undefined : tracesUrl(all))
      if (endpoint === undefined || exporter !== "otlp" || isDisabled) {
        return Layer.succeed(References.TracerEnabled, false)
      }
      return Layer.effect(Tracer.Tracer, TailTracer.make).pipe(
        Layer.provide(SpanExporter.layer(endpoint)),
        Layer.provide(FetchHttpClient.layer),
      )
    }),
  )
}

const tracesUrl = (base: URL): URL => {
  const url = new URL(base)
  url.pathname = `${base.pathname.replace(/\/$/, "")}/v1/traces`
  return url
}

const httpUrl = (name: string) =>
  Config.schema(
    Schema.URL.check(
      Schema.makeFilter(({ protocol }) => /^https?:$/.test(protocol) || "Expected an http or https URL"),
    ),
    name,
  ).pipe(Config.withDefault(undefined))

const word = (name: string, fallback: string) =>
  Config.String(name).pipe(
    Config.withDefault(fallback),
    Config.map((value) => value.trim().toLowerCase()),
  )

const settings = Config.all({
  traces: httpUrl("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
  all: httpUrl("OTEL_EXPORTER_OTLP_ENDPOINT"),
  exporter: word("OTEL_TRACES_EXPORTER", "otlp"),
  isDisabled: word("OTEL_SDK_DISABLED", "false").pipe(Config.map((value) => value === "true")),
})
