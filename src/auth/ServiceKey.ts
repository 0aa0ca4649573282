/**
 * The key of a machine: `cvk_<shop>_<credential>_<secret>`. Shop and number say where to look, the secret of 256 random
 * bits proves it; only its SHA-256 is kept, which is enough for what cannot be guessed.
 */
import { createHash, randomBytes } from "node:crypto"
import * as Redacted from "effect/Redacted"
import { ShopId } from "../shared/ShopId.ts"

const SECRET_BYTES = 32

export interface ServiceKey {
  readonly shopId: ShopId
  readonly credentialId: number
  readonly secretHash: Uint8Array
}

/** Null when it does not look like one. */
export const parse = (text: Redacted.Redacted): ServiceKey | null => {
  const [, shop, credential, secret] = KEY.exec(Redacted.value(text)) ?? []
  return shop === undefined || secret === undefined
    ? null
    : { shopId: ShopId.make(Number(shop)), credentialId: Number(credential), secretHash: hashOf(secret) }
}

export const makeSecret = (): string => randomBytes(SECRET_BYTES).toString("base64url")

export const format = (shopId: ShopId, credentialId: number, secret: string): string =>
  `cvk_${shopId}_${credentialId}_${secret}`

export const hashOf = (secret: string): Uint8Array => createHash("sha256").update(secret).digest()

// Nine digits at most, so that a number of a shop always fits its column.
const KEY = /^cvk_([1-9][0-9]{0,8})_([1-9][0-9]{0,8})_([\w-]{43})$/
