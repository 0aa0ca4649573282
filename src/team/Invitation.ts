import * as Schema from "effect/Schema"
import type { UserRole } from "../auth/Role.ts"
import { UserId } from "../auth/User.ts"
import { Phone } from "../shared/Phone.ts"
import { ShopId } from "../shared/ShopId.ts"

/** The roles of a shop. SUPERADMIN is of the platform: nobody is given it in a team. */
export const TeamRole = Schema.Literals([
  "COURIER",
  "FLORIST",
  "MANAGER",
  "ADMIN",
  "DIRECTOR",
] as const satisfies ReadonlyArray<UserRole>)

/** Days in which an invitation can be accepted. */
export const LIFETIME_DAYS = 7

/** Wrong codes after which an invitation is over, so that six digits cannot be guessed. */
export const WRONG_CODES_MAX = 5

export const InvitationId = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2_147_483_647 })).pipe(
  Schema.brand("InvitationId"),
)
export type InvitationId = typeof InvitationId.Type

export const InvitationStatus = Schema.Literals(["pending", "accepted", "expired"])

export const Invitation = Schema.Struct({
  id: InvitationId,
  shop_id: ShopId,
  phone: Phone,
  name: Schema.String,
  role: TeamRole,
  invited_by: UserId,
  status: InvitationStatus,
  invitation_code: Schema.String,
  expires_at: Schema.Date,
  created_at: Schema.Date,
  updated_at: Schema.Date,
})
export type Invitation = typeof Invitation.Type
