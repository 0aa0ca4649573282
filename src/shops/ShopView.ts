/** How shops look on the wire. Money is in tiyn, except where a field ends in `_tenge`: those are whole tenge. */
import * as Schema from "effect/Schema"
import { UserId } from "../auth/User.ts"
import { ShopId } from "../shared/ShopId.ts"
import { Tiyn } from "../shared/Tiyn.ts"
import { toWireTime, WireTime } from "../shared/WireTime.ts"
import type { Shop } from "./Shop.ts"
import { City } from "./Shop.ts"
import * as ShopHours from "./ShopHours.ts"

const Text = Schema.NullOr(Schema.String)
const Money = Tiyn.annotate({ description: "Tiyn, 1/100 tenge" })
const Tenge = Schema.Int.annotate({ description: "Whole tenge" })
const Time = Schema.String.annotate({ description: "`HH:MM` by the clock of the shop" })
const Hours = Schema.String.annotate({ description: "`09:00 - 18:00` or `Closed`" })

const hours = {
  weekday_start: Time,
  weekday_end: Time,
  weekday_closed: Schema.Boolean,
  weekend_start: Time,
  weekend_end: Time,
  weekend_closed: Schema.Boolean,
}

export const ShopRead = Schema.Struct({
  id: ShopId,
  name: Schema.String,
  owner_id: UserId,
  phone: Text,
  address: Text,
  city: Schema.NullOr(City),
  ...hours,
  delivery_cost: Money,
  free_delivery_amount: Money,
  delivery_cost_tenge: Tenge,
  free_delivery_amount_tenge: Tenge,
  pickup_available: Schema.Boolean,
  delivery_available: Schema.Boolean,
  is_active: Schema.Boolean.annotate({ description: "False when the shop is blocked" }),
  created_at: WireTime,
  updated_at: WireTime,
})

export const PublicSettings = Schema.Struct({
  shop_name: Schema.String,
  phone: Text,
  address: Text,
  city: Schema.NullOr(City),
  weekday_hours: Hours,
  weekend_hours: Hours,
  weekday_closed: Schema.Boolean,
  weekend_closed: Schema.Boolean,
  delivery_cost_tenge: Tenge,
  free_delivery_threshold_tenge: Tenge,
  pickup_available: Schema.Boolean,
  delivery_available: Schema.Boolean,
})

export const WeekHours = Schema.Struct({
  monday: Hours,
  tuesday: Hours,
  wednesday: Hours,
  thursday: Hours,
  friday: Hours,
  saturday: Hours,
  sunday: Hours,
  weekday_closed: Schema.Boolean,
  weekend_closed: Schema.Boolean,
})

export const CurrentHours = Schema.Struct({
  is_open: Schema.Boolean,
  current_time: Time,
  current_day: Schema.Literals(ShopHours.days),
  shop_name: Schema.String,
  address: Text,
  city: Schema.NullOr(City),
  day_type: Schema.Literals(["weekday", "weekend"]),
  hours: Hours,
  closed: Schema.Boolean.annotate({ description: "Whether the shop is closed all day" }),
})

export const DeliveryQuote = Schema.Struct({
  order_total_tenge: Tenge,
  delivery_cost_tenge: Tenge,
  free_delivery: Schema.Boolean,
  free_delivery_threshold_tenge: Tenge,
  amount_needed_for_free_delivery_tenge: Tenge,
  pickup_available: Schema.Boolean,
  delivery_available: Schema.Boolean,
})

export const ShopPublicListItem = Schema.Struct({
  id: ShopId,
  name: Schema.String,
  city: Schema.NullOr(City),
  phone: Text,
  address: Text,
  delivery_cost_tenge: Tenge,
  delivery_available: Schema.Boolean,
  pickup_available: Schema.Boolean,
  rating: Schema.NullOr(Schema.Finite).annotate({ description: "Mean of the reviews; null without any" }),
  review_count: Schema.Int,
  is_open: Schema.Boolean.annotate({ description: "Now, by the clock of the shop" }),
})

export const ShopPublicDetail = Schema.Struct({
  ...ShopPublicListItem.fields,
  ...hours,
  free_delivery_amount_tenge: Tenge,
})

const TIYN_PER_TENGE = 100
const toTenge = (tiyn: Tiyn): number => Math.floor(tiyn / TIYN_PER_TENGE)
export const fromTenge = (tenge: number): Tiyn => Tiyn.make(tenge * TIYN_PER_TENGE)

