/** What a product is to both sides: the fields that either tells the other, in our units. */
import * as Schema from "effect/Schema"
import { ProductType } from "../products/Product.ts"

export const Mirrored = Schema.Struct({
  name: Schema.String,
  /** Whole tiyn. */
  price: Schema.Int,
  description: Schema.NullOr(Schema.String),
  image: Schema.NullOr(Schema.String),
  enabled: Schema.Boolean,
  type: ProductType,
  /** Whole centimetres. */
  width: Schema.NullOr(Schema.Int),
  height: Schema.NullOr(Schema.Int),
  /** URLs, in the order they are shown. */
  images: Schema.Array(Schema.String),
})
export type Mirrored = typeof Mirrored.Type
export type Field = keyof Mirrored
export const fields = Object.keys(Mirrored.fields) as ReadonlyArray<Field>

/** Some of the fields. */
const Some = Schema.Struct({
  name: Schema.optionalKey(Mirrored.fields.name),
  price: Schema.optionalKey(Mirrored.fields.price),
  description: Schema.optionalKey(Mirrored.fields.description),
  image: Schema.optionalKey(Mirrored.fields.image),
  enabled: Schema.optionalKey(Mirrored.fields.enabled),
  type: Schema.optionalKey(Mirrored.fields.type),
  width: Schema.optionalKey(Mirrored.fields.width),
  height: Schema.optionalKey(Mirrored.fields.height),
  images: Schema.optionalKey(Mirrored.fields.images),
})
export type SomeFields = typeof Some.Type

/** What we tell Bitrix; the other fields only Bitrix tells. */
export const toldFields = [
  "name",
  "price",
  "description",
  "image",
  "enabled",
] as const satisfies ReadonlyArray<Field>

/** A push that may come back as an event: what it was here, and what Bitrix says once it took it. */
export const Sent = Schema.Struct({
  ours: Some,
  theirs: Some,
  isDelivered: Schema.Boolean,
  /** Came back before its answer did. */
  isSeen: Schema.optionalKey(Schema.Literal(true)),
  /** A new address of a picture that was met while it was not known whether the push had arrived. */
  met: Schema.optionalKey(Schema.String),
  /** No push: what was agreed on before one. */
  isFormer: Schema.optionalKey(Schema.Literal(true)),
})
export type Sent = typeof Sent.Type

/**
 * What both sides last agreed on, per field: `ours` as it stood here, `theirs` as Bitrix says it. They differ where
 * Bitrix cannot say what we have: it rounds prices to tenge and keeps a copy of a picture under an address of its own.
 */
export const Ledger = Schema.Struct({
  ours: Some,
  theirs: Some,
  /** Newest last. */
  sent: Schema.Array(Sent),
  /** What stands in Bitrix in a form that we could not read, or cannot repeat whole: it is not written over by chance. */
  blurred: Schema.Array(Schema.Literals(fields)),
})
export type Ledger = typeof Ledger.Type

export const isSame = (one: unknown, other: unknown): boolean =>
  one === other ||
  (Array.isArray(one) && Array.isArray(other) && JSON.stringify(one) === JSON.stringify(other))
