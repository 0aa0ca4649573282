import * as Schema from "effect/Schema"
import { TiynColumn } from "../shared/BigIntColumn.ts"
import { fault } from "../shared/Fault.ts"
import { ShopId } from "../shared/ShopId.ts"

export const ProductId = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2_147_483_647 })).pipe(
  Schema.brand("ProductId"),
)
export type ProductId = typeof ProductId.Type

export const ProductType = Schema.Literals(["flowers", "sweets", "fruits", "gifts", "vitrina", "catalog"])

/** Most that a product may cost, in tiyn. */
const PRICE_MAX = 2_147_483_647

export const Price = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: PRICE_MAX }))

const Words = Schema.NullOr(Schema.Array(Schema.String))

/** A product as its row reads; a deleted one reads no more. */
export const Product = Schema.Struct({
  id: ProductId,
  shop_id: ShopId,
  name: Schema.String,
  price: TiynColumn,
  type: ProductType,
  description: Schema.NullOr(Schema.String),
  manufacturing_time: Schema.NullOr(Schema.Int),
  width: Schema.NullOr(Schema.Int),
  height: Schema.NullOr(Schema.Int),
  shelf_life: Schema.NullOr(Schema.Int),
  enabled: Schema.Boolean,
  is_featured: Schema.Boolean,
  colors: Words,
  occasions: Words,
  cities: Words,
  tags: Words,
  image: Schema.NullOr(Schema.String),
  created_at: Schema.Date,
  updated_at: Schema.Date,
})
export type Product = typeof Product.Type

export class ProductNotFound extends Schema.Error<ProductNotFound>("ProductNotFound")(
  fault("ProductNotFound", "Product not found"),
  { httpApiStatus: 404 },
) {}
