/** Everybody who may call an operation: what they show, and what an access decision has to make of them. */
import * as Effect from "effect/Effect"
import type { Decision } from "../../src/auth/Access.ts"
import type { Permission } from "../../src/auth/Permission.ts"
import { grantable, mayDo } from "../../src/auth/Permission.ts"
import type { UserRole } from "../../src/auth/Role.ts"
import { roles } from "../../src/auth/Role.ts"
import {
  BLOCKED_USER,
  FORMER_VERSION_USER,
  FULL_KEY,
  idOf,
  keyOf,
  POOR_KEY,
  phoneOf,
  REVOKED_KEY,
  userOf,
} from "./MarkedShop.ts"
import * as TestToken from "./TestToken.ts"

export interface Caller {
  readonly name: string
  /** What stands after `Bearer`; null for no header at all. */
  readonly bearer: string | null
  /** Of a user that the caller is or says to be. */
  readonly userId: number
  /** Null for those of no shop, whose requests name records of the first. */
  readonly shop: number | null
  readonly standing: Standing
}

type Standing =
  | { readonly kind: "nobody" | "staff of a blocked shop" }
  | { readonly kind: "person"; readonly role: UserRole; readonly isSuperadmin: boolean }
  | { readonly kind: "machine"; readonly permissions: ReadonlyArray<Permission> }

export interface Shops {
  readonly first: number
  readonly second: number
  readonly blocked: number
  /** An operator of the platform, who has no shop. */
  readonly operatorId: number
}

/** 401, 403, or null when the decision lets them in. */
export const refusalOf = (decision: Decision, isForMachines: boolean, { standing, shop }: Caller) => {
  if (decision.kind === "everyone" || decision.kind === "outside") return null
  switch (standing.kind) {
    case "nobody":
      return 401
    case "staff of a blocked shop":
      return 403
    case "machine":
      if (!isForMachines) return 401
      return decision.kind === "permission" && standing.permissions.includes(decision.permission) ? null : 403
    case "person":
      return isLetIn(decision, standing, shop) ? null : 403
  }
}

const isLetIn = (
  decision: Decision,
  { role, isSuperadmin }: { readonly role: UserRole; readonly isSuperadmin: boolean },
  shop: number | null,
): boolean => {
  switch (decision.kind) {
    case "account":
      return true
    case "superadmin":
      return isSuperadmin
    case "colleague":
      return shop !== null
    case "director":
      return shop !== null && role === "DIRECTOR"
    case "permission":
      return shop !== null && mayDo(role, decision.permission)
    default:
      return false
  }
}

export const callersOf = async (shops: Shops): Promise<ReadonlyArray<Caller>> => {
  const { first, second, blocked } = shops
  const director = claimsOf(first, userOf("DIRECTOR"), "DIRECTOR")
  const nobody = (name: string, bearer: string | null, userId = director.user_id): Caller => ({
    name,
    bearer,
    userId,
    shop: first,
    standing: { kind: "nobody" },
  })
  const people = [first, second].flatMap((shop) => roles.map((role) => ({ shop, role })))
  return [
    nobody("no token", null),
    nobody("what is no token", "nonsense"),
    nobody("an expired token", await signed(director, { expires: Math.floor(Date.now() / 1_000) - 60 })),
    nobody("a token without an end", await signed(director, { expires: null })),
    nobody("a token of another key", await signed(director, { key: "another-signing-key-of-32-characters" })),
    nobody("a token that nobody signed", TestToken.forge({ alg: "none", typ: "JWT" }, director)),
    nobody("a token of our key and HS512", await signed(director, { algorithm: "HS512" })),
    nobody("a token that was edited", edited(await signed(director), first, second)),
    nobody(
      "a token of an earlier version",
      await signed({ ...claimsOf(first, FORMER_VERSION_USER, "DIRECTOR"), ver: 1 }),
      idOf(first, FORMER_VERSION_USER),
    ),
    nobody(
      "a blocked user",
      await signed(claimsOf(first, BLOCKED_USER, "DIRECTOR")),
      idOf(first, BLOCKED_USER),
    ),
    nobody("a revoked key", keyOf(first, REVOKED_KEY)),
    nobody("a key of a blocked shop", keyOf(blocked, FULL_KEY)),
    nobody(
      "a key that names another shop",
      keyOf(first, FULL_KEY).replace(`cvk_${first}_`, `cvk_${second}_`),
    ),
    {
      name: "a director of a blocked shop",
      bearer: await signed(claimsOf(blocked, userOf("DIRECTOR"), "DIRECTOR")),
      userId: idOf(blocked, userOf("DIRECTOR")),
      shop: blocked,
      standing: { kind: "staff of a blocked shop" },
    },
    ...(await Promise.all(
      people.map(
        async ({ shop, role }): Promise<Caller> => ({
          name: `${role} of the ${shop === first ? "first" : "second"} shop`,
          bearer: await signed(claimsOf(shop, userOf(role), role)),
          userId: idOf(shop, userOf(role)),
          shop,
          standing: { kind: "person", role, isSuperadmin: role === "SUPERADMIN" },
        }),
      ),
    )),
    ...[first, second].flatMap((shop) =>
      [FULL_KEY, POOR_KEY].map(
        (place): Caller => ({
          name: `${place === FULL_KEY ? "full" : "poor"} key of the ${shop === first ? "first" : "second"} shop`,
          bearer: keyOf(shop, place),
          userId: idOf(shop, userOf("DIRECTOR")),
          shop,
          standing: { kind: "machine", permissions: place === FULL_KEY ? grantable : ["export_reports"] },
        }),
      ),
    ),
    {
      name: "an operator of the platform",
      bearer: await signed({
        sub: String(shops.operatorId),
        user_id: shops.operatorId,
        phone: phoneOf(first, 999),
        role: "SUPERADMIN",
        shop_id: null,
      }),
      userId: shops.operatorId,
      shop: null,
      standing: { kind: "person", role: "SUPERADMIN", isSuperadmin: true },
    },
  ]
}

const claimsOf = (shop: number, place: number, role: UserRole) => ({
  sub: String(idOf(shop, place)),
  user_id: idOf(shop, place),
  phone: phoneOf(shop, place),
  role,
  shop_id: shop,
})

const signed = (...token: Parameters<typeof TestToken.sign>) => Effect.runPromise(TestToken.sign(...token))

/** The same signature under claims of the other shop. */
const edited = (token: string, first: number, second: number): string => {
  const [header, claims = "", signature] = token.split(".")
  const text = Buffer.from(claims, "base64url").toString().replaceAll(String(first), String(second))
  return [header, Buffer.from(text).toString("base64url"), signature].join(".")
}
