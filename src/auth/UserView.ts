/** How accounts look on the wire. `UserResponse` has no shop: clients take it from the token. */
import * as Schema from "effect/Schema"
import { ShopId } from "../shared/ShopId.ts"
import { toWireTime, WireTime } from "../shared/WireTime.ts"
import { UserRole } from "./Role.ts"
import type { User } from "./User.ts"
import { UserId } from "./User.ts"

export const UserResponse = Schema.Struct({
  id: UserId,
  name: Schema.String,
  phone: Schema.String,
  role: UserRole,
  is_active: Schema.Boolean,
  is_superadmin: Schema.Boolean,
  invited_by: Schema.NullOr(UserId),
  created_at: WireTime,
  updated_at: WireTime,
})

export const UserRead = Schema.Struct({ ...UserResponse.fields, shop_id: Schema.NullOr(ShopId) })

export const toUserResponse = (user: User): typeof UserResponse.Type => ({
  id: user.id,
  name: user.name,
  phone: user.phone,
  role: user.role,
  is_active: user.is_active,
  is_superadmin: user.is_superadmin,
  invited_by: user.invited_by,
  created_at: toWireTime(user.created_at),
  updated_at: toWireTime(user.updated_at),
})

export const toUserRead = (user: User): typeof UserRead.Type => ({
  ...toUserResponse(user),
  shop_id: user.shop_id,
})

/** What a login answers. */
export const AccessToken = Schema.Struct({
  access_token: Schema.String.annotate({ description: "For `Authorization: Bearer`, seven days" }),
  token_type: Schema.Literal("bearer"),
  user: UserResponse,
})

export const toAccessToken = (loggedIn: {
  readonly token: string
  readonly account: User
}): typeof AccessToken.Type => ({
  access_token: loggedIn.token,
  token_type: "bearer",
  user: toUserResponse(loggedIn.account),
})
