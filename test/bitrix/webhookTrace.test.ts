import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { eventually } from "../support/eventually.ts"
import { OtlpReceiver } from "../support/OtlpReceiver.ts"
import * as ServiceProcess from "../support/ServiceProcess.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { postStatus } from "../support/TestService.ts"

const CALLER_TRACE = "0af7651916cd43dd8448eb211c80319c"
const CALLER_SPAN = "b7ad6b7169203331"
const ROOT = "POST /api/v1/webhooks/order-status-sync"

const BUDGETS_MS = {
  "webhook.authenticate": 2,
  "webhook.validate": 1,
  "webhook.find_order": 15,
  "webhook.map_status": 1,
  "webhook.update_and_record": 20,
  "webhook.log": 5,
  "webhook.respond": 5,
}

const start = (settings: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const { url: databaseUrl, witness } = yield* TestDatabase
    const receiver = yield* OtlpReceiver.make
    const service = yield* ServiceProcess.start({
      DATABASE_URL: databaseUrl,
      RUN_SEEDS: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_BSP_SCHEDULE_DELAY: "50",
      ...settings,
    })
    const webhookSpans = () => {
      const root = receiver.spans.find(({ name }) => name === ROOT)
      return receiver.spans.filter(({ traceId }) => traceId === root?.traceId)
    }
    return { url: service.url, witness, receiver, webhookSpans }
  })

describe("the trace of a webhook", () => {
  it.live("is one tree under the caller's span, with every hop and its budget", () =>
    Effect.gen(function* () {
      const { url, witness, receiver, webhookSpans } = yield* start({ OTEL_TRACES_SAMPLER: "always_on" })
      const traceparent = `00-${CALLER_TRACE}-${CALLER_SPAN}-01`
      const headers = { traceparent, "x-request-id": "trace-me" }
      const body = { order_id: 123456, status: "AP", notes: "private words" }
      const answer = yield* Effect.promise(() => postStatus(url, body, headers))
      assert.strictEqual(answer.body.status, "success")
      assert.match(
        String(answer.headers.get("traceparent")),
        new RegExp(`^00-${CALLER_TRACE}-[0-9a-f]{16}-01$`),
      )
      yield* eventually(
        Effect.sync(() => webhookSpans().length >= 8),
        "5 seconds",
      )

      const spans = webhookSpans()
      const root = spans.find(({ name }) => name === ROOT)
      assert.isDefined(root)
      assert.strictEqual(root.traceId, CALLER_TRACE)
      assert.strictEqual(root.parentSpanId, CALLER_SPAN)
      assert.strictEqual(root.kind, "SPAN_KIND_SERVER")
      assert.strictEqual(root.resource["service.name"], "cvety")
      assert.strictEqual(root.attributes["http.request.method"], "POST")
      assert.strictEqual(root.attributes["http.route"], "/api/v1/webhooks/order-status-sync")
      assert.strictEqual(Number(root.attributes["http.response.status_code"]), 200)
      assert.strictEqual(root.attributes["request.id"], "trace-me")
      assert.strictEqual(Number(root.attributes["budget.ms"]), 49)

      const hops = spans.filter((span) => span !== root)
      assert.deepStrictEqual(
        Object.fromEntries(hops.map(({ name, attributes }) => [name, Number(attributes["budget.ms"])])),
        BUDGETS_MS,
      )
      for (const hop of hops) {
        assert.strictEqual(hop.parentSpanId, root.spanId)
        assert.isTrue(hop.startNanos >= root.startNanos && hop.endNanos <= root.endNanos, hop.name)
        const tookMs = Number(hop.endNanos - hop.startNanos) / 1e6
        const budgetMs = Number(hop.attributes["budget.ms"])
        assert.strictEqual(hop.attributes["budget.exceeded"], tookMs > budgetMs, hop.name)
      }
      const inOrder = hops.toSorted((a, b) => Number(a.startNanos - b.startNanos)).map(({ name }) => name)
      assert.deepStrictEqual(inOrder, Object.keys(BUDGETS_MS))

      const [row] = yield* Effect.promise(() => witness`SELECT trace_parent FROM inbox`)
      assert.strictEqual(row?.["trace_parent"], `00-${CALLER_TRACE}-${root.spanId}-01`)
      assert.deepStrictEqual(receiver.rejected, [])
      assert.notInclude(
        JSON.stringify(receiver.spans, (_, value) => (typeof value === "bigint" ? 0 : value)),
        "private",
      )
    }).pipe(Effect.provide(TestDatabase.layer), Effect.scoped),
  )

  it.live(
    "is kept when a hop breaks its budget and the share is nothing; one within its budgets is not",
    () =>
      Effect.gen(function* () {
        const { url, witness, receiver, webhookSpans } = yield* start({
          OTEL_TRACES_SAMPLER: "traceidratio",
          OTEL_TRACES_SAMPLER_ARG: "0",
        })
        for (const path of ["/", "/", "/"]) yield* Effect.promise(() => fetch(`${url}${path}`))

        yield* Effect.promise(() =>
          witness.begin(async (transaction) => {
            await transaction`SELECT FROM "order" WHERE id = 789 FOR UPDATE`
            void postStatus(url, { order_id: 123456, status: "AP" })
            await new Promise((resolve) => setTimeout(resolve, 100))
          }),
        )
        yield* eventually(
          Effect.sync(() => webhookSpans().length >= 8),
          "5 seconds",
        )
        const late = webhookSpans().find(({ name }) => name === "webhook.find_order")
        assert.strictEqual(late?.attributes["budget.exceeded"], true)
        const root = webhookSpans().find(({ name }) => name === ROOT)
        assert.strictEqual(root?.attributes["budget.exceeded"], true)
        assert.isFalse(receiver.spans.some(({ name }) => name === "GET /"))
      }).pipe(Effect.provide(TestDatabase.layer), Effect.scoped),
  )
})
