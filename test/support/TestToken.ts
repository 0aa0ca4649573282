/** Bearer tokens as a login would make them, and as an attacker would. */
import * as Effect from "effect/Effect"
import { SignJWT } from "jose"
import { SIGNING_KEY } from "./TestNode.ts"
import { SHOP_ID } from "./TestService.ts"

export const claims = {
  sub: "2",
  user_id: 2,
  phone: "+70000000012",
  role: "DIRECTOR",
  shop_id: SHOP_ID as number | null,
}

/** Valid for an hour, of the director of the production shop, unless told otherwise. */
export const sign = (
  changes: Readonly<Record<string, unknown>> = {},
  options: {
    readonly key?: string
    readonly algorithm?: string
    readonly expires?: string | number | null
  } = {},
): Effect.Effect<string> =>
  Effect.promise(() => {
    const token = new SignJWT({ ...claims, ...changes }).setProtectedHeader({
      alg: options.algorithm ?? "HS256",
      typ: "JWT",
    })
    if (options.expires !== null) token.setExpirationTime(options.expires ?? "1 hour")
    return token.sign(new TextEncoder().encode(options.key ?? SIGNING_KEY))
  })

/** A token with any header and any signature. */
export const forge = (header: object, changes: object = {}, signature = ""): string => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
  const exp = Math.floor(Date.now() / 1_000) + 3_600
  return `${part(header)}.${part({ ...claims, exp, ...changes })}.${signature}`
}
