/** Values of a query string, which are all text. */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

export const intBetween = (minimum: number, maximum: number) =>
  Schema.String.check(Schema.isPattern(WHOLE_NUMBER)).pipe(
    Schema.decodeTo(
      Schema.Int.check(Schema.isBetween({ minimum, maximum })),
      SchemaTransformation.transform({ decode: Number, encode: String }),
    ),
  )
const WHOLE_NUMBER = /^-?[0-9]{1,15}$/

/** The spellings that clients use. */
export const Flag = Schema.Literals(["true", "false", "True", "False", "1", "0"]).pipe(
  Schema.decodeTo(
    Schema.Boolean,
    SchemaTransformation.transform({
      decode: (text) => text === "1" || text.toLowerCase() === "true",
      encode: (flag) => (flag ? ("true" as const) : ("false" as const)),
    }),
  ),
)
