/**
 * The store of pictures: a bucket that speaks the S3 API when the `R2_*` settings name one, else a folder under
 * `DATA_DIR`.
 *
 * - An object appears whole or not at all; putting it again replaces it, removing it again changes nothing.
 * - When `put` has succeeded, the object outlives a crash.
 * - Content is streamed both ways and never held whole.
 * - What takes too long, breaks off or is refused is `R2Unavailable`, after a few attempts where they do no harm.
 * - What nobody uses is removed only where `maySweep` says so. A copy of a database does not know what its original has
 *   put since, and nothing in either tells the two apart; so it is said of the one that may, by `R2_SWEEP`.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Scope } from "effect/Scope"
import type { ObjectKey } from "../shared/ObjectKey.ts"
import type { R2Unavailable } from "../shared/R2Unavailable.ts"
import * as R2Bucket from "./R2Bucket.ts"
import * as R2Folder from "./R2Folder.ts"
import type { NewObject, ObjectFacts, ObjectPage, StoredObject, Unchanged } from "./R2Object.ts"

export class R2 extends Context.Service<
  R2,
  {
    readonly put: (key: ObjectKey, object: NewObject) => Effect.Effect<void, R2Unavailable>
    /** Undefined when there is none; the content can be read while the scope is open. */
    readonly get: (
      key: ObjectKey,
      options?: { readonly ifNoneMatch?: string | undefined },
    ) => Effect.Effect<StoredObject | Unchanged | undefined, R2Unavailable, Scope>
    readonly head: (key: ObjectKey) => Effect.Effect<ObjectFacts | undefined, R2Unavailable>
    readonly remove: (key: ObjectKey) => Effect.Effect<void, R2Unavailable>
    readonly list: (page: {
      readonly prefix: string
      readonly cursor: string | null
      readonly limit: number
    }) => Effect.Effect<ObjectPage, R2Unavailable>
  }
>()("cvety/platform/R2") {
  static readonly layer = Layer.unwrap(
    Effect.gen(function* () {
      const bucket = yield* bucketSettings
      if (bucket !== undefined) {
        return Layer.effect(R2, R2Bucket.open(bucket)).pipe(Layer.provide(R2Bucket.connections))
      }
      const dataDir = yield* Config.String("DATA_DIR").pipe(Config.withDefault(".data"))
      return Layer.effect(R2, R2Folder.open(dataDir))
    }),
  )
}

/** Unless it is set: from the folder, which is nobody else's, but not from a bucket. */
export const maySweep = Effect.gen(function* () {
  const isFolder = Option.isNone(yield* Config.option(Config.String("R2_ENDPOINT")))
  return yield* Config.Boolean("R2_SWEEP").pipe(Config.withDefault(isFolder))
})

const REGION = "auto"

/** Undefined when none is set; half of them is a mistake that stops the start. */
const bucketSettings = Effect.gen(function* () {
  const given = {
    endpoint: yield* Config.option(Config.URL("R2_ENDPOINT")),
    bucket: yield* Config.option(Config.String("R2_BUCKET")),
    accessKeyId: yield* Config.option(Config.String("R2_ACCESS_KEY_ID")),
    secretAccessKey: yield* Config.option(Config.Redacted("R2_SECRET_ACCESS_KEY")),
  }
  const region = yield* Config.String("R2_REGION").pipe(Config.withDefault(REGION))
  const whole = Option.all(given)
  if (Option.isNone(whole)) {
    const isUnset = [given.endpoint, given.bucket, given.accessKeyId, given.secretAccessKey].every(
      (setting: Option.Option<unknown>) => Option.isNone(setting),
    )
    if (isUnset) return undefined
    return yield* new R2Misconfigured({
      message:
        "R2_ENDPOINT, R2_BUCKET, R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY are set together or not at all",
    })
  }
  return { ...whole.value, region }
})

class R2Misconfigured extends Schema.TaggedError<R2Misconfigured>()("R2Misconfigured", {
  message: Schema.String,
}) {}
