/** A product as another system knows it too: the fields that either side may tell the other, and its pictures. */
import * as Schema from "effect/Schema"
import { Product, ProductId } from "./Product.ts"

const { name, price, description, image, enabled, type, width, height } = Product.fields

export const MirroredProduct = Schema.Struct({
  id: ProductId,
  name,
  price,
  description,
  image,
  enabled,
  type,
  width,
  height,
  /** URLs, in the order they are shown. */
  images: Schema.Array(Schema.String),
  is_deleted: Schema.Boolean,
})
export type MirroredProduct = typeof MirroredProduct.Type

/** A product as it is to be. */
export type MirroredState = Omit<MirroredProduct, "is_deleted">
