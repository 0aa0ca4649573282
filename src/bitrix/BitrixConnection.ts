/** A shop's Bitrix: where it is, how we prove who we are, and how it does. */
import { hash } from "node:crypto"
import * as Redacted from "effect/Redacted"
import type { ShopId } from "../shared/ShopId.ts"

export interface BitrixConnection {
  readonly shopId: ShopId
  /** Null until somebody says where it is: facts for it wait. */
  readonly api: BitrixApi | null
  /** SHA-256 of the secrets that its events carry; two while one replaces the other. */
  readonly secretDigests: ReadonlyArray<string>
}

export interface BitrixApi {
  /** Without a slash at its end, `https://bitrix.example/api/v2`. */
  readonly baseUrl: string
  /** Relative to the base, with or without `{id}`. */
  readonly updatePath: string
  readonly token: Redacted.Redacted
  readonly requestsPerSecondMax: number
}

/** Hex, so that it can be looked up: who guesses a digest learns nothing of the secret. */
export const digestOf = (secret: Redacted.Redacted): string => hash("sha256", Redacted.value(secret), "hex")
