import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** The embedded server could not be found, made, started or attached to; `message` is fit to be shown to the operator. */
export class EmbeddedPostgresError extends Schema.TaggedError<EmbeddedPostgresError>()(
  "EmbeddedPostgresError",
  { message: Schema.String, cause: Schema.optional(Schema.Defect()) },
) {}

/** Runs a promise of the host (files, mostly); a rejection becomes an EmbeddedPostgresError that says what was tried. */
export const attempt = <A>(what: string, evaluate: () => Promise<A>) =>
  Effect.tryPromise({
    try: evaluate,
    catch: (cause) => new EmbeddedPostgresError({ message: `cannot ${what}: ${String(cause)}`, cause }),
  })
