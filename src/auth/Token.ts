import * as Schema from "effect/Schema"
import { ShopId } from "../shared/ShopId.ts"

export const UserRole = Schema.Literals(["SUPERADMIN", "ADMIN", "DIRECTOR", "MANAGER", "FLORIST", "COURIER"])

/** The claims that clients decode; `sub` is the user id as text, `exp` in seconds. */
export const TokenClaims = Schema.Struct({
  sub: Schema.String,
  user_id: Schema.optionalKey(Schema.Int),
  phone: Schema.String,
  role: UserRole,
  shop_id: Schema.NullOr(ShopId),
})
export type TokenClaims = typeof TokenClaims.Type
