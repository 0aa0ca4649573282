import { assert, it } from "@effect/vitest"
import { rolesByPermission } from "../../src/auth/Permission.ts"

/**
 * The owners' table, one line a permission: director, manager, florist, courier. A capital X is what the live service
 * lets managers do beyond it.
 */
const TABLE = `
  view_orders              x x x x
  view_order_details       x x x x
  create_orders            x x . .
  update_orders            x x x .
  manage_order_status      x x x .
  delete_orders            x X . .
  update_delivery_status   x X . x
  view_products            x x x .
  create_products          x x . .
  update_products          x x . .
  delete_products          x X . .
  manage_product_recipes   x x x .
  view_warehouse           x x x .
  update_warehouse         x x x .
  conduct_inventory_checks x x x .
  create_warehouse_items   x X . .
  delete_warehouse_items   x X . .
  view_clients             x x x x
  create_clients           x x . .
  update_clients           x x . .
  delete_clients           x . . .
  view_team_members        x x . .
  invite_team_members      x X . .
  remove_team_members      x X . .
  update_team_roles        x X . .
  view_shop_settings       x x . .
  update_shop_settings     x X . .
  view_analytics           x x . .
  export_reports           x . . .`

const rowsOfTable = TABLE.trim()
  .split("\n")
  .map((line) => line.trim().split(/\s+/))

it("gives each role the permissions of the owners' table, and managers what they can do today", () => {
  assert.strictEqual(rowsOfTable.length, 29)
  const expected = rowsOfTable.map(([permission = "", ...marks]) => {
    const people = ["DIRECTOR", "MANAGER", "FLORIST", "COURIER"].filter((_, i) => marks[i] !== ".")
    return [permission, ["ADMIN", "SUPERADMIN", ...people].toSorted()]
  })
  const actual = Object.entries(rolesByPermission).map(([name, roles]) => [name, [...roles].toSorted()])
  assert.deepStrictEqual(Object.fromEntries(actual), Object.fromEntries(expected))
})

it("has the owners' totals of 29, 18, 10 and 4 apart from what managers have besides", () => {
  const totals = [1, 2, 3, 4].map((column) => rowsOfTable.filter((row) => row[column] === "x").length)
  assert.deepStrictEqual(totals, [29, 18, 10, 4])
})
