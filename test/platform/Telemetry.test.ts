import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Headers from "effect/http/Headers"
import * as HttpTraceContext from "effect/http/HttpTraceContext"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import { OrderNotFound } from "../../src/orders/Order.ts"
import { Telemetry } from "../../src/platform/Telemetry.ts"
import { TraceSampler } from "../../src/platform/TraceSampler.ts"
import { DatabaseUnavailable } from "../../src/shared/DatabaseUnavailable.ts"
import { makeTracing } from "../support/Tracing.ts"

const keepNone = { OTEL_TRACES_SAMPLER: "always_off" }
const keepAll = { OTEL_TRACES_SAMPLER: "always_on" }

const caller = (flags: "00" | "01") =>
  Option.getOrThrow(
    HttpTraceContext.fromHeaders(
      Headers.fromInput({ traceparent: `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-${flags}` }),
    ),
  )

describe("Telemetry", () => {
  it.live("delivers a request's spans as a tree under its caller's span", () =>
    Effect.gen(function* () {
      const { receiver, traced } = yield* makeTracing
      const link = Tracer.externalSpan({ traceId: "1".repeat(32), spanId: "2".repeat(16) })

      const find = Effect.withSpan(Effect.void, "OrdersRepo.find", { attributes: { "order.id": 17 } })
      const respond = Effect.log("answered").pipe(
        Effect.withSpan("webhook.respond", { kind: "client", links: [{ span: link, attributes: {} }] }),
      )
      yield* Effect.useSpan("POST /webhook", { kind: "server", parent: caller("01") }, (span) =>
        Effect.andThen(find, respond).pipe(
          Effect.withSpan("webhook.apply", {
            attributes: { status: "accepted", "budget.ms": 49.5, "budget.exceeded": false, parts: ["a", 1] },
          }),
          Effect.withParentSpan(span),
        ),
      ).pipe(
        traced({
          OTEL_RESOURCE_ATTRIBUTES: "deployment.environment=test, city=%D0%90%D0%BB%D0%BC%D0%B0%D1%82%D1%8B",
          OTEL_EXPORTER_OTLP_HEADERS: "x-api-key=kept%20safe",
        }),
      )

      assert.deepStrictEqual(receiver.rejected, [])
      const named = (name: string) => {
        const span = receiver.spans.find((span) => span.name === name)
        assert.isDefined(span, name)
        return span
      }
      assert.strictEqual(receiver.spans.length, 4)
      const root = named("POST /webhook")
      const apply = named("webhook.apply")
      assert.strictEqual(root.parentSpanId, "b7ad6b7169203331")
      assert.strictEqual(root.kind, "SPAN_KIND_SERVER")
      assert.strictEqual(apply.parentSpanId, root.spanId)
      assert.strictEqual(apply.kind, "SPAN_KIND_INTERNAL")
      assert.deepStrictEqual(apply.attributes, {
        status: "accepted",
        "budget.ms": 49.5,
        "budget.exceeded": false,
        parts: { values: [{ stringValue: "a" }, { intValue: "1" }] },
      })
      assert.strictEqual(named("OrdersRepo.find").parentSpanId, apply.spanId)
      assert.deepStrictEqual(named("OrdersRepo.find").attributes, { "order.id": "17" })
      assert.strictEqual(named("webhook.respond").parentSpanId, apply.spanId)
      assert.deepStrictEqual(
        named("webhook.respond").events.map(({ name }) => name),
        ["answered"],
      )
      assert.deepStrictEqual(named("webhook.respond").links, [
        { traceId: "1".repeat(32), spanId: "2".repeat(16) },
      ])
      for (const span of receiver.spans) {
        assert.strictEqual(span.traceId, "0af7651916cd43dd8448eb211c80319c")
        assert.strictEqual(span.status.code, "STATUS_CODE_UNSET")
        assert.isTrue(span.endNanos >= span.startNanos)
        assert.strictEqual(span.resource["service.name"], "cvety")
        assert.strictEqual(span.resource["city"], "Алматы")
      }
      assert.strictEqual(receiver.requests[0]?.headers["x-api-key"], "kept safe")
    }),
  )

  it.live("takes spans of the Tracer service with times measured elsewhere", () =>
    Effect.gen(function* () {
      const { receiver, traced } = yield* makeTracing
      const make = (
        tracer: Tracer.Tracer,
        name: string,
        startTime: bigint,
        parent: Option.Option<Tracer.AnySpan>,
      ) =>
        tracer.span({
          name,
          parent,
          startTime,
          annotations: Tracer.externalSpan({ traceId: "", spanId: "" }).annotations,
          links: [],
          kind: "internal",
          root: false,
          sampled: true,
        })
      yield* Effect.gen(function* () {
        const tracer = yield* Tracer.Tracer
        const root = make(tracer, "request", 1_000n, Option.none())
        make(tracer, "webhook.authenticate", 1_200n, Option.some(root)).end(1_900n, Exit.void)
        root.end(5_000n, Exit.void)
        root.end(9_000n, Exit.void)
      }).pipe(traced({ ...keepAll, OTEL_SERVICE_NAME: "cvety-worker" }))

      const times = receiver.spans.map(({ name, startNanos, endNanos }) => [name, startNanos, endNanos])
      assert.deepStrictEqual(times, [
        ["webhook.authenticate", 1_200n, 1_900n],
        ["request", 1_000n, 5_000n],
      ])
      assert.strictEqual(receiver.spans[0]?.parentSpanId, receiver.spans[1]?.spanId)
      assert.strictEqual(receiver.spans[0]?.resource["service.name"], "cvety-worker")
    }),
  )

  it.live("keeps what failed or broke its budget when the share is nothing, and drops the rest", () =>
    Effect.gen(function* () {
      const { receiver, traced, counts } = yield* makeTracing
      const request = (name: string, hop: Effect.Effect<unknown, unknown>) =>
        hop.pipe(Effect.withSpan(`${name} hop`), Effect.exit, Effect.withSpan(name))
      yield* Effect.all([
        request("fine", Effect.void),
        request("failed", Effect.fail("no")),
        request("died", Effect.die("no")),
        request("marked", Effect.annotateCurrentSpan("error", true)),
        request("unmarked", Effect.annotateCurrentSpan({ error: false, "budget.exceeded": false })),
        request("slow", Effect.annotateCurrentSpan("budget.exceeded", true)),
        request("interrupted", Effect.interrupt),
        request("the caller's fault", Effect.fail(new OrderNotFound())),
        request("our fault", Effect.fail(new DatabaseUnavailable())),
      ]).pipe(traced(keepNone))

      const names = receiver.spans.map(({ name }) => name).filter((name) => !name.endsWith(" hop"))
      assert.deepStrictEqual(names, ["failed", "died", "marked", "slow", "our fault"])
      assert.strictEqual(receiver.spans.length, 10)
      for (const { name, status } of receiver.spans) {
        const isError = ["failed hop", "died hop", "marked hop", "our fault hop"].includes(name)
        assert.strictEqual(status.code, isError ? "STATUS_CODE_ERROR" : "STATUS_CODE_UNSET", name)
      }
      const counted = yield* counts
      assert.strictEqual(counted["otel_traces_total{kept_error}"], 4)
      assert.strictEqual(counted["otel_traces_total{kept_over_budget}"], 1)
      assert.strictEqual(counted["otel_traces_total{dropped}"], 4)
      assert.strictEqual(counted["otel_spans_exported_total"], 10)
    }),
  )

  it.live("follows its caller's decision unless the sampler is told not to", () =>
    Effect.gen(function* () {
      const { receiver, traced, counts } = yield* makeTracing
      const request = (name: string, flags: "00" | "01", hop: Effect.Effect<unknown, string> = Effect.void) =>
        Effect.ignore(Effect.withSpan(hop, name, { parent: caller(flags) }))
      yield* Effect.all([
        request("wanted", "01"),
        request("unwanted", "00"),
        request("unwanted but failed", "00", Effect.fail("no")),
      ]).pipe(traced({ OTEL_TRACES_SAMPLER: "parentbased_always_on" }))
      yield* request("off", "01").pipe(traced(keepNone))
      yield* request("on", "00").pipe(traced(keepAll))

      assert.deepStrictEqual(
        receiver.spans.map(({ name }) => name),
        ["wanted", "unwanted but failed", "on"],
      )
      assert.strictEqual((yield* counts)["otel_traces_total{kept_parent}"], 1)
    }),
  )

  it.live("keeps the share that it is told to keep", () =>
    Effect.gen(function* () {
      const { receiver, traced, counts } = yield* makeTracing
      const request = Effect.withSpan(Effect.withSpan(Effect.void, "hop"), "request")
      yield* Effect.replicateEffect(request, 2000, { discard: true }).pipe(
        traced({ OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.2" }),
      )

      const kept = (yield* counts)["otel_traces_total{kept_share}"] ?? 0
      // 400 are expected with a standard deviation of 18; five of them is one failure in two million runs.
      assert.isTrue(kept > 310 && kept < 490, `${kept} of 2000`)
      assert.strictEqual(receiver.spans.length, kept * 2)
      const share = new TraceSampler({ share: 0.2, followsParent: true })
      assert.isTrue(receiver.spans.every(({ traceId }) => share.isInShare(traceId)))
    }),
  )

  it.live("lets a span that ends after its root follow the root", () =>
    Effect.gen(function* () {
      const { receiver, traced } = yield* makeTracing
      const request = Effect.fnUntraced(function* (name: string, outcome: Effect.Effect<void, string>) {
        const isAnswered = yield* Deferred.make<void>()
        const late = Effect.andThen(Deferred.await(isAnswered), Effect.fail("late"))
        const background = yield* Effect.withSpan(late, `${name} background`).pipe(
          Effect.forkDetach({ startImmediately: true }),
          Effect.tap(() => Effect.ignore(outcome)),
          Effect.tap(() => Effect.annotateCurrentSpan("error", outcome !== Effect.void)),
          Effect.withSpan(name),
        )
        yield* Deferred.succeed(isAnswered, undefined)
        yield* Fiber.await(background)
      })
      yield* Effect.all([request("dropped", Effect.void), request("kept", Effect.fail("no"))]).pipe(
        traced(keepNone),
      )

      assert.deepStrictEqual(
        receiver.spans.map(({ name }) => name),
        ["kept", "kept background"],
      )
      assert.strictEqual(receiver.spans[1]?.parentSpanId, receiver.spans[0]?.spanId)
    }),
  )

  it.live("bounds the spans of a trace, counts those above and still sees their failures", () =>
    Effect.gen(function* () {
      const { receiver, traced, counts } = yield* makeTracing
      const hops = Effect.replicateEffect(Effect.withSpan(Effect.void, "hop"), 600, { discard: true })
      const last = Effect.ignore(Effect.withSpan(Effect.fail("no"), "last hop"))
      yield* Effect.withSpan(Effect.andThen(hops, last), "request").pipe(traced(keepNone))

      assert.strictEqual(receiver.spans.length, 513)
      assert.strictEqual(receiver.spans.at(-1)?.name, "request")
      assert.strictEqual((yield* counts)["otel_spans_dropped_total{trace_too_large}"], 89)
    }),
  )

  it.live("tells others only what is certain about a trace", () =>
    Effect.gen(function* () {
      const { traced } = yield* makeTracing
      const flags = yield* Effect.gen(function* () {
        const span = yield* Effect.currentSpan
        const before = HttpTraceContext.toHeaders(span).traceparent
        yield* Effect.ignore(Effect.withSpan(Effect.fail("no"), "hop"))
        return [before, HttpTraceContext.toHeaders(span).traceparent].map((header) => header?.slice(-2))
      }).pipe(Effect.withSpan("request"), traced(keepNone))
      assert.deepStrictEqual(flags, ["00", "01"])
    }),
  )

  it.live("stays off without a collector, when it is disabled and when it is told to export elsewhere", () =>
    Effect.gen(function* () {
      const { receiver, traced } = yield* makeTracing
      const request = Effect.withSpan(Effect.exit(Effect.currentSpan), "request")
      const off = [
        { OTEL_EXPORTER_OTLP_ENDPOINT: "" },
        { OTEL_SDK_DISABLED: "TRUE" },
        { OTEL_TRACES_EXPORTER: "none" },
      ]
      for (const env of off) {
        const span = yield* request.pipe(traced({ ...keepAll, ...env }))
        assert.isTrue(Exit.isSuccess(span) && span.value.spanId === "noop")
      }
      assert.deepStrictEqual(receiver.requests, [])
    }),
  )

  it.effect.each([
    { OTEL_TRACES_SAMPLER: "sometimes" },
    { OTEL_TRACES_SAMPLER_ARG: "1.5" },
    { OTEL_EXPORTER_OTLP_ENDPOINT: "localhost:4318" },
    { OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: "0" },
    { OTEL_BSP_MAX_QUEUE_SIZE: "many" },
  ])("does not start with the setting %j and names it", (env) =>
    Effect.gen(function* () {
      const all = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1", ...env }
      const started = yield* Effect.scoped(Layer.build(Telemetry.layer)).pipe(
        Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env: all })),
        Effect.exit,
      )
      assert.isTrue(Exit.isFailure(started))
      assert.include(String(Exit.findErrorOption(started)), Object.keys(env).join())
    }),
  )
})
