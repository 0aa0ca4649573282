/** The places of all operations, by method and path as the OpenAPI document has them. */
import {
  codeOf,
  insertInvitation,
  insertUser,
  ORDER,
  PASSWORD,
  phoneOf,
  userOf,
} from "../support/MarkedShop.ts"
import { SECRET } from "../support/TestService.ts"
import type { Place } from "./places.ts"

const system: Readonly<{ [operation: string]: Place }> = {
  "GET /": { success: 200, call: () => ({}) },
  "GET /health": { success: 200, call: () => ({}) },
  "GET /ready": { success: 200, call: () => ({}) },
  "GET /metrics": { success: 200, call: () => ({}) },
}

const LOGIN = ["access_token", "user.id", "user.name", "user.phone", "user.invited_by"]

const auth: Readonly<{ [operation: string]: Place }> = {
  "POST /api/v1/auth/login": {
    success: 200,
    isLimited: true,
    publishes: LOGIN,
    call: ({ shop }) => ({ body: { phone: phoneOf(shop, userOf("DIRECTOR")), password: PASSWORD } }),
  },
  "POST /api/v1/auth/token": {
    success: 200,
    isLimited: true,
    publishes: LOGIN,
    call: ({ shop }) => ({ form: { username: phoneOf(shop, userOf("DIRECTOR")), password: PASSWORD } }),
  },
  "POST /api/v1/auth/refresh": { success: 200, call: () => ({}) },
  "POST /api/v1/auth/logout": { success: 200, endsSession: true, call: () => ({}) },
  "GET /api/v1/auth/me": { success: 200, call: () => ({}) },
  "PUT /api/v1/auth/change-password": {
    success: 200,
    endsSession: true,
    call: () => ({ body: { current_password: PASSWORD, new_password: "battery staple" } }),
  },
  "GET /api/v1/auth/verify-token": { success: 200, call: () => ({}) },
  "GET /api/v1/auth/users": { success: 200, call: () => ({}) },
}

/** Nobody has a phone of this shop, because it does not exist. */
const NOWHERE = 79_999

/** Shop and place of an id. */
const partsOf = (id: string) => [Number(id.slice(0, 5)), Number(id.slice(5))] as const

const colleague = (shop: number, place: number) => insertUser(shop, place, "COURIER")

const team: Readonly<{ [operation: string]: Place }> = {
  "POST /api/v1/auth/accept-invitation": {
    success: 200,
    isLimited: true,
    publishes: LOGIN,
    record: { of: (shop, place) => insertInvitation(shop, place, { phone: phoneOf(shop, place) }) },
    unknown: 400,
    call: ({ id }) => {
      const [shop, place] = partsOf(id)
      return { body: { phone: phoneOf(shop, place), code: codeOf(shop), password: PASSWORD } }
    },
  },
  "GET /api/v1/profile": { success: 200, call: () => ({}) },
  "PUT /api/v1/profile": {
    success: 200,
    call: ({ shop, turn }) => ({ body: { name: `Новое имя ${shop}`, phone: phoneOf(shop, turn) } }),
  },
  "GET /api/v1/profile/team": {
    success: 200,
    call: () => ({ query: { search: "Человек", active_only: "false", limit: "100" } }),
  },
  "POST /api/v1/profile/team/invite": {
    success: 200,
    call: ({ turn }) => ({ body: { phone: phoneOf(NOWHERE, turn), name: "Новый человек", role: "COURIER" } }),
  },
  "GET /api/v1/profile/team/invitations": { success: 200, call: () => ({}) },
  "DELETE /api/v1/profile/team/invitations/{invitation_id}": {
    success: 200,
    record: { of: insertInvitation },
    call: () => ({}),
  },
  "DELETE /api/v1/profile/team/{user_id}": {
    success: 200,
    record: { of: colleague },
    call: () => ({}),
  },
  "PUT /api/v1/profile/team/{user_id}/role": {
    success: 200,
    record: { of: colleague },
    call: () => ({ query: { new_role: "FLORIST" } }),
  },
  "GET /api/v1/profile/stats": { success: 200, call: () => ({}) },
}

const orders: Readonly<{ [operation: string]: Place }> = {
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

const webhooks: Readonly<{ [operation: string]: Place }> = {
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
}

export const places: Readonly<{ [operation: string]: Place }> = {
  ...system,
  ...auth,
  ...team,
  ...orders,
  ...webhooks,
}
