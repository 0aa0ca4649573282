import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LatencyBudget from "../platform/LatencyBudget.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import { BitrixConnection } from "./BitrixConnection.ts"
import { WebhookSecret, WebhookSecretInvalid } from "./WebhookSecret.ts"

/** Runs before the body is read. */
export const WebhookSecretHttp = Layer.effect(
  WebhookSecret,
  Effect.gen(function* () {
    const connection = yield* BitrixConnection
    const tenant = { shopId: connection.shopId }
    return {
      secret: Effect.fnUntraced(function* (httpEffect, { credential }) {
        const isAuthentic = yield* LatencyBudget.measure("authenticate")(
          Effect.sync(() => connection.isAuthentic(credential)),
        )
        if (!isAuthentic) {
          yield* Effect.logWarning("webhook authentication failed: invalid secret")
          return yield* new WebhookSecretInvalid()
        }
        return yield* Effect.provideService(httpEffect, TenantContext, tenant)
      }),
    }
  }),
)
