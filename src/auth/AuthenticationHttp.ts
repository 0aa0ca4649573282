import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import { TenantContext } from "../platform/TenantContext.ts"
import { Authentication, CurrentUser, ShopMissing } from "./Authentication.ts"
import { Tokens } from "./Tokens.ts"

export const AuthenticationHttp = Layer.effect(
  Authentication,
  Effect.gen(function* () {
    const tokens = yield* Tokens
    return {
      bearer: Effect.fnUntraced(function* (httpEffect, { credential }) {
        const claims = yield* Effect.tapError(tokens.verify(credential), () => askForBearer)
        if (claims.shop_id === null) return yield* new ShopMissing()
        yield* Effect.annotateCurrentSpan("shop.id", claims.shop_id)
        return yield* httpEffect.pipe(
          Effect.provideService(CurrentUser, claims),
          Effect.provideService(TenantContext, { shopId: claims.shop_id }),
        )
      }),
    }
  }),
)

const askForBearer = HttpEffect.appendPreResponseHandler((_request, response) =>
  Effect.succeed(HttpServerResponse.setHeader(response, "www-authenticate", "Bearer")),
)
