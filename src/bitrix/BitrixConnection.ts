/**
 * The Bitrix installation that may call us: which shop it speaks for and how it proves who it is.
 * Two secrets are live at once, so that the sender can be switched over without a lost event.
 */
import { hash, timingSafeEqual } from "node:crypto"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Secret from "../platform/Secret.ts"
import { ShopId } from "../shared/ShopId.ts"

const PRODUCTION_SHOP_ID = 17_008

export class BitrixConnection extends Context.Service<
  BitrixConnection,
  {
    readonly shopId: ShopId
    /** Takes the same time for every secret that is not ours. */
    readonly isAuthentic: (secret: Redacted.Redacted) => boolean
  }
>()("cvety/bitrix/BitrixConnection") {
  static readonly layer = Layer.effect(
    BitrixConnection,
    Effect.gen(function* () {
      const shopId = yield* Config.schema(ShopId, "WEBHOOK_SHOP_ID").pipe(
        Config.withDefault(ShopId.make(PRODUCTION_SHOP_ID)),
      )
      const { current, previous } = yield* Secret.pair("WEBHOOK_SECRET")
      const currentDigest = digest(current)
      const previousDigest = digest(previous ?? current)
      return {
        shopId,
        isAuthentic: (secret) => {
          const given = digest(secret)
          const isCurrent = timingSafeEqual(given, currentDigest)
          const isPrevious = timingSafeEqual(given, previousDigest)
          return isCurrent || isPrevious
        },
      }
    }),
  )
}

const digest = (secret: Redacted.Redacted) => hash("sha256", Redacted.value(secret), "buffer")
