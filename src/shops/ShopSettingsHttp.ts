import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import * as JsonBody from "../platform/JsonBody.ts"
import type { Settings } from "./Shop.ts"
import { AmountNegative, HoursInvalid } from "./Shop.ts"
import * as ShopHours from "./ShopHours.ts"
import { ShopSettings } from "./ShopSettings.ts"
import { DeliveryChange, HoursChange, SettingsChange } from "./ShopSettingsApi.ts"
import {
  fromTenge,
  toCurrentHours,
  toDeliveryQuote,
  toPublicSettings,
  toShopRead,
  toWeekHours,
} from "./ShopView.ts"

export const ShopSettingsHttp = HttpApiBuilder.group(Api, "shop", (handlers) =>
  Effect.gen(function* () {
    const settings = yield* ShopSettings
    return handlers
      .handle("publicSettings", ({ query }) =>
        Effect.map(settings.getPublic(query.shop_id), toPublicSettings),
      )
      .handle("settings", () => Effect.map(settings.get, toShopRead))
      .handleRaw("updateSettings", ({ request }) =>
        JsonBody.decode(SettingsChange)(request).pipe(
          Effect.flatMap(toSettings),
          Effect.flatMap(settings.update),
          Effect.map(toShopRead),
        ),
      )
      .handleRaw("updateHours", ({ request }) =>
        JsonBody.decode(HoursChange)(request).pipe(
          Effect.flatMap(withHours),
          Effect.flatMap(settings.update),
          Effect.map(toShopRead),
        ),
      )
      .handleRaw("updateDelivery", ({ request }) =>
        JsonBody.decode(DeliveryChange)(request).pipe(
          Effect.flatMap(settings.update),
          Effect.map(toShopRead),
        ),
      )
      .handle("weekHours", ({ query }) => Effect.map(settings.getPublic(query.shop_id), toWeekHours))
      .handle("currentHours", () =>
        Effect.zipWith(settings.get, Clock.currentTimeMillis, (shop, nowMs) =>
          toCurrentHours(new Date(nowMs))(shop),
        ),
      )
      .handle("calculateDelivery", ({ query }) =>
        query.order_total_tenge < 0
          ? Effect.fail(new AmountNegative({ detail: "Order total cannot be negative" }))
          : Effect.map(settings.get, toDeliveryQuote(query.order_total_tenge)),
      )
  }),
)

type Given = typeof SettingsChange.Type

const toSettings = ({ delivery_cost_tenge, free_delivery_amount_tenge, ...given }: Given) =>
  Effect.map(
    withHours(given),
    (change): Partial<Settings> => ({
      ...change,
      ...(delivery_cost_tenge === undefined ? {} : { delivery_cost: fromTenge(delivery_cost_tenge) }),
      ...(free_delivery_amount_tenge === undefined
        ? {}
        : { free_delivery_amount: fromTenge(free_delivery_amount_tenge) }),
    }),
  )

const timeFields = ["weekday_start", "weekday_end", "weekend_start", "weekend_end"] as const

const withHours = <A extends typeof HoursChange.Type>(given: A): Effect.Effect<A, HoursInvalid> => {
  const parsed: { -readonly [K in (typeof timeFields)[number]]?: string } = {}
  for (const field of timeFields) {
    const text = given[field]
    if (text === undefined) continue
    const time = ShopHours.parse(text)
    if (time === null) {
      return Effect.fail(
        new HoursInvalid({ detail: `Invalid time in ${field}: should be HH:MM, such as 09:00` }),
      )
    }
    parsed[field] = time
  }
  return Effect.succeed({ ...given, ...parsed })
}
