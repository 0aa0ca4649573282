import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "../auth/Access.ts"

export const VERSION = "1.0.0"

export const Root = Schema.Struct({
  message: Schema.String,
  version: Schema.String,
  status: Schema.Literal("active"),
})

export const Health = Schema.Struct({
  status: Schema.Literals(["healthy", "degraded"]),
  timestamp: Schema.String.annotate({ description: "UTC, without an offset" }),
  service: Schema.String,
  version: Schema.String,
  checks: Schema.Struct({
    database: Schema.Struct({
      status: Schema.Literals(["healthy", "unhealthy"]),
      error: Schema.NullOr(Schema.String),
    }),
  }),
})

export const Ready = Schema.Struct({
  ready: Schema.Boolean,
  checks: Schema.Struct({
    database: Schema.Boolean,
    draining: Schema.Boolean.annotate({ description: "Told to stop: send no new requests here" }),
  }),
  actors: Schema.Record(
    Schema.String,
    Schema.Struct({
      last_success_at: Schema.NullOr(Schema.String),
      failures_in_a_row: Schema.Int,
    }),
  ).annotate({ description: "Background work; a failing actor does not make the node unready" }),
})

const unavailable = HttpApiSchema.status(503)

export class SystemApi extends HttpApiGroup.make("system")
  .add(
    HttpApiEndpoint.get("root", "/", { success: Root })
      .annotateMerge(Access.everyone)
      .annotateMerge(OpenApi.annotations({ summary: "What this is" })),
    HttpApiEndpoint.get("health", "/health", { success: [Health, Health.pipe(unavailable)] })
      .annotateMerge(Access.everyone)
      .annotateMerge(OpenApi.annotations({ summary: "Whether the service and its database work" })),
    HttpApiEndpoint.get("ready", "/ready", { success: [Ready, Ready.pipe(unavailable)] })
      .annotateMerge(Access.everyone)
      .annotateMerge(
        OpenApi.annotations({ summary: "Whether this node wants requests; 503 at once when told to stop" }),
      ),
    HttpApiEndpoint.get("metrics", "/metrics", {
      success: Schema.String.pipe(
        HttpApiSchema.asText({ contentType: "text/plain; version=0.0.4; charset=utf-8" }),
      ),
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(OpenApi.annotations({ summary: "Prometheus metrics" })),
  )
  .annotateMerge(OpenApi.annotations({ title: "System" })) {}
