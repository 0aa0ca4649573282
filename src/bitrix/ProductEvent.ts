/**
 * The body that Bitrix's event handlers post when goods change (externals 2.1). `event_id` and `occurred_at` are ours:
 * a sender that gives them is protected from repeats and from deliveries out of order. What it says of the product is
 * read field by field by `ProductMapping`, so that one field without sense does not lose the others.
 */
import * as Schema from "effect/Schema"
import { ProductId } from "../products/Product.ts"
import { EventId, Instant, JsonObject, Text } from "./EventFields.ts"

const EVENT_TYPE_CHARS_MAX = 64

export const ProductEvent = Schema.Struct({
  event_type: Text.check(Schema.isMaxLength(EVENT_TYPE_CHARS_MAX)).annotateKey({
    description: "product.created, product.updated or product.deleted; others are kept and change nothing",
  }),
  product_data: JsonObject.annotateKey({
    description: "`id` and what is to be said of the product; a field that is absent stays as it is",
  }),
  event_id: EventId,
  occurred_at: Instant,
}).annotate({
  examples: [
    {
      event_type: "product.updated",
      product_data: {
        id: 668_826,
        title: "Букет Rosa Deluxe",
        price: "5 000 ₸",
        isAvailable: true,
        type: "catalog",
        catalogHeight: "70 см",
      },
    },
  ],
})
export type ProductEvent = typeof ProductEvent.Type

export const decode = Schema.decodeUnknownEffect(ProductEvent)

/** Ids from here on are of goods that were made here. */
const BITRIX_ID_MAX = 999_999_999

/** Handlers give a number, its digits, or the whole element with its `ID`. Undefined where no product can be meant. */
export const idOf = (data: Readonly<Record<string, unknown>>): ProductId | undefined => {
  const id = data["id"] ?? data["ID"]
  if (typeof id === "object" && id !== null && !Array.isArray(id)) return idOf(id as Record<string, unknown>)
  const number = typeof id === "string" && /^\s*\d{1,10}(\.0+)?\s*$/.test(id) ? Number(id) : id
  return Schema.is(ProductId)(number) && number <= BITRIX_ID_MAX ? number : undefined
}

export const ProductAnswer = Schema.Struct({
  status: Schema.Literals(["success", "skipped"]),
  action: Schema.NullOr(Schema.Literals(["created", "updated", "deleted", "skipped"])),
  product_id: Schema.NullOr(Schema.Int),
  reindex_triggered: Schema.Boolean,
  embedding_generated: Schema.Boolean,
  /** Why it was skipped. */
  message: Schema.optionalKey(Schema.String),
  /** What was kept as it was, and why. */
  notes: Schema.optionalKey(Schema.Array(Schema.String)),
})
export type ProductAnswer = typeof ProductAnswer.Type
