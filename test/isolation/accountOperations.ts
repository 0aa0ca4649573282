/** Places of accounts, teams and keys of machines. */
import {
  codeOf,
  insertCredential,
  insertInvitation,
  insertUser,
  PASSWORD,
  PRODUCT,
  phoneOf,
  userOf,
} from "../support/MarkedShop.ts"
import type { Places } from "./places.ts"

const LOGIN = ["access_token", "user.id", "user.name", "user.phone", "user.invited_by"]

/** Nobody has a phone of this shop, because it does not exist. */
const NOWHERE = 79_999

/** Shop and place of an id. */
const partsOf = (id: string) => [Number(id.slice(0, 5)), Number(id.slice(5))] as const

const colleague = (shop: number, place: number) => insertUser(shop, place, "COURIER")

export const auth: Places = {
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

export const team: Places = {
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
  "POST /api/v1/auth/register": {
    success: 200,
    isLimited: true,
    call: ({ turn }) => ({
      body: { name: "Новый директор", phone: phoneOf(NOWHERE, turn), password: PASSWORD },
    }),
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

export const machines: Places = {
  "GET /api/v1/service-credentials": { success: 200, call: () => ({}) },
  "POST /api/v1/service-credentials": {
    success: 200,
    call: ({ turn }) => ({ body: { name: `Новый бот ${turn}`, permissions: ["view_orders"] } }),
  },
  "DELETE /api/v1/service-credentials/{credential_id}": {
    success: 200,
    record: { of: (shop, place) => insertCredential(shop, place, ["view_orders"]) },
    call: () => ({}),
  },
  "GET /api/v1/audit": {
    success: 200,
    record: { of: PRODUCT },
    unknown: 200,
    call: ({ id }) => ({ query: { record_type: "product_addon", record_id: id } }),
  },
}
