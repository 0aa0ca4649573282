import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "../auth/Access.ts"
import { ShopAccess, StaffAccess } from "../auth/Access.ts"
import { bodyFaults } from "../shared/BodyFault.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { PhoneInput } from "../shared/Phone.ts"
import { intBetween, numberInText } from "../shared/QueryValue.ts"
import { ShopId } from "../shared/ShopId.ts"
import { filledTextUpTo, textUpTo } from "../shared/Text.ts"
import { Tiyn } from "../shared/Tiyn.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import { AmountNegative, City, FulfilmentMissing, HoursInvalid, ShopNotFound } from "./Shop.ts"
import { CurrentHours, DeliveryQuote, PublicSettings, ShopRead, WeekHours } from "./ShopView.ts"

const NAME_CHARS_MAX = 200
const ADDRESS_CHARS_MAX = 500
const TIME_CHARS_MAX = 20
/** What the columns hold. */
const AMOUNT_TIYN_MAX = 2_147_483_647
const AMOUNT_TENGE_MAX = Math.floor(AMOUNT_TIYN_MAX / 100)
const ORDER_TENGE_MAX = 1_000_000_000_000

const GivenTime = Schema.String.check(Schema.isMaxLength(TIME_CHARS_MAX)).annotate({
  description: "`HH:MM`; `9:5` is 09:05. An end before the beginning is after midnight",
})
const GivenTenge = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: AMOUNT_TENGE_MAX })).annotate({
  description: "Whole tenge",
})
const GivenTiyn = Tiyn.check(Schema.isLessThanOrEqualTo(AMOUNT_TIYN_MAX)).annotate({
  description: "Tiyn, 1/100 tenge",
})

export const HoursChange = Schema.Struct({
  weekday_start: Schema.optionalKey(GivenTime),
  weekday_end: Schema.optionalKey(GivenTime),
  weekday_closed: Schema.optionalKey(Schema.Boolean),
  weekend_start: Schema.optionalKey(GivenTime),
  weekend_end: Schema.optionalKey(GivenTime),
  weekend_closed: Schema.optionalKey(Schema.Boolean),
}).annotate({ examples: [{ weekday_start: "09:00", weekday_end: "20:00", weekend_closed: true }] })

export const SettingsChange = Schema.Struct({
  name: Schema.optionalKey(filledTextUpTo(NAME_CHARS_MAX)),
  phone: Schema.optionalKey(Schema.NullOr(PhoneInput)),
  address: Schema.optionalKey(Schema.NullOr(textUpTo(ADDRESS_CHARS_MAX))),
  city: Schema.optionalKey(Schema.NullOr(City)),
  ...HoursChange.fields,
  delivery_cost_tenge: Schema.optionalKey(GivenTenge),
  free_delivery_amount_tenge: Schema.optionalKey(GivenTenge),
  pickup_available: Schema.optionalKey(Schema.Boolean),
  delivery_available: Schema.optionalKey(Schema.Boolean),
}).annotate({ examples: [{ name: "Розы", city: "Almaty", delivery_cost_tenge: 1_500 }] })

export const DeliveryChange = Schema.Struct({
  delivery_cost: Schema.optionalKey(GivenTiyn),
  free_delivery_amount: Schema.optionalKey(GivenTiyn),
  pickup_available: Schema.optionalKey(Schema.Boolean),
  delivery_available: Schema.optionalKey(Schema.Boolean),
}).annotate({ examples: [{ delivery_cost: Tiyn.make(150_000), pickup_available: true }] })

const NamedShop = { shop_id: numberInText(ShopId) }

const changeFaults = [
  ...bodyFaults,
  ShopNotFound,
  HoursInvalid,
  FulfilmentMissing,
  AmountNegative,
  DatabaseUnavailable,
] as const

/** Settings of one's own shop, and what everybody may see of any. */
export class ShopSettingsApi extends HttpApiGroup.make("shop")
  .add(
    HttpApiEndpoint.get("publicSettings", "/settings/public", {
      query: NamedShop,
      success: PublicSettings,
      error: [ShopNotFound, ValidationFailed, DatabaseUnavailable],
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(OpenApi.annotations({ summary: "What customers see of a shop, blocked or not" })),
    HttpApiEndpoint.get("settings", "/settings", {
      success: ShopRead,
      error: [ShopNotFound, DatabaseUnavailable],
    })
      .middleware(ShopAccess)
      .annotateMerge(Access.permission("view_shop_settings"))
      .annotateMerge(OpenApi.annotations({ summary: "Settings of my shop" })),
    HttpApiEndpoint.put("updateSettings", "/settings", {
      payload: SettingsChange,
      success: ShopRead,
      error: changeFaults,
    })
      .middleware(ShopAccess)
      .annotateMerge(Access.permission("update_shop_settings"))
      .annotateMerge(
        OpenApi.annotations({
          summary: "Change settings of my shop",
          description:
            "Only the given fields change. Hours that are none are a 400, as in /working-hours; so is a shop with neither pickup nor delivery.",
        }),
      ),
    HttpApiEndpoint.put("updateHours", "/working-hours", {
      payload: HoursChange,
      success: ShopRead,
      error: changeFaults,
    })
      .middleware(ShopAccess)
      .annotateMerge(Access.permission("update_shop_settings"))
      .annotateMerge(OpenApi.annotations({ summary: "Change the working hours of my shop" })),
    HttpApiEndpoint.put("updateDelivery", "/delivery", {
      payload: DeliveryChange,
      success: ShopRead,
      error: changeFaults,
    })
      .middleware(ShopAccess)
      .annotateMerge(Access.permission("update_shop_settings"))
      .annotateMerge(OpenApi.annotations({ summary: "Change delivery and pickup of my shop, in tiyn" })),
    HttpApiEndpoint.get("weekHours", "/working-hours", {
      query: NamedShop,
      success: WeekHours,
      error: [ShopNotFound, ValidationFailed, DatabaseUnavailable],
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(OpenApi.annotations({ summary: "Working hours of a shop by day, blocked or not" })),
    HttpApiEndpoint.get("currentHours", "/hours/current", {
      success: CurrentHours,
      error: [ShopNotFound, DatabaseUnavailable],
    })
      .middleware(StaffAccess)
      .annotateMerge(Access.colleague)
      .annotateMerge(OpenApi.annotations({ summary: "Whether my shop is open now, by its own clock" })),
    HttpApiEndpoint.get("calculateDelivery", "/delivery/calculate", {
      query: {
        order_total_tenge: intBetween(-ORDER_TENGE_MAX, ORDER_TENGE_MAX),
      },
      success: DeliveryQuote,
      error: [AmountNegative, ShopNotFound, ValidationFailed, DatabaseUnavailable],
    })
      .middleware(StaffAccess)
      .annotateMerge(Access.colleague)
      .annotateMerge(OpenApi.annotations({ summary: "What delivery costs for an order of this total" })),
  )
  .prefix("/api/v1/shop")
  .annotateMerge(OpenApi.annotations({ title: "Shop settings" })) {}
