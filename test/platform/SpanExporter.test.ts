import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { makeTracing } from "../support/Tracing.ts"

const fast = { OTEL_TRACES_SAMPLER: "always_on", OTEL_BSP_SCHEDULE_DELAY: "20" }
const impatient = { ...fast, OTEL_EXPORTER_OTLP_TIMEOUT: "300" }

const request = Effect.void.pipe(
  Effect.withSpan("hop", {}, { captureStackTrace: false }),
  Effect.withSpan("request", {}, { captureStackTrace: false }),
)

/** Polls, for what happens in another process's time. */
const eventually = (what: string, isSo: Effect.Effect<boolean>) =>
  Effect.suspend(() => isSo).pipe(
    Effect.tap((so) => (so ? Effect.void : Effect.sleep(5))),
    Effect.repeat({ until: (so) => so }),
    Effect.timeoutOrElse({ duration: 5000, orElse: () => Effect.die(new Error(`never happened: ${what}`)) }),
  )

describe("SpanExporter", () => {
  for (const mode of ["hang", "refuse"] as const) {
    it.live(`holds no more than its bound and delays nobody while the collector is in mode ${mode}`, () =>
      Effect.gen(function* () {
        const { receiver, traced, counts } = yield* makeTracing
        yield* Effect.promise(() => receiver.setMode(mode))
        let queuedMax = 0
        let tookMs = 0
        yield* Effect.gen(function* () {
          const startedMs = performance.now()
          for (let round = 0; round < 20; round++) {
            yield* Effect.replicateEffect(request, 1000, { discard: true })
            queuedMax = Math.max(queuedMax, (yield* counts)["otel_spans_queued"] ?? 0)
          }
          tookMs = performance.now() - startedMs
        }).pipe(
          traced({ ...impatient, OTEL_BSP_MAX_QUEUE_SIZE: "1000", OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "200" }),
        )

        assert.isTrue(queuedMax > 0 && queuedMax <= 1000, `${queuedMax} queued`)
        // Waiting for the collector, even once for each batch, would take a minute.
        assert.isTrue(tookMs < 20_000, `${tookMs} ms for 20,000 traces`)
        const counted = yield* counts
        const lost = ["queue_full", "export_failed"].map(
          (reason) => counted[`otel_spans_dropped_total{${reason}}`] ?? 0,
        )
        assert.isTrue(lost.every((count) => count > 0))
        assert.strictEqual((lost[0] ?? 0) + (lost[1] ?? 0), 40_000)
        assert.strictEqual(counted["otel_spans_exported_total"], 0)
        assert.isUndefined(counted["otel_spans_queued"])
      }),
    )
  }

  it.live("sends everything that is queued when the program ends", () =>
    Effect.gen(function* () {
      const { receiver, traced, counts } = yield* makeTracing
      yield* Effect.replicateEffect(request, 1000, { discard: true }).pipe(
        traced({ ...fast, OTEL_BSP_SCHEDULE_DELAY: "60000", OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "512" }),
      )
      assert.strictEqual(receiver.spans.length, 2000)
      assert.strictEqual((yield* counts)["otel_spans_exported_total"], 2000)
      assert.isTrue(receiver.requests.length <= 5)
    }),
  )

  it.live("sends without being asked, a batch at a time and none of it twice", () =>
    Effect.gen(function* () {
      const { receiver, traced } = yield* makeTracing
      const isSeen = yield* Deferred.make<void>()
      const program = Effect.andThen(
        Effect.replicateEffect(request, 50, { discard: true }),
        Deferred.await(isSeen),
      )
      const running = yield* program.pipe(
        traced({ ...fast, OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "30" }),
        Effect.forkChild,
      )
      yield* eventually(
        "100 spans",
        Effect.sync(() => receiver.spans.length >= 100),
      )
      yield* Deferred.succeed(isSeen, undefined)
      yield* Fiber.join(running)
      assert.isTrue(receiver.requests.length >= 4)
      assert.strictEqual(new Set(receiver.spans.map(({ spanId }) => spanId)).size, 100)
    }),
  )
})

// These wait for real time, and so wait together.
describe.concurrent("SpanExporter and a collector that fails", () => {
  it.live("gives up its last export three seconds after the program ends", () =>
    Effect.gen(function* () {
      const { receiver, traced, counts } = yield* makeTracing
      yield* Effect.promise(() => receiver.setMode("hang"))
      const startedMs = performance.now()
      yield* request.pipe(traced({ ...fast, OTEL_EXPORTER_OTLP_TIMEOUT: "60000" }))
      const tookMs = performance.now() - startedMs
      assert.isTrue(tookMs > 2900 && tookMs < 5000, `${tookMs} ms`)
      assert.strictEqual((yield* counts)["otel_spans_dropped_total{export_failed}"], 2)
    }),
  )

  it.live("repeats what a busy collector refused, not before it may", () =>
    Effect.gen(function* () {
      const { receiver, traced, counts } = yield* makeTracing
      receiver.retryAfter = "1"
      yield* Effect.promise(() => receiver.setMode("503"))
      const recovered = Effect.gen(function* () {
        yield* request
        yield* eventually(
          "the first attempt",
          Effect.sync(() => receiver.requests.length === 1),
        )
        yield* Effect.promise(() => receiver.setMode("ok"))
      })
      yield* recovered.pipe(traced(fast))
      const [first, second] = receiver.requests.map(({ atMs }) => atMs)
      assert.isTrue((second ?? 0) - (first ?? 0) >= 995)
      assert.strictEqual(receiver.spans.length, 2)
      assert.strictEqual((yield* counts)["otel_spans_exported_total"], 2)
    }),
  )

  it.live("goes on after an outage", () =>
    Effect.gen(function* () {
      const { receiver, traced, counts } = yield* makeTracing
      yield* Effect.promise(() => receiver.setMode("hang"))
      const lost = Effect.map(
        counts,
        (counted) => (counted["otel_spans_dropped_total{export_failed}"] ?? 0) === 2,
      )
      yield* Effect.gen(function* () {
        yield* request
        yield* eventually("the loss", lost)
        yield* Effect.promise(() => receiver.setMode("ok"))
        yield* request
      }).pipe(traced({ ...fast, OTEL_EXPORTER_OTLP_TIMEOUT: "1500" }))
      assert.strictEqual(receiver.spans.length, 2)
    }),
  )
})
