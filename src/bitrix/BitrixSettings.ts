/**
 * The connection that the settings describe: of the shop `WEBHOOK_SHOP_ID`, until a row of `bitrix_connection` says
 * otherwise. Two webhook secrets are live at once, so that the sender can be switched over without a lost event.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Secret from "../platform/Secret.ts"
import { ShopId } from "../shared/ShopId.ts"
import type { BitrixConnection } from "./BitrixConnection.ts"
import { digestOf } from "./BitrixConnection.ts"

const PRODUCTION_SHOP_ID = 17_008
export const UPDATE_PATH = "products/update-from-railway/{id}"
export const REQUESTS_PER_SECOND_MAX = 20
const PerSecond = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 10_000 }))
const BaseUrl = Schema.String.check(Schema.isPattern(/^https?:\/\/[^?#\s]+$/))

export class BitrixSettings extends Context.Service<BitrixSettings, BitrixConnection>()(
  "cvety/bitrix/BitrixSettings",
) {
  static readonly layer = Layer.effect(
    BitrixSettings,
    Effect.gen(function* () {
      const shopId = yield* Config.schema(ShopId, "WEBHOOK_SHOP_ID").pipe(
        Config.withDefault(ShopId.make(PRODUCTION_SHOP_ID)),
      )
      const { current, previous } = yield* Secret.pair("WEBHOOK_SECRET")
      const baseUrl = yield* Config.option(Config.schema(BaseUrl, "BITRIX_BASE_URL"))
      const token = yield* Config.option(Config.Redacted("BITRIX_TOKEN"))
      const updatePath = yield* Config.String("BITRIX_UPDATE_PATH").pipe(Config.withDefault(UPDATE_PATH))
      const requestsPerSecondMax = yield* Config.schema(PerSecond, "BITRIX_REQUESTS_PER_SECOND_MAX").pipe(
        Config.withDefault(REQUESTS_PER_SECOND_MAX),
      )
      return {
        shopId,
        api:
          Option.isSome(baseUrl) && Option.isSome(token)
            ? {
                baseUrl: baseUrl.value.replace(/\/+$/, ""),
                updatePath: updatePath.replace(/^\/+/, ""),
                token: token.value,
                requestsPerSecondMax,
              }
            : null,
        secretDigests: [digestOf(current), ...(previous === undefined ? [] : [digestOf(previous)])],
      }
    }),
  )
}
