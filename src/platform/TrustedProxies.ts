/**
 * Whose word is taken for where a request comes from. A proxy in one of the networks of `TRUSTED_PROXIES` says it in
 * `X-Forwarded-For`; from anybody else that header says nothing. A network that is none stops the start.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as IpNetwork from "effect/net/IpNetwork"

export const middleware = Effect.gen(function* () {
  const list = yield* Config.String("TRUSTED_PROXIES").pipe(Config.withDefault(""))
  const names = list.split(",").flatMap((name) => (name.trim() === "" ? [] : [name.trim()]))
  const trustedProxies = yield* Effect.forEach(names, (name) => Effect.fromResult(IpNetwork.fromString(name)))
  return HttpMiddleware.xForwardedHeaders({ trustedProxies })
})
