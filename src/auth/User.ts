import * as Schema from "effect/Schema"
import { fault } from "../shared/Fault.ts"
import { Phone } from "../shared/Phone.ts"
import { ShopId } from "../shared/ShopId.ts"
import { UserRole } from "./Role.ts"

export const UserId = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2_147_483_647 })).pipe(
  Schema.brand("UserId"),
)
export type UserId = typeof UserId.Type

/** An account as everybody may read it: without its password. */
export const User = Schema.Struct({
  id: UserId,
  name: Schema.String,
  phone: Phone,
  role: UserRole,
  is_active: Schema.Boolean,
  is_superadmin: Schema.Boolean,
  invited_by: Schema.NullOr(UserId),
  shop_id: Schema.NullOr(ShopId),
  created_at: Schema.Date,
  updated_at: Schema.Date,
})
export type User = typeof User.Type

/** An account with what a login and a session are held against. */
export const Account = Schema.Struct({
  ...User.fields,
  password_hash: Schema.String,
  token_version: Schema.Int,
  /** Null for an account of no shop. */
  is_shop_active: Schema.NullOr(Schema.Boolean),
})
export type Account = typeof Account.Type

/** Whether a blocked shop keeps the account from acting; an operator of the platform acts all the same. */
export const isShut = ({ is_shop_active, is_superadmin }: Account): boolean =>
  is_shop_active === false && !is_superadmin

export class UserNotFound extends Schema.Error<UserNotFound>("UserNotFound")(
  fault("UserNotFound", "User not found"),
  { httpApiStatus: 404 },
) {}

/** The text is for whoever registers; the team has its own words for it. */
export class PhoneTaken extends Schema.Error<PhoneTaken>("PhoneTaken")(
  fault("PhoneTaken", "Phone number already registered"),
  { httpApiStatus: 400 },
) {}
