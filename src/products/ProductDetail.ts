import * as Schema from "effect/Schema"
import { TiynColumn } from "../shared/BigIntColumn.ts"
import type { ListedProduct } from "./Product.ts"
import { Product, ProductId } from "./Product.ts"

export const ProductVariant = Schema.Struct({
  id: Schema.Int,
  product_id: ProductId,
  size: Schema.String,
  price: TiynColumn,
  enabled: Schema.Boolean,
  created_at: Schema.Date,
})
export type ProductVariant = typeof ProductVariant.Type

export const ProductAddon = Schema.Struct({
  id: Schema.Int,
  product_id: ProductId,
  name: Schema.String,
  description: Schema.NullOr(Schema.String),
  price: TiynColumn,
  is_default: Schema.Boolean,
  enabled: Schema.Boolean,
  created_at: Schema.Date,
})
export type ProductAddon = typeof ProductAddon.Type

/** What goes with a product. */
export const Companion = Schema.Struct({
  id: ProductId,
  name: Product.fields.name,
  price: Product.fields.price,
  image: Product.fields.image,
})
export type Companion = typeof Companion.Type

export const CompanyReview = Schema.Struct({
  id: Schema.Int,
  author_name: Schema.String,
  rating: Schema.Int,
  text: Schema.String,
  likes: Schema.Int,
  dislikes: Schema.Int,
  shop_id: Product.fields.shop_id,
  created_at: Schema.Date,
})
export type CompanyReview = typeof CompanyReview.Type

export const RatingCount = Schema.Struct({ rating: Schema.Int, count: Schema.Int })
export type RatingCount = typeof RatingCount.Type

/** Everything that the page of a product shows. */
export interface ProductDetail {
  readonly product: ListedProduct
  readonly variants: ReadonlyArray<ProductVariant>
  readonly addons: ReadonlyArray<ProductAddon>
  readonly companions: ReadonlyArray<Companion>
  /** Where it can be picked up. */
  readonly addresses: ReadonlyArray<string>
  readonly companyRatings: ReadonlyArray<RatingCount>
  readonly companyReviews: ReadonlyArray<CompanyReview>
}
