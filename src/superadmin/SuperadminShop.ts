/** A shop as the operators of the platform see it. Money in tiyn, and in tenge where a field says so. */
import * as Schema from "effect/Schema"
import { UserId } from "../auth/User.ts"
import { ShopId } from "../shared/ShopId.ts"
import { toWireTime, WireTime } from "../shared/WireTime.ts"

const fields = {
  id: ShopId,
  name: Schema.String,
  owner_id: UserId,
  phone: Schema.NullOr(Schema.String),
  address: Schema.NullOr(Schema.String),
  city: Schema.NullOr(Schema.String),
  weekday_start: Schema.String,
  weekday_end: Schema.String,
  weekday_closed: Schema.Boolean,
  weekend_start: Schema.String,
  weekend_end: Schema.String,
  weekend_closed: Schema.Boolean,
  delivery_cost: Schema.Int,
  free_delivery_amount: Schema.Int,
  pickup_available: Schema.Boolean,
  delivery_available: Schema.Boolean,
  is_active: Schema.Boolean,
}

export const SuperadminShop = Schema.Struct({
  ...fields,
  created_at: Schema.Date,
  updated_at: Schema.Date,
})
export type SuperadminShop = typeof SuperadminShop.Type

export const SuperadminShopRead = Schema.Struct({
  ...fields,
  created_at: WireTime,
  updated_at: WireTime,
  delivery_cost_tenge: Schema.Int,
  free_delivery_amount_tenge: Schema.Int,
})

export const toSuperadminShopRead = (shop: SuperadminShop): typeof SuperadminShopRead.Type => ({
  ...shop,
  created_at: toWireTime(shop.created_at),
  updated_at: toWireTime(shop.updated_at),
  delivery_cost_tenge: Math.floor(shop.delivery_cost / TIYN_IN_TENGE),
  free_delivery_amount_tenge: Math.floor(shop.free_delivery_amount / TIYN_IN_TENGE),
})

const TIYN_IN_TENGE = 100
