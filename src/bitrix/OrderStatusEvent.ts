/**
 * The body that Bitrix's event handler posts when the status of an order changes.
 *
 * `order_id` and `changed_by_id` may come as a whole number, as decimal text or as a float without a fraction: the old
 * receiver took all three. `event_id` and `occurred_at` are ours; a sender that gives them is protected from repeats
 * and from deliveries out of order.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"

const EVENT_ID_CHARS_MAX = 200
const STATUS_CHARS_MAX = 64
const NOTES_CHARS_MAX = 4_000
const ID_DIGITS_MAX = 100

const invalid = (message: string) => Effect.fail(new SchemaIssue.InvalidValue({ message }))

/** A whole number of any size, as canonical decimal text. */
const WholeNumber = Schema.Union([Schema.Finite, Schema.BigInt, Schema.String]).pipe(
  Schema.decodeTo(
    Schema.String,
    SchemaTransformation.transformEffect({
      decode: (value) => {
        const digits =
          typeof value === "number"
            ? wholeDigits(value)
            : /^\s*([+-]?\d+)(\.0*)?\s*$/.exec(String(value))?.[1]
        return digits === undefined || digits.length > ID_DIGITS_MAX
          ? invalid("Input should be a valid integer")
          : Effect.succeed(BigInt(digits).toString())
      },
      encode: (digits) => Effect.succeed(digits),
    }),
  ),
)

const wholeDigits = (value: number): string | undefined =>
  Number.isInteger(value) ? BigInt(value).toString() : undefined

/** Text that PostgreSQL can hold: no NUL, no lone surrogates. */
const storable = (text: string): string => text.toWellFormed().replaceAll("\u0000", "\ufffd")

const Text = Schema.String.pipe(
  Schema.decodeTo(
    Schema.String,
    SchemaTransformation.transform({ decode: storable, encode: (text) => text }),
  ),
)

// Notes are a courtesy: too long ones are cut, because refusing them would lose the change of status.
const Notes = Text.pipe(
  Schema.decodeTo(
    Schema.String,
    SchemaTransformation.transform({
      decode: (text) =>
        text.length > NOTES_CHARS_MAX ? `${storable(text.slice(0, NOTES_CHARS_MAX))}…` : text,
      encode: (text) => text,
    }),
  ),
)

/** ISO 8601 with an offset, which Bitrix writes without a colon: `2025-09-26T14:59:39+0500`. */
const Instant = Schema.String.pipe(
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

export const OrderStatusEvent = Schema.Struct({
  order_id: WholeNumber.pipe(Schema.annotateEncoded({ description: "Bitrix id of the order" })),
  status: Text.check(Schema.isMaxLength(STATUS_CHARS_MAX)).pipe(
    Schema.annotateEncoded({ description: "Bitrix status code: N, PD, AP, CO, DE, F, RF or UN" }),
  ),
  changed_by_id: Schema.optionalKey(Schema.NullOr(WholeNumber)).annotate({
    description: "Bitrix id of the user who changed it",
  }),
  notes: Schema.optionalKey(Schema.NullOr(Notes)).annotateKey({
    description: `Kept in the history; cut after ${NOTES_CHARS_MAX} characters`,
  }),
  event_id: Schema.optionalKey(
    Schema.NullOr(Text.check(Schema.isMinLength(1), Schema.isMaxLength(EVENT_ID_CHARS_MAX))),
  ).annotate({ description: "Unique per event: a repeat gets the first answer and changes nothing" }),
  occurred_at: Schema.optionalKey(Schema.NullOr(Instant)).annotate({
    description: "When it happened in Bitrix; older than the last event that reached the order means stale",
  }),
}).annotate({
  examples: [{ order_id: "123456", status: "AP", changed_by_id: "42", notes: "Принят флорист" }],
})
export type OrderStatusEvent = typeof OrderStatusEvent.Type

export const decode = Schema.decodeUnknownEffect(OrderStatusEvent)

/** Whether an order with this Bitrix id can exist at all. */
export const isPossibleId = (digits: string): boolean => {
  const id = BigInt(digits)
  return id > 0n && id <= INT8_MAX
}

const INT8_MAX = 9_223_372_036_854_775_807n
