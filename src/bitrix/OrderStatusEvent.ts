/**
 * The body that Bitrix's event handler posts when the status of an order changes.
 *
 * `order_id` and `changed_by_id` may come as a whole number, as decimal text or as a float without a fraction: the old
 * receiver took all three. `event_id` and `occurred_at` are ours; a sender that gives them is protected from repeats
 * and from deliveries out of order.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { EventId, Instant, invalid, storable, Text } from "./EventFields.ts"

const STATUS_CHARS_MAX = 64
const NOTES_CHARS_MAX = 4_000
const ID_DIGITS_MAX = 100

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
  event_id: EventId,
  occurred_at: Instant,
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
