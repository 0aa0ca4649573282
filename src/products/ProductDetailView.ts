/** How the page of a product looks on the wire. */
import * as Schema from "effect/Schema"
import { Tiyn } from "../shared/Tiyn.ts"
import { toWireTime, WireTime } from "../shared/WireTime.ts"
import { ProductId } from "./Product.ts"
import type { CompanyReview, ProductDetail, RatingCount } from "./ProductDetail.ts"
import * as Model from "./ProductDetail.ts"
import { productFields, toPublicProductRead } from "./ProductView.ts"

const Money = Tiyn.annotate({ description: "Tiyn, 1/100 tenge" })

const CompanyReviewRead = Schema.Struct({ ...Model.CompanyReview.fields, created_at: WireTime })

const stars = ["5", "4", "3", "2", "1"] as const

const reviewsOf = <Item extends Schema.Top>(item: Item) =>
  Schema.Struct({
    count: Schema.Int,
    average_rating: Schema.Number.annotate({ description: "With one decimal; 0 when there is none" }),
    breakdown: Schema.Struct({
      "5": Schema.Int,
      "4": Schema.Int,
      "3": Schema.Int,
      "2": Schema.Int,
      "1": Schema.Int,
    }),
    photos: Schema.Array(Schema.String),
    items: Schema.Array(item).annotate({ description: "The newest, at most 5" }),
  })

export const ProductDetailRead = Schema.Struct({
  ...productFields,
  rating: Schema.NullOr(Schema.Number).annotate({ description: "With one decimal; null without reviews" }),
  review_count: Schema.Int,
  rating_count: Schema.Int,
  variants: Schema.Array(
    Schema.Struct({ ...Model.ProductVariant.fields, price: Money, created_at: WireTime }),
  ).annotate({ description: "The cheapest first" }),
  composition: Schema.Array(
    Schema.Struct({ id: Schema.Int, name: Schema.String, quantity: Schema.Int }),
  ).annotate({ description: "Empty until recipes exist" }),
  addons: Schema.Array(Schema.Struct({ ...Model.ProductAddon.fields, price: Money, created_at: WireTime })),
  frequently_bought: Schema.Array(
    Schema.Struct({
      id: ProductId,
      name: Schema.String,
      price: Money,
      image: Schema.NullOr(Schema.String),
    }),
  ).annotate({ description: "At most 5" }),
  pickup_locations: Schema.Array(Schema.String),
  reviews: Schema.Struct({ product: reviewsOf(Schema.Never), company: reviewsOf(CompanyReviewRead) }),
})

export const toProductDetailRead = (detail: ProductDetail): typeof ProductDetailRead.Type => ({
  ...toPublicProductRead(detail.product),
  rating: null,
  review_count: 0,
  rating_count: 0,
  variants: detail.variants.map(withWireTime),
  composition: [],
  addons: detail.addons.map(withWireTime),
  frequently_bought: detail.companions,
  pickup_locations: detail.addresses,
  reviews: {
    product: toReviews([], []),
    company: toReviews(detail.companyRatings, detail.companyReviews),
  },
})

const withWireTime = <A extends { readonly created_at: Date }>(given: A) => ({
  ...given,
  created_at: toWireTime(given.created_at),
})

const toReviews = <Item extends CompanyReview>(
  ratings: ReadonlyArray<RatingCount>,
  items: ReadonlyArray<Item>,
) => {
  const countOf = (star: string) => ratings.find(({ rating }) => String(rating) === star)?.count ?? 0
  const count = ratings.reduce((total, rating) => total + rating.count, 0)
  const sum = ratings.reduce((total, { rating, count }) => total + rating * count, 0)
  const [five, four, three, two, one] = stars.map(countOf)
  return {
    count,
    average_rating: count === 0 ? 0 : Math.round((sum / count) * 10) / 10,
    breakdown: { "5": five ?? 0, "4": four ?? 0, "3": three ?? 0, "2": two ?? 0, "1": one ?? 0 },
    photos: [],
    items: items.map(withWireTime),
  }
}
