import * as Schema from "effect/Schema"

/** From the least to the most that a role may do in its shop. SUPERADMIN is of the platform and not of a shop. */
export const roles = ["COURIER", "FLORIST", "MANAGER", "ADMIN", "DIRECTOR", "SUPERADMIN"] as const

export const UserRole = Schema.Literals(roles)
export type UserRole = typeof UserRole.Type

/** A number for every role, 0 where none is given. */
export const perRole = (numbers: ReadonlyArray<readonly [UserRole, number]>): Record<UserRole, number> => ({
  ...none,
  ...Object.fromEntries(numbers),
})
const none = { COURIER: 0, FLORIST: 0, MANAGER: 0, ADMIN: 0, DIRECTOR: 0, SUPERADMIN: 0 }

export const rank = (role: UserRole): number => roles.indexOf(role)
