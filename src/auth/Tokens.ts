/** Signs and verifies bearer tokens: HS256 and nothing else, two keys live at once for rotation. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { jwtVerify, SignJWT } from "jose"
import * as Secret from "../platform/Secret.ts"
import { Unauthenticated } from "./Authentication.ts"
import { TokenClaims } from "./Token.ts"

const ALGORITHM = "HS256"
const LIFETIME = "7 days"

export class Tokens extends Context.Service<
  Tokens,
  {
    readonly sign: (claims: TokenClaims) => Effect.Effect<string>
    readonly verify: (token: Redacted.Redacted) => Effect.Effect<TokenClaims, Unauthenticated>
  }
>()("cvety/auth/Tokens") {
  static readonly layer = Layer.effect(
    Tokens,
    Effect.gen(function* () {
      const { current, previous } = yield* Secret.pair("SECRET_KEY")
      const currentKey = keyOf(current)
      const keys = previous === undefined ? [currentKey] : [currentKey, keyOf(previous)]

      const sign = Effect.fn("Tokens.sign")((claims: TokenClaims) =>
        Effect.promise(() =>
          new SignJWT({ ...claims })
            .setProtectedHeader({ alg: ALGORITHM, typ: "JWT" })
            .setIssuedAt()
            .setExpirationTime(LIFETIME)
            .sign(currentKey),
        ),
      )

      const verify = Effect.fn("Tokens.verify")((token: Redacted.Redacted) =>
        Effect.firstSuccessOf(
          keys.map((key) =>
            Effect.tryPromise({
              try: () =>
                jwtVerify(Redacted.value(token), key, { algorithms: [ALGORITHM], requiredClaims: ["exp"] }),
              catch: () => new Unauthenticated(),
            }),
          ),
        ).pipe(
          Effect.flatMap(({ payload }) => decodeClaims(payload)),
          Effect.mapError(() => new Unauthenticated()),
        ),
      )

      return { sign, verify }
    }),
  )
}

const keyOf = (secret: Redacted.Redacted) => new TextEncoder().encode(Redacted.value(secret))

const decodeClaims = Schema.decodeUnknownEffect(TokenClaims)
