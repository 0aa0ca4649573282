/**
 * Secrets that must be kept in the database and given back: sealed by AES-256-GCM under a key derived from
 * `SECRET_KEY`. What was sealed under the previous key still opens while `SECRET_KEY_PREVIOUS` is set; seal it again
 * before that one goes.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Secret from "./Secret.ts"

export class Sealed extends Context.Service<
  Sealed,
  {
    readonly seal: (secret: Redacted.Redacted) => Uint8Array
    /** Undefined for what was sealed under neither key, or was changed since. */
    readonly open: (sealed: Uint8Array) => Redacted.Redacted | undefined
  }
>()("cvety/platform/Sealed") {
  static readonly layer = Layer.effect(
    Sealed,
    Effect.gen(function* () {
      const { current, previous } = yield* Secret.pair("SECRET_KEY")
      const keys = [current, ...(previous === undefined ? [] : [previous])].map(derive)
      return {
        seal: (secret) => sealWith(keys[0] ?? derive(current), Redacted.value(secret)),
        open: (sealed) => {
          for (const key of keys) {
            const text = openWith(key, sealed)
            if (text !== undefined) return Redacted.make(text)
          }
          return undefined
        },
      }
    }),
  )
}

const CIPHER = "aes-256-gcm"
const NONCE_BYTES = 12
const TAG_BYTES = 16

const derive = (secret: Redacted.Redacted): Uint8Array =>
  new Uint8Array(hkdfSync("sha256", Redacted.value(secret), "", "cvety sealed secrets", 32))

const sealWith = (key: Uint8Array, text: string): Uint8Array => {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, key, nonce)
  const hidden = Buffer.concat([cipher.update(text, "utf8"), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), hidden])
}

const openWith = (key: Uint8Array, sealed: Uint8Array): string | undefined => {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined
  const nonce = sealed.subarray(0, NONCE_BYTES)
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
  try {
    return (
      decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES), undefined, "utf8") + decipher.final("utf8")
    )
  } catch {
    return undefined
  }
}
