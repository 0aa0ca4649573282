/** Values of a query string, which are all text. */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

/** A number of a schema's own kind, in decimal digits and nothing else: not blank, not `1e3`. */
export const numberInText = <S extends Schema.Codec<number, number>>(schema: S) =>
  Schema.String.check(Schema.isPattern(WHOLE_NUMBER)).pipe(
    Schema.decodeTo(schema, SchemaTransformation.transform({ decode: Number, encode: String })),
  )
const WHOLE_NUMBER = /^-?[0-9]{1,15}$/

export const intBetween = (minimum: number, maximum: number) =>
  numberInText(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

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
