/**
 * Where the database is and as whom we go there.
 *
 * The URL that the operator gives belongs to the owner of the schema and serves migrations only. The program
 * itself logs in as `cvety_app`, a role that owns nothing and cannot bypass row-level security. Its password is
 * derived from the owner's, so that every node of a deployment knows it and nobody has to configure it; an owner
 * without a password (peer, trust, certificate) means a working role without one, under the same rules of pg_hba.
 */
import { createHmac } from "node:crypto"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { EmbeddedPostgres } from "./EmbeddedPostgres.ts"

export const APP_ROLE = "cvety_app"

export class DatabaseUrl extends Context.Service<
  DatabaseUrl,
  {
    readonly owner: Redacted.Redacted
    /** A URL of a socket has no room for a name: whoever connects says as well that it is `APP_ROLE`. */
    readonly app: Redacted.Redacted
    /** Undefined when the owner has none either. */
    readonly appPassword: Redacted.Redacted | undefined
    readonly isEmbedded: boolean
  }
>()("cvety/platform/DatabaseUrl") {
  /** `DATABASE_URL`, or the embedded server when it is unset. */
  static readonly layer = Layer.unwrap(
    Effect.gen(function* () {
      const url = yield* Config.option(Config.Redacted("DATABASE_URL"))
      return Option.match(url, {
        onSome: (owner) => DatabaseUrl.layerFrom(owner, { isEmbedded: false }),
        onNone: () =>
          Layer.unwrap(
            Effect.map(EmbeddedPostgres, ({ url }) => DatabaseUrl.layerFrom(url, { isEmbedded: true })),
          ).pipe(Layer.provide(EmbeddedPostgres.layer)),
      })
    }),
  )

  static readonly layerFrom = (owner: Redacted.Redacted, options: { readonly isEmbedded: boolean }) =>
    Layer.sync(DatabaseUrl, () => ({ owner, ...workingRole(owner), ...options }))
}

/** The same server and database as somebody else: nothing of the owner's name, password or options is left. */
const workingRole = (owner: Redacted.Redacted) => {
  const url = new URL(Redacted.value(owner))
  const ownerPassword = url.searchParams.get("password") ?? decodeURIComponent(url.password)
  const password =
    ownerPassword === ""
      ? undefined
      : createHmac("sha256", ownerPassword).update("cvety working role").digest("base64url")
  url.username = APP_ROLE
  url.password = password ?? ""
  for (const name of ["user", "password", "options"]) url.searchParams.delete(name)
  return {
    app: Redacted.make(url.toString()),
    appPassword: password === undefined ? undefined : Redacted.make(password),
  }
}
