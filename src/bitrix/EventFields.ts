/** What the bodies of Bitrix's event handlers have in common. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"

const EVENT_ID_CHARS_MAX = 200

export const invalid = (message: string) => Effect.fail(new SchemaIssue.InvalidValue({ message }))

/** Text that PostgreSQL can hold: no NUL, no lone surrogates. */
export const storable = (text: string): string => text.toWellFormed().replaceAll("\u0000", "\ufffd")

export const Text = Schema.String.pipe(
  Schema.decodeTo(
    Schema.String,
    SchemaTransformation.transform({ decode: storable, encode: (text) => text }),
  ),
)

/**
 * A JSON object as PostgreSQL can hold it. Whole numbers that a double cannot hold come as `bigint` and stay as their
 * digits.
 */
export const JsonObject = Schema.Record(Schema.String, Schema.Unknown).pipe(
  Schema.decodeTo(
    Schema.Record(Schema.String, Schema.Unknown),
    SchemaTransformation.transform({
      decode: (object) => storableJson(object) as Record<string, unknown>,
      encode: (object) => object,
    }),
  ),
)

const storableJson = (value: unknown): unknown => {
  if (typeof value === "string") return storable(value)
  if (typeof value === "bigint") return value.toString()
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map(storableJson)
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [storable(key), storableJson(one)]))
}

/** ISO 8601 with an offset, which Bitrix writes without a colon: `2025-09-26T14:59:39+0500`. */
const Moment = Schema.String.pipe(
  Schema.decodeTo(
    Schema.Date,
    SchemaTransformation.transformEffect({
      decode: (text) => {
        const [, local, offset] = ISO_WITH_OFFSET.exec(text) ?? []
        const date = new Date(`${local}${offset?.replace(/^([+-]\d\d):?(\d\d)$/, "$1:$2")}`)
        return local === undefined || !hasStorableYear(date)
          ? invalid("Input should be a date and time with an offset, such as 2026-01-31T14:59:39+05:00")
          : Effect.succeed(date)
      },
      encode: (date) => Effect.succeed(date.toISOString()),
    }),
  ),
)
// An offset can carry a date out of the years that have four digits; PostgreSQL and ISO 8601 spell those otherwise.
const hasStorableYear = (date: Date): boolean => date.getUTCFullYear() >= 1 && date.getUTCFullYear() <= 9_999
const ISO_WITH_OFFSET = /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)$/

export const EventId = Schema.optionalKey(
  Schema.NullOr(Text.check(Schema.isMinLength(1), Schema.isMaxLength(EVENT_ID_CHARS_MAX))),
).annotate({ description: "Unique per event: a repeat gets the first answer and changes nothing" })

export const Instant = Schema.optionalKey(Schema.NullOr(Moment)).annotate({
  description:
    "When it happened in Bitrix; older than the last event that arrived for the same record means stale",
})
