/** Places of shops, as they show themselves and as the operators of the platform see them. */
import { insertOrder, insertProduct, insertUser, ORDER } from "../support/MarkedShop.ts"
import { publishedOfProduct } from "./catalogueOperations.ts"
import type { Places } from "./places.ts"

const colleague = (shop: number, place: number) => insertUser(shop, place, "COURIER")

export const shops: Places = {
  "GET /api/v1/shop/settings/public": {
    success: 200,
    record: { of: "shop" },
    publishes: ["shop_name", "phone", "address"],
    call: ({ id }) => ({ query: { shop_id: id } }),
  },
  "GET /api/v1/shop/settings": { success: 200, isForMachines: true, call: () => ({}) },
  "PUT /api/v1/shop/settings": {
    success: 200,
    isForMachines: true,
    call: ({ shop }) => ({ body: { name: `Новый магазин ${shop}`, delivery_cost_tenge: 1_000 } }),
  },
  "PUT /api/v1/shop/working-hours": {
    success: 200,
    isForMachines: true,
    call: () => ({ body: { weekday_start: "08:00", weekday_end: "20:00" } }),
  },
  "PUT /api/v1/shop/delivery": {
    success: 200,
    isForMachines: true,
    call: () => ({ body: { delivery_cost: 100_000 } }),
  },
  "GET /api/v1/shop/working-hours": {
    success: 200,
    record: { of: "shop" },
    call: ({ id }) => ({ query: { shop_id: id } }),
  },
  "GET /api/v1/shop/hours/current": { success: 200, call: () => ({}) },
  "GET /api/v1/shop/delivery/calculate": {
    success: 200,
    call: () => ({ query: { order_total_tenge: "5000" } }),
  },
  "GET /api/v1/shops": {
    success: 200,
    isDirectory: true,
    publishes: ["id", "name", "phone", "address"],
    call: () => ({ query: { limit: "100" } }),
  },
  "GET /api/v1/shops/{shop_id}": {
    success: 200,
    record: { of: "shop" },
    publishes: ["id", "name", "phone", "address"],
    call: () => ({}),
  },
  "GET /api/v1/shops/{shop_id}/products": {
    success: 200,
    record: { of: "shop" },
    publishes: publishedOfProduct,
    call: () => ({}),
  },
}

export const superadmin: Places = {
  "GET /api/v1/superadmin/shops": { success: 200, call: () => ({}) },
  "GET /api/v1/superadmin/shops/{shop_id}": { success: 200, record: { of: "shop" }, call: () => ({}) },
  "PUT /api/v1/superadmin/shops/{shop_id}/block": { success: 200, record: { of: "shop" }, call: () => ({}) },
  "PUT /api/v1/superadmin/shops/{shop_id}/unblock": {
    success: 200,
    record: { of: "blocked shop" },
    call: () => ({}),
  },
  "GET /api/v1/superadmin/users": { success: 200, call: () => ({}) },
  "PUT /api/v1/superadmin/users/{user_id}/block": {
    success: 200,
    record: { of: colleague },
    call: () => ({}),
  },
  "PUT /api/v1/superadmin/users/{user_id}/unblock": {
    success: 200,
    record: { of: (shop, place) => insertUser(shop, place, "COURIER", { is_active: false }) },
    call: () => ({}),
  },
  "POST /api/v1/superadmin/users/{user_id}/reset-password": {
    success: 200,
    record: { of: colleague },
    call: () => ({ body: { new_password: "battery staple" } }),
  },
  "GET /api/v1/superadmin/products": { success: 200, call: () => ({}) },
  "PUT /api/v1/superadmin/products/{product_id}": {
    success: 200,
    record: { of: insertProduct },
    call: () => ({ body: { name: "Новое имя" } }),
  },
  "DELETE /api/v1/superadmin/products/{product_id}": {
    success: 200,
    record: { of: insertProduct },
    call: () => ({}),
  },
  "PUT /api/v1/superadmin/products/{product_id}/toggle": {
    success: 200,
    record: { of: insertProduct },
    call: () => ({}),
  },
  "GET /api/v1/superadmin/orders": { success: 200, call: () => ({}) },
  "GET /api/v1/superadmin/orders/{order_id}": { success: 200, record: { of: ORDER }, call: () => ({}) },
  "PUT /api/v1/superadmin/orders/{order_id}/status": {
    success: 200,
    record: { of: insertOrder },
    call: () => ({ query: { new_status: "paid" } }),
  },
  "PUT /api/v1/superadmin/orders/{order_id}/cancel": {
    success: 200,
    record: { of: insertOrder },
    call: () => ({ query: { reason: "Передумали" } }),
  },
  "GET /api/v1/superadmin/stats": { success: 200, call: () => ({}) },
}
