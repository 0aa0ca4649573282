/**
 * Secrets from the environment. In production a missing or weak one stops the start; in development a missing one is
 * made and kept under `DATA_DIR`, so that tokens and webhooks go on working after a restart.
 */
import { randomBytes } from "node:crypto"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

const CHARS_MIN = 32
const DISTINCT_CHARS_MIN = 10

export class SecretUnfit extends Schema.TaggedError<SecretUnfit>()("SecretUnfit", {
  message: Schema.String,
}) {}

/** The secret in force, then the one it replaces while both are accepted. */
export const pair = (name: string) =>
  Effect.gen(function* () {
    const environment = yield* Config.Literals(["development", "production"], "APP_ENV").pipe(
      Config.withDefault("development"),
    )
    const current = yield* Config.option(Config.Redacted(name))
    const previous = yield* Config.option(Config.Redacted(`${name}_PREVIOUS`))
    if (environment === "production") {
      yield* ensureStrong(
        name,
        Option.getOrElse(current, () => Redacted.make("")),
      )
      if (Option.isSome(previous)) yield* ensureStrong(`${name}_PREVIOUS`, previous.value)
    }
    return {
      current: Option.isSome(current) ? current.value : yield* kept(name),
      previous: Option.getOrUndefined(previous),
    }
  })

const ensureStrong = (name: string, secret: Redacted.Redacted) => {
  const value = Redacted.value(secret)
  return value.length >= CHARS_MIN && new Set(value).size >= DISTINCT_CHARS_MIN
    ? Effect.void
    : Effect.fail(
        new SecretUnfit({
          message: `${name} must be set to at least ${CHARS_MIN} random characters in production, e.g. by: openssl rand -base64 32`,
        }),
      )
}

/** Made once and kept under `DATA_DIR`: for development, never for production. */
export const kept = (name: string) =>
  Effect.gen(function* () {
    const directory = yield* Config.String("DATA_DIR").pipe(Config.withDefault(".data"))
    const file = join(directory, `${name.toLowerCase().replaceAll("_", "-")}`)
    const read = Effect.try({ try: () => readFileSync(file, "utf8").trim(), catch: () => "absent" as const })
    const make = Effect.sync(() => {
      const value = randomBytes(32).toString("base64url")
      mkdirSync(directory, { recursive: true })
      writeFileSync(file, value, { mode: 0o600 })
      return value
    })
    const isWhole = (value: string) => value.length >= CHARS_MIN
    return Redacted.make(yield* Effect.catch(Effect.filterOrFail(read, isWhole), () => make))
  })
