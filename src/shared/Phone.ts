/**
 * A phone of Kazakhstan as everything inside knows it: `+7` and ten digits. Whatever people type is brought into this
 * form at the edge: spaces, brackets and dashes go, a leading 8 is the 7 of home, ten digits get their 7.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"

const INPUT_CHARS_MAX = 40

export const Phone = Schema.String.check(Schema.isPattern(/^\+7[0-9]{10}$/)).pipe(Schema.brand("Phone"))
export type Phone = typeof Phone.Type

/** Null when it is no phone of ours. */
export const normalize = (text: string): Phone | null => {
  const given = text.replace(/[^0-9+]/g, "").replace(/^\+/, "")
  const digits = given.length === 10 ? `7${given}` : given.replace(/^8/, "7")
  return text.length <= INPUT_CHARS_MAX && /^7[0-9]{10}$/.test(digits) ? Phone.make(`+${digits}`) : null
}

/** A phone in a request. */
export const PhoneInput = Schema.String.pipe(
  Schema.decodeTo(
    Phone,
    SchemaTransformation.transformEffect({
      decode: (text) => {
        const phone = normalize(text)
        return phone === null
          ? Effect.fail(
              new SchemaIssue.InvalidValue({
                message: "Input should be a phone of Kazakhstan, such as +7 700 000 00 00",
              }),
            )
          : Effect.succeed(phone)
      },
      encode: (phone: string) => Effect.succeed(phone),
    }),
  ),
  Schema.annotateEncoded({ description: "Any usual spelling; kept as +7XXXXXXXXXX" }),
)
