import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { webhookBudgetMs } from "../../src/platform/LatencyBudget.ts"
import { eventually } from "../support/eventually.ts"
import * as Prometheus from "../support/Prometheus.ts"
import * as RawHttp from "../support/RawHttp.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { startNode } from "../support/TestNode.ts"

/** A node with metrics of its own. */
class Node extends Context.Service<
  Node,
  RawHttp.RawHttp & { readonly metrics: Effect.Effect<ReadonlyMap<string, Prometheus.Family>> }
>()("cvety/test/system") {
  static readonly layer = Layer.effect(
    Node,
    Effect.gen(function* () {
      const { url } = yield* startNode()
      const http = yield* RawHttp.make(url)
      const metrics = Effect.map(http.send({ path: "/metrics" }), ({ text }) => Prometheus.parse(text))
      return { ...http, metrics }
    }),
  ).pipe(Layer.provideMerge(TestDatabase.layer))
}

const WEBHOOK_LABELS = { method: "POST", endpoint: "/api/v1/webhooks/order-status-sync" }

layer(Node.layer, { excludeTestServices: true })("the system's own pages", (it) => {
  it.effect("say at / what this is", () =>
    Effect.gen(function* () {
      const { send } = yield* Node
      const { status, headers, body } = yield* send({ path: "/" })
      assert.strictEqual(status, 200)
      assert.match(headers["content-type"] ?? "", /^application\/json/)
      assert.deepStrictEqual(body, { message: "cvety", version: "1.0.0", status: "active" })
    }),
  )

  it.effect("say at /health that the service and its database work, with a UTC time without a zone", () =>
    Effect.gen(function* () {
      const { send } = yield* Node
      const { status, body } = yield* send({ path: "/health" })
      assert.strictEqual(status, 200)
      const { timestamp, ...others } = body
      assert.deepStrictEqual(others, {
        status: "healthy",
        service: "backend",
        version: "1.0.0",
        checks: { database: { status: "healthy", error: null } },
      })
      assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$/)
      assert.isBelow(Math.abs(Date.parse(`${timestamp}Z`) - Date.now()), 60_000)
    }),
  )

  it.effect("say at /ready that requests are welcome, and how the background work fares", () =>
    Effect.gen(function* () {
      const { send } = yield* Node
      const ready = Effect.map(send({ path: "/ready" }), ({ body }) => body)
      yield* eventually(
        Effect.map(ready, ({ actors }) =>
          Object.values(actors).every(
            (actor) => (actor as { last_success_at: unknown }).last_success_at !== null,
          ),
        ),
        "5 seconds",
      )
      const { status, body } = yield* send({ path: "/ready" })
      assert.strictEqual(status, 200)
      assert.deepInclude(body, { ready: true, checks: { database: true, draining: false } })
      assert.includeMembers(Object.keys(body.actors), [
        "parked_order_events",
        "inbox_gauges",
        "outbox_gauges",
        "bitrix_connections",
      ])
      for (const actor of Object.values<any>(body.actors)) {
        assert.strictEqual(new Date(actor.last_success_at).toISOString(), actor.last_success_at)
        assert.strictEqual(actor.failures_in_a_row, 0)
      }
    }),
  )

  it.effect("describe every path at /openapi.json and show it at /docs", () =>
    Effect.gen(function* () {
      const { send } = yield* Node
      const { status, body } = yield* send({ path: "/openapi.json" })
      assert.strictEqual(status, 200)
      assert.includeMembers(Object.keys(body.paths), [
        "/",
        "/health",
        "/ready",
        "/metrics",
        "/api/v1/webhooks/order-status-sync",
        "/api/v1/orders/{order_id}",
        "/api/v1/orders/{order_id}/history",
        "/api/v1/orders/by-tracking/{tracking_id}/status",
      ])
      for (const [path, methods] of Object.entries<any>(body.paths)) {
        for (const [method, operation] of Object.entries<any>(methods)) {
          assert.isNotEmpty(operation.summary, `${method} ${path}`)
        }
      }
      const docs = yield* send({ path: "/docs" })
      assert.strictEqual(docs.status, 200)
      assert.match(docs.headers["content-type"] ?? "", /^text\/html/)
    }),
  )

  it.effect("answer 503 in the same shapes while the database is away, and recover by themselves", () =>
    Effect.gen(function* () {
      const { send, webhook } = yield* Node
      const { witness } = yield* TestDatabase
      const [database] = yield* Effect.promise(() => witness`SELECT current_database() AS name`)
      // A limit of connections does not concern the witness, who is a superuser.
      const limitConnections = (limit: number) =>
        Effect.promise(() =>
          witness.unsafe(`ALTER DATABASE ${database?.["name"]} WITH CONNECTION LIMIT ${limit}`),
        )
      yield* limitConnections(0)
      yield* Effect.promise(
        () => witness`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'cvety_app'
                      AND datname = current_database()`,
      )
      const health = yield* send({ path: "/health" })
      assert.strictEqual(health.status, 503)
      assert.deepInclude(health.body, {
        status: "degraded",
        checks: { database: { status: "unhealthy", error: "database does not answer" } },
      })
      const ready = yield* send({ path: "/ready" })
      assert.strictEqual(ready.status, 503)
      assert.deepInclude(ready.body, { ready: false, checks: { database: false, draining: false } })
      const root = yield* send({ path: "/" })
      assert.strictEqual(root.status, 200)
      const event = yield* webhook('{"order_id":1,"status":"AP"}')
      assert.deepStrictEqual([event.status, event.body], [503, { detail: "Service temporarily unavailable" }])
      assert.strictEqual(event.headers["retry-after"], "1")

      yield* limitConnections(-1)
      yield* eventually(
        Effect.map(send({ path: "/health" }), ({ status }) => status === 200),
        "5 seconds",
      )
      assert.strictEqual((yield* webhook('{"order_id":1,"status":"AP"}')).status, 200)
    }),
  )
})

