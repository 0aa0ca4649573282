/**
 * Where a list by date begins or ends: a day, which is the whole day on the shops' clock, or a moment. A moment without
 * an offset is in UTC, as all moments on the wire are.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"

export interface DateBound {
  readonly kind: "day" | "moment"
  /** `2026-01-31`, or an ISO moment with its offset. */
  readonly text: string
}

const DAY = /^([0-9]{4}-[0-9]{2}-[0-9]{2})$/
const MOMENT =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]((?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?)(Z|[+ -](?:0[0-9]|1[0-4]):?[0-5][0-9])?$/

const parse = (text: string): DateBound | null => {
  const day = DAY.exec(text)?.[1]
  if (day !== undefined) return isRealDay(day) ? { kind: "day", text } : null
  const [, date = "", time = "", offset = "Z"] = MOMENT.exec(text) ?? []
  // The plus of an offset arrives as a blank from clients that do not escape it.
  return isRealDay(date) ? { kind: "moment", text: `${date}T${time}${offset.replace(" ", "+")}` } : null
}

const isRealDay = (day: string): boolean => {
  const date = new Date(`${day}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.getUTCFullYear() >= 1 && date.toISOString().startsWith(day)
}

export const DateBoundInput = Schema.String.pipe(
  Schema.decodeTo(
    Schema.Struct({ kind: Schema.Literals(["day", "moment"]), text: Schema.String }),
    SchemaTransformation.transformEffect({
      decode: (text) => {
        const bound = parse(text)
        return bound === null
          ? Effect.fail(
              new SchemaIssue.InvalidValue({
                message: "Input should be a date or a moment, such as 2026-01-31 or 2026-01-31T12:00:00",
              }),
            )
          : Effect.succeed(bound)
      },
      encode: ({ text }) => Effect.succeed(text),
    }),
  ),
  Schema.annotateEncoded({
    description: "A day of Asia/Almaty as a whole, or a moment (UTC without an offset)",
  }),
)
