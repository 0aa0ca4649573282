/** The whole service in this process, on a database of its own and a free port, spoken to over real HTTP. */
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { Service } from "../../src/Service.ts"
import { TestDatabase } from "./TestDatabase.ts"

export const SECRET = "test-webhook-secret-of-32-characters"
export const PREVIOUS_SECRET = "test-webhook-secret-that-is-retiring"
export const SHOP_ID = 17_008
export const OTHER_SHOP_ID = 8

export class TestService extends Context.Service<TestService, { readonly url: string }>()(
  "cvety/test/TestService",
) {
  /** The demo world is seeded: order 789 of shop 17008 is Bitrix order 123456, status new. */
  static readonly layer = TestService.layerWith({})

  static layerWith(settings: Readonly<Record<string, string>>) {
    return Layer.effect(
      TestService,
      Effect.map(HttpServer.HttpServer, ({ address }) => ({ url: HttpServer.formatAddress(address) })),
    ).pipe(
      Layer.provideMerge(Service),
      Layer.provideMerge(TestDatabase.layer),
      Layer.provide(
        ConfigProvider.layer(
          ConfigProvider.fromUnknown({
            PORT: "0",
            RUN_SEEDS: "true",
            SHUTDOWN_LAME_DUCK_MS: "0",
            WEBHOOK_SECRET: SECRET,
            WEBHOOK_SECRET_PREVIOUS: PREVIOUS_SECRET,
            SECRET_KEY: "test-signing-key-of-32-characters-or-more",
            ...settings,
          }),
        ),
      ),
      Layer.provide(Layer.succeed(References.TracerEnabled, false)),
      Layer.provide(Logger.layer([])),
    )
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: any
}

/** Posts a body as Bitrix would. */
export const postStatus = async (
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> => {
  const response = await fetch(`${url}/api/v1/webhooks/order-status-sync`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-webhook-secret": SECRET, ...headers },
    body: typeof body === "string" || body instanceof Uint8Array ? (body as never) : JSON.stringify(body),
  })
  return { status: response.status, headers: response.headers, body: await response.json() }
}
