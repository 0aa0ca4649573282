/**
 * Who may do what to whom in a team, as pure decisions; undefined means it is allowed.
 *
 * Nobody gives a role above their own, nobody touches a person above their own, only directors touch or make directors,
 * nobody raises their own role, and a shop keeps a director. An operator of the platform is above everybody.
 */
import type { UserRole } from "../auth/Role.ts"
import { rank } from "../auth/Role.ts"
import type { UserId } from "../auth/User.ts"
import { DirectorsOnly, LastDirector, OwnAccountProtected, RoleChangeRefused } from "./TeamFault.ts"

export interface Person {
  readonly id: UserId
  readonly role: UserRole
}

export interface Colleague extends Person {
  readonly is_superadmin: boolean
}

const ABOVE = "Cannot manage a role above your own"

export const refuseInvitation = (by: Person, role: UserRole) => {
  if (role === "DIRECTOR" && by.role !== "DIRECTOR") return new DirectorsOnly()
  return rank(role) > rank(by.role) ? new RoleChangeRefused({ detail: ABOVE }) : undefined
}

/** Whoever reads the code of an invitation can accept it themselves. */
export const mayReadCode = (by: UserRole, invited: UserRole): boolean => rank(invited) <= rank(by)

export const refuseRemoval = (by: Person, colleague: Colleague) => {
  if (by.id === colleague.id) return new OwnAccountProtected()
  if (colleague.role === "DIRECTOR" && by.role !== "DIRECTOR") {
    return new DirectorsOnly({ detail: "Only directors can remove other directors" })
  }
  return isAbove(by, colleague) ? new RoleChangeRefused({ detail: ABOVE }) : undefined
}

/** `directors` are the active ones of the shop, locked. */
export const refuseRoleChange = (
  by: Person,
  colleague: Colleague,
  role: UserRole,
  directors: ReadonlyArray<{ readonly id: UserId }>,
) => {
  if (role === colleague.role) return undefined
  if ((colleague.role === "DIRECTOR" || role === "DIRECTOR") && by.role !== "DIRECTOR")
    return new DirectorsOnly()
  if (colleague.role === "DIRECTOR" && directors.length <= 1) return new LastDirector()
  if (by.id === colleague.id) return refuseOwnRoleChange(by, role)
  return rank(role) > rank(by.role) || isAbove(by, colleague)
    ? new RoleChangeRefused({ detail: ABOVE })
    : undefined
}

const isAbove = (by: Person, colleague: Colleague): boolean =>
  colleague.is_superadmin || rank(colleague.role) > rank(by.role)

export const refuseOwnRoleChange = (by: Person, role: UserRole) => {
  if (role === by.role) return undefined
  if (by.role === "DIRECTOR") {
    return new OwnAccountProtected({ detail: "Cannot demote yourself from director role" })
  }
  return rank(by.role) < rank("MANAGER") || rank(role) > rank(by.role) ? new RoleChangeRefused() : undefined
}
