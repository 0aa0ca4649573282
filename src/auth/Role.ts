import * as Schema from "effect/Schema"

/** From the least to the most that a role may do in its shop. SUPERADMIN is of the platform and not of a shop. */
export const roles = ["COURIER", "FLORIST", "MANAGER", "ADMIN", "DIRECTOR", "SUPERADMIN"] as const

export const UserRole = Schema.Literals(roles)
export type UserRole = typeof UserRole.Type

export const rank = (role: UserRole): number => roles.indexOf(role)
