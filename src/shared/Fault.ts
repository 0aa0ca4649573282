import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/**
 * Fields of an error whose wire form is `{"detail": text}`: clients show `detail` to people as it is. The tag that
 * tells errors apart in code stays off the wire.
 */
export const fault = <const Tag extends string>(tag: Tag, detail: string) => ({
  _tag: Schema.tagDefaultOmit(tag),
  detail: Schema.String.pipe(Schema.withConstructorDefault(Effect.succeed(detail))),
})

/** Whether an error is the caller's, a 4xx, and so no failure of the service. */
export const isCallersFault = (error: unknown): boolean => {
  const status =
    error instanceof Error && (error.constructor as Partial<Schema.Top>).ast?.annotations?.["httpApiStatus"]
  return typeof status === "number" && status < 500
}
