/**
 * One more node of the service in this process, on a database that is already there: with settings, a mapping or
 * metrics of its own, and an ear on its log.
 */
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import { OrderStatusMapping } from "../../src/bitrix/OrderStatusMapping.ts"
import type { OrderStatus } from "../../src/orders/OrderStatus.ts"
import { DatabaseUrl } from "../../src/platform/DatabaseUrl.ts"
import { Service } from "../../src/Service.ts"
import { TestDatabase } from "./TestDatabase.ts"
import { PREVIOUS_SECRET, SECRET } from "./TestService.ts"

export interface LogLine {
  readonly level: string
  /** Everything that was said: message, annotations, cause. */
  readonly text: string
}

export interface TestNode {
  readonly url: string
  readonly log: ReadonlyArray<LogLine>
}

/** Lives as long as the scope; the database is that of the test file. */
export const startNode = (
  options: {
    readonly settings?: Readonly<Record<string, string>>
    /** Bitrix codes beside the documented ones. */
    readonly moreCodes?: Readonly<Record<string, OrderStatus>>
  } = {},
) =>
  Effect.gen(function* () {
    const { url } = yield* TestDatabase
    const log: Array<LogLine> = []
    const mapping = new Map([
      ...Context.get(Context.empty(), OrderStatusMapping),
      ...Object.entries(options.moreCodes ?? {}),
    ])
    const layer = Service.pipe(
      Layer.provide(DatabaseUrl.layerFrom(Redacted.make(url), { isEmbedded: false })),
      Layer.provide(
        ConfigProvider.layer(
          ConfigProvider.fromUnknown({
            PORT: "0",
            RUN_SEEDS: "true",
            SHUTDOWN_LAME_DUCK_MS: "0",
            WEBHOOK_SECRET: SECRET,
            WEBHOOK_SECRET_PREVIOUS: PREVIOUS_SECRET,
            SECRET_KEY: SIGNING_KEY,
            SECRET_KEY_PREVIOUS: PREVIOUS_SIGNING_KEY,
            ...options.settings,
          }),
        ),
      ),
      Layer.provide(Layer.succeed(References.TracerEnabled, false)),
      Layer.provide(Layer.succeed(Metric.MetricRegistry, new Map())),
      Layer.provide(Layer.succeed(OrderStatusMapping, mapping)),
      Layer.provide(Logger.layer([listener(log)])),
    )
    const context = yield* Layer.buildWithMemoMap(layer, Layer.makeMemoMapUnsafe(), yield* Effect.scope)
    const { address } = Context.get(context, HttpServer.HttpServer)
    return { url: HttpServer.formatAddress(address), log } satisfies TestNode
  })

export const SIGNING_KEY = "test-signing-key-of-32-characters-or-more"
export const PREVIOUS_SIGNING_KEY = "test-signing-key-that-is-retiring-by-now"

const listener = (log: Array<LogLine>) =>
  Logger.make(({ message, logLevel, cause, fiber }) => {
    log.push({
      level: logLevel,
      text: JSON.stringify([message, fiber.getRef(References.CurrentLogAnnotations), cause]),
    })
  })
