import * as Schema from "effect/Schema"
import { ShopId } from "../shared/ShopId.ts"
import { UserRole } from "./Role.ts"
import { UserId } from "./User.ts"

/** The claims that clients decode. `ver` and `jti` are missing from tokens of the old service. */
export const TokenClaims = Schema.Struct({
  sub: Schema.String,
  user_id: Schema.optionalKey(Schema.Int),
  phone: Schema.String,
  role: UserRole,
  shop_id: Schema.NullOr(ShopId),
  ver: Schema.optionalKey(Schema.Int),
  jti: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(64))),
  exp: Schema.Finite,
})

/** What a valid token says: who, under which version of their account, until when. */
export interface Session {
  readonly id: string
  readonly userId: UserId
  readonly role: UserRole
  readonly shopId: ShopId | null
  readonly version: number
  readonly expiresAt: Date
}