layer(Node.layer, { excludeTestServices: true })("the metrics", (it) => {
  it.effect("are Prometheus text, each family with its type and what it means", () =>
    Effect.gen(function* () {
      const { send, webhook, metrics } = yield* Node
      yield* webhook('{"order_id":1,"status":"AP"}')
      yield* webhook("{")
      const { status, headers } = yield* send({ path: "/metrics" })
      assert.strictEqual(status, 200)
      assert.strictEqual(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")

      const families = yield* metrics
      const types = Object.fromEntries([...families].map(([name, { type }]) => [name, type]))
      assert.deepInclude(types, {
        http_requests_total: "counter",
        http_request_duration_seconds: "histogram",
        http_errors_total: "counter",
        webhook_hop_duration_seconds: "histogram",
        actor_last_success_timestamp_seconds: "gauge",
      })
      for (const [name, { help }] of families) assert.isNotEmpty(help, name)
    }),
  )

  it.effect("count requests by method, route template and status, and errors by their kind", () =>
    Effect.gen(function* () {
      const { send, webhook, metrics } = yield* Node
      const before = yield* metrics
      yield* webhook('{"order_id":1,"status":"AP"}')
      yield* webhook('{"order_id":1,"status":"AP"}', { path: `${RawHttp.WEBHOOK}/?x=1` })
      yield* webhook("{}")
      yield* webhook("{}", { headers: { "x-webhook-secret": "wrong" } })
      for (const id of [1, 2, 3]) yield* send({ path: `/api/v1/orders/by-tracking/00000000${id}/status` })
      const after = yield* metrics

      const increase = (name: string, labels: Readonly<Record<string, string>>) =>
        (Prometheus.total(after, name, labels) ?? 0) - (Prometheus.total(before, name, labels) ?? 0)
      const tracking = { method: "GET", endpoint: "/api/v1/orders/by-tracking/{tracking_id}/status" }
      assert.strictEqual(increase("http_requests_total", { ...WEBHOOK_LABELS, status: "200" }), 2)
      assert.strictEqual(increase("http_requests_total", { ...WEBHOOK_LABELS, status: "422" }), 1)
      assert.strictEqual(increase("http_requests_total", { ...WEBHOOK_LABELS, status: "401" }), 1)
      assert.strictEqual(increase("http_requests_total", { ...tracking, status: "404" }), 3)
      assert.strictEqual(increase("http_request_duration_seconds_count", WEBHOOK_LABELS), 4)
      assert.strictEqual(increase("http_errors_total", { ...WEBHOOK_LABELS, error_type: "client_error" }), 2)
      assert.strictEqual(increase("http_errors_total", { ...tracking, error_type: "client_error" }), 3)
      assert.strictEqual(increase("http_errors_total", { error_type: "server_error" }), 0)
    }),
  )

  it.effect("have the labels and the buckets of the old service, and no others", () =>
    Effect.gen(function* () {
      const { webhook, metrics } = yield* Node
      yield* webhook("{")
      const families = yield* metrics
      const labelsOf = (name: string) => [
        ...new Set(families.get(name)?.samples.map(({ labels }) => Object.keys(labels).sort().join())),
      ]
      assert.deepStrictEqual(labelsOf("http_requests_total"), ["endpoint,method,status"])
      assert.deepStrictEqual(labelsOf("http_errors_total"), ["endpoint,error_type,method"])
      const durations = families.get("http_request_duration_seconds")?.samples ?? []
      const buckets = durations
        .filter(({ labels }) => labels["le"] !== undefined && labels["method"] === "POST")
        .map(({ labels }) => labels["le"])
      assert.deepStrictEqual(
        buckets.map((bound) => Number(bound?.replace("+Inf", "Infinity"))),
        [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, Infinity],
      )
    }),
  )

  it.effect("let strangers make no labels: unknown paths share one, and /metrics is not counted", () =>
    Effect.gen(function* () {
      const { send, metrics } = yield* Node
      for (const path of ["/a", "/b/c", "/.git/config", "/api/v1/ORDERS/1", "/%", "//api//nowhere"]) {
        yield* send({ path })
      }
      yield* send({ path: "//health" })
      yield* send({ path: "/health/?probe=1" })
      const families = yield* metrics
      yield* metrics
      const endpoints = new Set(
        families.get("http_requests_total")?.samples.map(({ labels }) => labels["endpoint"]),
      )
      assert.notInclude([...endpoints], "/metrics")
      const known = Object.keys((yield* send({ path: "/openapi.json" })).body.paths)
      for (const endpoint of endpoints) {
        assert.include([...known, "/docs", "/openapi.json", "unmatched"], endpoint)
      }
      assert.strictEqual(Prometheus.total(families, "http_requests_total", { endpoint: "unmatched" }), 6)
      assert.strictEqual(Prometheus.total(families, "http_requests_total", { endpoint: "/health" }), 2)
    }),
  )

  it.effect("measure every hop of the webhook once per request", () =>
    Effect.gen(function* () {
      const { webhook, metrics } = yield* Node
      const before = yield* metrics
      for (let n = 0; n < 5; n++) yield* webhook('{"order_id":1,"status":"AP"}')
      const after = yield* metrics
      const hops = Object.keys(webhookBudgetMs)
      for (const hop of hops) {
        const count = (families: ReadonlyMap<string, Prometheus.Family>) =>
          Prometheus.total(families, "webhook_hop_duration_seconds_count", { hop }) ?? 0
        assert.strictEqual(count(after) - count(before), 5, hop)
      }
      const sum = (hop: string) => Prometheus.total(after, "webhook_hop_duration_seconds_sum", { hop }) ?? 0
      const parts = hops.filter((hop) => hop !== "total").map(sum)
      assert.isAtLeast(
        sum("total") * 1.001,
        parts.reduce((total, part) => total + part, 0),
      )
    }),
  )

  it.effect("count the hops that broke their budget", () =>
    Effect.gen(function* () {
      const { webhook, metrics } = yield* Node
      const { witness } = yield* TestDatabase
      yield* Effect.promise(() =>
        witness.begin(async (transaction) => {
          await transaction`LOCK TABLE "order" IN ACCESS EXCLUSIVE MODE`
          const waiting = Effect.runPromise(webhook('{"order_id":1,"status":"AP"}'))
          await new Promise((resolve) => setTimeout(resolve, webhookBudgetMs.total + 50))
          return { waiting }
        }),
      ).pipe(Effect.flatMap(({ waiting }) => Effect.promise(() => waiting)))
      const families = yield* metrics
      for (const hop of ["find_order", "total"]) {
        assert.isAtLeast(
          Prometheus.total(families, "webhook_hop_budget_exceeded_total", { hop }) ?? 0,
          1,
          hop,
        )
      }
      assert.strictEqual(families.get("webhook_hop_budget_exceeded_total")?.type, "counter")
    }),
  )
})
