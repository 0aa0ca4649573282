import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import { Api } from "../Api.ts"
import { Actors } from "../platform/Actor.ts"
import { Db } from "../platform/Db.ts"
import { Lifecycle } from "../platform/Lifecycle.ts"
import * as ProcessMetrics from "../platform/ProcessMetrics.ts"
import { VERSION } from "./SystemApi.ts"

const PING_TIMEOUT = "2 seconds"
const PING_AGE_MAX = "250 millis"

export const SystemHttp = HttpApiBuilder.group(Api, "system", (handlers) =>
  Effect.gen(function* () {
    const db = yield* Db
    const actors = yield* Actors
    const { isDraining } = yield* Lifecycle

    // One look for all who ask at the same time: probes must not compete with the work.
    const isDatabaseUp = yield* db.ping.pipe(
      Effect.timeout(PING_TIMEOUT),
      Effect.as(true),
      Effect.orElseSucceed(() => false),
      Effect.cachedWithTTL(PING_AGE_MAX),
    )

    const health = Effect.gen(function* () {
      const isUp = yield* isDatabaseUp
      const now = new Date(yield* Clock.currentTimeMillis)
      return json(isUp ? 200 : 503, {
        status: isUp ? "healthy" : "degraded",
        timestamp: now.toISOString().slice(0, -1),
        service: "backend",
        version: VERSION,
        checks: {
          database: isUp
            ? { status: "healthy", error: null }
            : { status: "unhealthy", error: "database does not answer" },
        },
      })
    })

    const ready = Effect.gen(function* () {
      const isUp = yield* isDatabaseUp
      const draining = isDraining.current
      return json(isUp && !draining ? 200 : 503, {
        ready: isUp && !draining,
        checks: { database: isUp, draining },
        actors: Object.fromEntries(
          [...actors].map(([name, { lastSuccessAtMs, failuresInARow }]) => [
            name,
            {
              last_success_at: lastSuccessAtMs === null ? null : new Date(lastSuccessAtMs).toISOString(),
              failures_in_a_row: failuresInARow,
            },
          ]),
        ),
      })
    })

    const metrics = Effect.gen(function* () {
      yield* ProcessMetrics.sample
      return HttpServerResponse.text(yield* PrometheusMetrics.format(), {
        contentType: "text/plain; version=0.0.4; charset=utf-8",
      })
    })

    return handlers
      .handle("root", () => Effect.succeed({ message: "cvety", version: VERSION, status: "active" } as const))
      .handle("health", () => health)
      .handle("ready", () => ready)
      .handle("metrics", () => metrics)
  }),
)

const json = (status: number, body: object) => HttpServerResponse.jsonUnsafe(body, { status })
