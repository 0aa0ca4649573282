import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LatencyBudget from "../platform/LatencyBudget.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import { BitrixConnections } from "./BitrixConnections.ts"
import { WebhookSecret, WebhookSecretInvalid } from "./WebhookSecret.ts"

/** Runs before the body is read. */
export const WebhookSecretHttp = Layer.effect(
  WebhookSecret,
  Effect.gen(function* () {
    const connections = yield* BitrixConnections
    return {
      secret: Effect.fnUntraced(function* (httpEffect, { credential }) {
        const shopId = yield* LatencyBudget.measure("webhook.authenticate")(
          Effect.sync(() => connections.authenticate(credential)),
        )
        if (shopId === undefined) {
          yield* Effect.logWarning("webhook authentication failed: invalid secret")
          return yield* new WebhookSecretInvalid()
        }
        return yield* Effect.provideService(httpEffect, TenantContext, { shopId })
      }),
    }
  }),
)
