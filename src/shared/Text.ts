/** Text from outside that PostgreSQL can hold: no NUL, no lone surrogates; blanks around it are no part of it. */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

const clean = (text: string): string => text.toWellFormed().replaceAll("\u0000", "\ufffd").trim()

const Text = Schema.String.pipe(
  Schema.decodeTo(Schema.String, SchemaTransformation.transform({ decode: clean, encode: (text) => text })),
)

/** May be empty. */
export const textUpTo = (charsMax: number) => Text.check(Schema.isMaxLength(charsMax))

export const filledTextUpTo = (charsMax: number) =>
  Text.check(Schema.isMinLength(1), Schema.isMaxLength(charsMax))
