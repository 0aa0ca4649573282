/**
 * What each role may do in its own shop: the one table. Its rows are the 29 permissions that the owners once wrote
 * down; a manager keeps besides what the old service let managers do (delete, team, settings).
 *
 * What only a director may do (keys of machines, the audit) and what every colleague may (own shop's opening hours)
 * is no permission; endpoints say it by their access decision.
 */
import type { UserRole } from "./Role.ts"

const D = ["SUPERADMIN", "DIRECTOR", "ADMIN"] as const
const M = [...D, "MANAGER"] as const
const F = [...M, "FLORIST"] as const
const all = [...F, "COURIER"] as const

export const rolesByPermission = {
  view_orders: all,
  view_order_details: all,
  create_orders: M,
  update_orders: F,
  manage_order_status: F,
  delete_orders: M,
  update_delivery_status: [...M, "COURIER"],

  view_products: F,
  create_products: M,
  update_products: M,
  delete_products: M,
  manage_product_recipes: F,

  view_warehouse: F,
  update_warehouse: F,
  conduct_inventory_checks: F,
  create_warehouse_items: M,
  delete_warehouse_items: M,

  view_clients: all,
  create_clients: M,
  update_clients: M,
  delete_clients: D,

  view_team_members: M,
  invite_team_members: M,
  remove_team_members: M,
  update_team_roles: M,

  view_shop_settings: M,
  update_shop_settings: M,

  view_analytics: M,
  export_reports: D,
} as const satisfies Record<string, ReadonlyArray<UserRole>>

export type Permission = keyof typeof rolesByPermission

export const permissions = Object.keys(rolesByPermission) as ReadonlyArray<Permission>

export const mayDo = (role: UserRole, permission: Permission): boolean =>
  (rolesByPermission[permission] as ReadonlyArray<UserRole>).includes(role)

/** What a key of a machine may be given: nothing that would let it make accounts or raise them. */
export const grantable: ReadonlyArray<Permission> = permissions.filter(
  (permission) => !permission.endsWith("_team_members") && permission !== "update_team_roles",
)
