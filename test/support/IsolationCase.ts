/** One request of the matrix: who asks, about whose record, and what goes over the wire. */
import type { Decision } from "../../src/auth/Access.ts"
import type { Call, Place } from "../isolation/places.ts"
import type { Caller, Shops } from "./IsolationCallers.ts"
import { idOf, OWNER } from "./MarkedShop.ts"
import type { Received, Sent } from "./RawHttp.ts"

export interface Operation {
  readonly method: string
  readonly path: string
  readonly decision: Decision
  readonly place: Place
}

export type Naming = "own" | "own, with the other shop besides" | "foreign" | "missing"

export interface Case {
  readonly caller: Caller
  readonly naming: Naming
  /** The record that is named. */
  readonly id: string
  readonly call: Call
}

/** No shop has this number. */
const NOWHERE = 79_999

export const otherOf = (shops: Shops, shop: number): number =>
  shop === shops.first ? shops.second : shops.first

/** The case, and the statements that make its record. */
export const make = (
  { place }: Operation,
  shops: Shops,
  { caller, naming, own, turn }: { caller: Caller; naming: Naming; own: number; turn: number },
): [Case, string] => {
  const of = place.record?.of
  const shop = naming === "foreign" ? otherOf(shops, own) : own
  const holder = naming === "missing" ? NOWHERE : of === "blocked shop" ? shops.blocked : shop
  const id = String(
    of === "shop" || of === "blocked shop" ? holder : idOf(holder, typeof of === "number" ? of : turn),
  )
  const call = withToken(caller, place.call({ id, caller, shop, shops, turn }))
  const isSmuggled = naming === "own, with the other shop besides"
  return [
    { caller, naming, id, call: isSmuggled ? smuggling(call, otherOf(shops, own)) : call },
    typeof of === "function" && naming !== "missing" ? of(shop, turn) : "",
  ]
}

const withToken = ({ bearer }: Caller, call: Call): Call =>
  bearer === null ? call : { ...call, headers: { authorization: `Bearer ${bearer}`, ...call.headers } }

/** The call with the other shop named wherever a careless handler might look for it. */
const smuggling = (call: Call, shop: number): Call => {
  const foreign = {
    shop_id: shop,
    shopId: shop,
    invited_by: idOf(shop, OWNER),
    user_id: idOf(shop, OWNER),
    owner_id: idOf(shop, OWNER),
    created_by: idOf(shop, OWNER),
    id: idOf(shop, OWNER),
  }
  return {
    ...call,
    query: { shop_id: String(shop), user_id: String(idOf(shop, OWNER)), ...call.query },
    ...(call.body === undefined ? {} : { body: { ...foreign, ...(call.body as object) } }),
    headers: { ...call.headers, "x-shop-id": String(shop) },
  }
}

export const requestOf = ({ method, path }: Operation, { id, call }: Case): Sent => {
  const { query, body, form, headers } = call
  const search = new URLSearchParams(query).toString()
  const content =
    form === undefined
      ? body === undefined
        ? call.content
        : { text: JSON.stringify(body), type: "application/json" }
      : { text: new URLSearchParams(form).toString(), type: "application/x-www-form-urlencoded" }
  return {
    method,
    path: path.replaceAll(/\{\w+\}/g, id) + (search === "" ? "" : `?${search}`),
    headers: { ...headers, ...(content === undefined ? {} : { "content-type": content.type }) },
    ...(content === undefined ? {} : { body: content.text }),
  }
}

export const tell = ({ method, path }: Operation, { caller, naming, id }: Case, answer: Received): string =>
  `${method} ${path} by ${caller.name}, ${naming} ${id}: ${answer.status} ${answer.text.slice(0, 300)}`
