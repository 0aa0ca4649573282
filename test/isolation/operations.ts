/** The places of all operations, by method and path as the OpenAPI document has them. */
import { ORDER, PRODUCT } from "../support/MarkedShop.ts"
import { SECRET } from "../support/TestService.ts"
import { auth, machines, team } from "./accountOperations.ts"
import { catalogue, products } from "./catalogueOperations.ts"
import { images } from "./imageOperations.ts"
import type { Places } from "./places.ts"
import { shops, superadmin } from "./shopOperations.ts"
import { sync } from "./syncOperations.ts"

const system: Places = {
  "GET /": { success: 200, call: () => ({}) },
  "GET /health": { success: 200, call: () => ({}) },
  "GET /ready": { success: 200, call: () => ({}) },
  "GET /metrics": { success: 200, call: () => ({}) },
}

const orders: Places = {
  "GET /api/v1/orders/{order_id}": {
    success: 200,
    isForMachines: true,
    record: { of: ORDER },
    call: () => ({}),
  },
  "GET /api/v1/orders/{order_id}/history": {
    success: 200,
    isForMachines: true,
    record: { of: ORDER },
    call: () => ({}),
  },
  "GET /api/v1/orders/by-tracking/{tracking_id}/status": {
    success: 200,
    isLimited: true,
    record: { of: ORDER },
    publishes: [
      "tracking_id",
      "order_number",
      "recipient.name",
      "recipient.phone",
      "pickup_address",
      "delivery_address",
      "sender.phone",
      "items.name",
      "payment_method",
      "kaspi_payment_id",
      "kaspi_payment_status",
    ],
    call: () => ({}),
  },
}

const webhooks: Places = {
  "POST /api/v1/webhooks/order-status-sync": {
    success: 200,
    record: { of: ORDER },
    unknown: 200,
    echoes: true,
    keepsUnknown: true,
    publishes: ["order_id", "railway_order_id", "bitrix_order_id"],
    call: ({ id }) => ({
      headers: { "x-webhook-secret": SECRET },
      body: { order_id: Number(id), status: "AP" },
    }),
  },
  "POST /api/v1/webhooks/product-sync": {
    success: 200,
    record: { of: PRODUCT },
    unknown: 200,
    echoes: true,
    keepsUnknown: true,
    publishes: ["product_id"],
    call: ({ id }) => ({
      headers: { "x-webhook-secret": SECRET },
      body: { event_type: "product.deleted", product_data: { id: Number(id) } },
    }),
  },
}

export const places: Places = {
  ...system,
  ...auth,
  ...team,
  ...shops,
  ...catalogue,
  ...products,
  ...images,
  ...superadmin,
  ...machines,
  ...orders,
  ...webhooks,
  ...sync,
}
