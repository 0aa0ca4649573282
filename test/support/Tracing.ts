/** A program under the real Telemetry layer, with its settings and counters of its own. */
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import { Telemetry } from "../../src/platform/Telemetry.ts"
import { OtlpReceiver } from "./OtlpReceiver.ts"

type Env = Record<string, string>

/** A collector, and `traced`, which runs a program and lets its traces be flushed before it returns. */
export const makeTracing = Effect.gen(function* () {
  const receiver = yield* OtlpReceiver.make
  const registry = new Map<never, never>()
  const metrics = Layer.succeed(Metric.MetricRegistry, registry)

  const layer = (env: Env) =>
    Telemetry.layer.pipe(
      Layer.provideMerge(Layer.merge(metrics, Logger.layer([Logger.tracerLogger]))),
      Layer.provide(
        ConfigProvider.layer(
          ConfigProvider.fromEnv({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...env } }),
        ),
      ),
    )

  const traced =
    (env: Env = {}) =>
    <A, E>(program: Effect.Effect<A, E>) =>
      Effect.provide(program, layer(env))

  /** Values of the counters and gauges by `name` or `name{attribute}`. */
  const counts = Effect.map(Metric.snapshot, (snapshot) =>
    Object.fromEntries(
      snapshot.flatMap((metric) => {
        const attributes = Object.values(metric.attributes ?? {}).join()
        const name = attributes === "" ? metric.id : `${metric.id}{${attributes}}`
        if (metric.type === "Counter") return [[name, Number(metric.state.count)] as const]
        return metric.type === "Gauge" ? [[name, Number(metric.state.value)] as const] : []
      }),
    ),
  ).pipe(Effect.provide(metrics))

  return { receiver, traced, counts }
})