const toHours = (shop: Shop) => ({
  weekday_start: shop.weekday_start,
  weekday_end: shop.weekday_end,
  weekday_closed: shop.weekday_closed,
  weekend_start: shop.weekend_start,
  weekend_end: shop.weekend_end,
  weekend_closed: shop.weekend_closed,
})

export const toShopRead = (shop: Shop): typeof ShopRead.Type => ({
  id: shop.id,
  name: shop.name,
  owner_id: shop.owner_id,
  phone: shop.phone,
  address: shop.address,
  city: shop.city,
  ...toHours(shop),
  delivery_cost: shop.delivery_cost,
  free_delivery_amount: shop.free_delivery_amount,
  delivery_cost_tenge: toTenge(shop.delivery_cost),
  free_delivery_amount_tenge: toTenge(shop.free_delivery_amount),
  pickup_available: shop.pickup_available,
  delivery_available: shop.delivery_available,
  is_active: shop.is_active,
  created_at: toWireTime(shop.created_at),
  updated_at: toWireTime(shop.updated_at),
})

export const toPublicSettings = (shop: Shop): typeof PublicSettings.Type => ({
  shop_name: shop.name,
  phone: shop.phone,
  address: shop.address,
  city: shop.city,
  weekday_hours: ShopHours.textOf(shop, "weekday"),
  weekend_hours: ShopHours.textOf(shop, "weekend"),
  weekday_closed: shop.weekday_closed,
  weekend_closed: shop.weekend_closed,
  delivery_cost_tenge: toTenge(shop.delivery_cost),
  free_delivery_threshold_tenge: toTenge(shop.free_delivery_amount),
  pickup_available: shop.pickup_available,
  delivery_available: shop.delivery_available,
})

export const toWeekHours = (shop: Shop): typeof WeekHours.Type => {
  const weekday = ShopHours.textOf(shop, "weekday")
  const weekend = ShopHours.textOf(shop, "weekend")
  return {
    monday: weekday,
    tuesday: weekday,
    wednesday: weekday,
    thursday: weekday,
    friday: weekday,
    saturday: weekend,
    sunday: weekend,
    weekday_closed: shop.weekday_closed,
    weekend_closed: shop.weekend_closed,
  }
}

export const toCurrentHours =
  (at: Date) =>
  (shop: Shop): typeof CurrentHours.Type => {
    const { day, time } = ShopHours.localTime(shop.time_zone, at)
    const dayType = ShopHours.dayTypeOf(day)
    return {
      is_open: ShopHours.isOpenAt(shop, at),
      current_time: time,
      current_day: day,
      shop_name: shop.name,
      address: shop.address,
      city: shop.city,
      day_type: dayType,
      hours: ShopHours.textOf(shop, dayType),
      closed: dayType === "weekday" ? shop.weekday_closed : shop.weekend_closed,
    }
  }

export const toDeliveryQuote =
  (orderTotalTenge: number) =>
  (shop: Shop): typeof DeliveryQuote.Type => {
    const missingTiyn = Math.max(0, shop.free_delivery_amount - fromTenge(orderTotalTenge))
    return {
      order_total_tenge: orderTotalTenge,
      delivery_cost_tenge: missingTiyn === 0 ? 0 : toTenge(shop.delivery_cost),
      free_delivery: missingTiyn === 0,
      free_delivery_threshold_tenge: toTenge(shop.free_delivery_amount),
      amount_needed_for_free_delivery_tenge: Math.ceil(missingTiyn / TIYN_PER_TENGE),
      pickup_available: shop.pickup_available,
      delivery_available: shop.delivery_available,
    }
  }

export const toPublicListItem =
  (at: Date) =>
  (shop: Shop): typeof ShopPublicListItem.Type => ({
    id: shop.id,
    name: shop.name,
    city: shop.city,
    phone: shop.phone,
    address: shop.address,
    delivery_cost_tenge: toTenge(shop.delivery_cost),
    delivery_available: shop.delivery_available,
    pickup_available: shop.pickup_available,
    rating: shop.review_count === 0 ? null : shop.rating_sum / shop.review_count,
    review_count: shop.review_count,
    is_open: ShopHours.isOpenAt(shop, at),
  })

export const toPublicDetail =
  (at: Date) =>
  (shop: Shop): typeof ShopPublicDetail.Type => ({
    ...toPublicListItem(at)(shop),
    ...toHours(shop),
    free_delivery_amount_tenge: toTenge(shop.free_delivery_amount),
  })
