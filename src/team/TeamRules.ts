/**
 * Who may do what to whom in a team, as pure decisions; undefined means it is allowed.
 *
 * Nobody gives a role above their own, nobody touches a person above their own, only directors touch or make directors,
 * nobody raises their own role, and a shop keeps a director.
 */
import type { UserRole } from "../auth/Role.ts"
import { rank } from "../auth/Role.ts"
import type { UserId } from "../auth/User.ts"
import { DirectorsOnly, LastDirector, OwnAccountProtected, RoleChangeRefused } from "./TeamFault.ts"

export interface Person {
  readonly id: UserId
  readonly role: UserRole
}

const ABOVE = "Cannot manage a role above your own"

export const refuseInvitation = (by: Person, role: UserRole) => {
  if (role === "DIRECTOR" && by.role !== "DIRECTOR") return new DirectorsOnly()
  return rank(role) > rank(by.role) ? new RoleChangeRefused({ detail: ABOVE }) : undefined
}

export const refuseRemoval = (by: Person, colleague: Person) => {
  if (by.id === colleague.id) return new OwnAccountProtected()
  if (colleague.role === "DIRECTOR" && by.role !== "DIRECTOR") {
    return new DirectorsOnly({ detail: "Only directors can remove other directors" })
  }
  return rank(colleague.role) > rank(by.role) ? new RoleChangeRefused({ detail: ABOVE }) : undefined
}

/** `directors` are the active ones of the shop, locked. */
export const refuseRoleChange = (
  by: Person,
  colleague: Person,
  role: UserRole,
  directors: ReadonlyArray<{ readonly id: UserId }>,
) => {
  if (role === colleague.role) return undefined
  if ((colleague.role === "DIRECTOR" || role === "DIRECTOR") && by.role !== "DIRECTOR")
    return new DirectorsOnly()
  if (colleague.role === "DIRECTOR" && directors.length <= 1) return new LastDirector()
  if (by.id === colleague.id) return refuseOwnRoleChange(by, role)
  return Math.max(rank(role), rank(colleague.role)) > rank(by.role)
    ? new RoleChangeRefused({ detail: ABOVE })
    : undefined
}

export const refuseOwnRoleChange = (by: Person, role: UserRole) => {
  if (role === by.role) return undefined
  if (by.role === "DIRECTOR") {
    return new OwnAccountProtected({ detail: "Cannot demote yourself from director role" })
  }
  return rank(by.role) < rank("MANAGER") || rank(role) > rank(by.role) ? new RoleChangeRefused() : undefined
}
