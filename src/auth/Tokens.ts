/** Signs and verifies bearer tokens: HS256 and nothing else, two keys live at once for rotation. */
import { createHash, createSecretKey, randomUUID } from "node:crypto"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { jwtVerify, SignJWT } from "jose"
import * as Secret from "../platform/Secret.ts"
import { Unauthenticated } from "./Access.ts"
import type { Session } from "./Token.ts"
import { TokenClaims } from "./Token.ts"
import type { Account } from "./User.ts"
import { UserId } from "./User.ts"

const ALGORITHM = "HS256"
const LIFETIME = "7 days"
/** Tokens whose signature was verified before: it never changes, and verifying costs more than the rest of a request. */
const KNOWN_MAX = 5_000

export class Tokens extends Context.Service<
  Tokens,
  {
    /** A new session of the account, for seven days. */
    readonly sign: (
      account: Pick<Account, "id" | "phone" | "role" | "shop_id" | "token_version">,
    ) => Effect.Effect<string>
    /** Whether we signed it and it has not expired; not whether its account may still act. */
    readonly verify: (token: Redacted.Redacted) => Effect.Effect<Session, Unauthenticated>
  }
>()("cvety/auth/Tokens") {
  static readonly layer = Layer.effect(
    Tokens,
    Effect.gen(function* () {
      const { current, previous } = yield* Secret.pair("SECRET_KEY")
      const currentKey = keyOf(current)
      const keys = previous === undefined ? [currentKey] : [currentKey, keyOf(previous)]

      const sign = Effect.fn("Tokens.sign")(
        ({ id, phone, role, shop_id, token_version }: Parameters<Tokens["Service"]["sign"]>[0]) =>
          Effect.promise(() =>
            new SignJWT({ user_id: id, phone, role, shop_id, ver: token_version })
              .setProtectedHeader({ alg: ALGORITHM, typ: "JWT" })
              .setSubject(String(id))
              .setJti(randomUUID())
              .setIssuedAt()
              .setExpirationTime(LIFETIME)
              .sign(currentKey),
          ),
      )

      const known = new Map<string, Session>()
      const remember = (token: string, session: Session): void => {
        const [oldest] = known.keys()
        if (known.size >= KNOWN_MAX && oldest !== undefined) known.delete(oldest)
        known.set(token, session)
      }

      const verify = Effect.fn("Tokens.verify")((token: Redacted.Redacted) =>
        Effect.withFiber<Session, Unauthenticated>((fiber) => {
          const session = known.get(Redacted.value(token))
          const nowMs = fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
          return session !== undefined && nowMs < session.expiresAt.getTime()
            ? Effect.succeed(session)
            : Effect.tap(verifyUnknown(token), (session) =>
                Effect.sync(() => remember(Redacted.value(token), session)),
              )
        }),
      )

      const verifyUnknown = (token: Redacted.Redacted) =>
        Effect.firstSuccessOf(
          keys.map((key) =>
            Effect.tryPromise({
              try: () =>
                jwtVerify(Redacted.value(token), key, { algorithms: [ALGORITHM], requiredClaims: ["exp"] }),
              catch: () => new Unauthenticated(),
            }),
          ),
        ).pipe(
          Effect.flatMap(({ payload }) => sessionOf(payload, Redacted.value(token))),
          Effect.mapError(() => new Unauthenticated()),
        )

      return { sign, verify }
    }),
  )
}

// As a key object: bytes would be imported anew for every token.
const keyOf = (secret: Redacted.Redacted) => createSecretKey(Redacted.value(secret), "utf8")

const decodeClaims = Schema.decodeUnknownEffect(TokenClaims)
const decodeUserId = Schema.decodeUnknownEffect(UserId)

// The old service made tokens without an id and without versions: theirs is the version that accounts began with, and
// what was signed tells them apart. The signature does not: the same bytes can be spelled in several ways.
const sessionOf = (payload: unknown, token: string) =>
  Effect.gen(function* () {
    const { sub, role, shop_id, ver, jti, exp } = yield* decodeClaims(payload)
    const session: Session = {
      id:
        jti ??
        createHash("sha256")
          .update(token.slice(0, token.lastIndexOf(".")))
          .digest("base64url"),
      userId: yield* decodeUserId(Number(sub)),
      role,
      shopId: shop_id,
      version: ver ?? 0,
      expiresAt: new Date(exp * 1e3),
    }
    return session
  })
