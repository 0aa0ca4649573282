import * as Schema from "effect/Schema"
import { UserId } from "../auth/User.ts"
import { fault } from "../shared/Fault.ts"
import { Phone } from "../shared/Phone.ts"
import { ShopId } from "../shared/ShopId.ts"
import { Tiyn } from "../shared/Tiyn.ts"

export const City = Schema.Literals(["Almaty", "Astana"])
export type City = typeof City.Type

/** The name of a shop until somebody gives it one. */
export const DEFAULT_NAME = "Мой магазин"

/** A shop as its row reads. Hours are `HH:MM` by the clock of its own zone. */
export const Shop = Schema.Struct({
  id: ShopId,
  name: Schema.String,
  owner_id: UserId,
  phone: Schema.NullOr(Phone),
  address: Schema.NullOr(Schema.String),
  city: Schema.NullOr(City),
  weekday_start: Schema.String,
  weekday_end: Schema.String,
  weekday_closed: Schema.Boolean,
  weekend_start: Schema.String,
  weekend_end: Schema.String,
  weekend_closed: Schema.Boolean,
  delivery_cost: Tiyn,
  free_delivery_amount: Tiyn,
  pickup_available: Schema.Boolean,
  delivery_available: Schema.Boolean,
  is_active: Schema.Boolean,
  time_zone: Schema.String,
  review_count: Schema.Int,
  rating_sum: Schema.Int,
  created_at: Schema.Date,
  updated_at: Schema.Date,
})
export type Shop = typeof Shop.Type

/** What must be known, under the lock of its row, to change a shop and to tell the operators of it. */
export const LockedShop = Schema.Struct({
  ...Shop.fields,
  owner_name: Schema.NullOr(Schema.String),
  owner_phone: Schema.NullOr(Phone),
  /** When this transaction began. */
  now: Schema.Date,
})
export type LockedShop = typeof LockedShop.Type

/** What the people of a shop may change of it. */
export type Settings = Pick<
  Shop,
  | "name"
  | "phone"
  | "address"
  | "city"
  | "weekday_start"
  | "weekday_end"
  | "weekday_closed"
  | "weekend_start"
  | "weekend_end"
  | "weekend_closed"
  | "delivery_cost"
  | "free_delivery_amount"
  | "pickup_available"
  | "delivery_available"
>

export class ShopNotFound extends Schema.Error<ShopNotFound>("ShopNotFound")(
  fault("ShopNotFound", "Shop not found"),
  { httpApiStatus: 404 },
) {}

export class HoursInvalid extends Schema.Error<HoursInvalid>("HoursInvalid")(
  fault("HoursInvalid", "Working hours should be HH:MM, such as 09:00"),
  { httpApiStatus: 400 },
) {}

export class FulfilmentMissing extends Schema.Error<FulfilmentMissing>("FulfilmentMissing")(
  fault("FulfilmentMissing", "At least one of pickup and delivery must be available"),
  { httpApiStatus: 400 },
) {}

export class AmountNegative extends Schema.Error<AmountNegative>("AmountNegative")(
  fault("AmountNegative", "Amount cannot be negative"),
  { httpApiStatus: 400 },
) {}
