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
