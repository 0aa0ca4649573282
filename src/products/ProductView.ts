/** How goods look on the wire: old clients own the mixed spelling. Prices are in tiyn. */
import * as Schema from "effect/Schema"
import { Tiyn } from "../shared/Tiyn.ts"
import { toWireTime, WireTime } from "../shared/WireTime.ts"
import { Color, findColors } from "./Color.ts"
import type { Product } from "./Product.ts"
import { ProductId, ProductType } from "./Product.ts"

const Words = Schema.NullOr(Schema.Array(Schema.String))

export const ProductRead = Schema.Struct({
  id: ProductId,
  name: Schema.String,
  price: Tiyn.annotate({ description: "Tiyn, 1/100 tenge" }),
  type: ProductType,
  description: Schema.NullOr(Schema.String),
  manufacturingTime: Schema.NullOr(Schema.Int).annotate({ description: "Minutes" }),
  width: Schema.NullOr(Schema.Int).annotate({ description: "Centimetres" }),
  height: Schema.NullOr(Schema.Int).annotate({ description: "Centimetres" }),
  shelfLife: Schema.NullOr(Schema.Int),
  enabled: Schema.Boolean,
  is_featured: Schema.Boolean,
  colors: Words,
  occasions: Words,
  cities: Words,
  tags: Words,
  image: Schema.NullOr(Schema.String),
  created_at: WireTime,
  updated_at: WireTime,
  images: Schema.Array(Schema.Never).annotate({ description: "Always empty until galleries arrive" }),
  colors_detailed: Schema.NullOr(Schema.Array(Color)),
})

export const toProductRead = (product: Product): typeof ProductRead.Type => {
  const { shop_id: _shopId, manufacturing_time, shelf_life, ...same } = product
  return {
    ...same,
    manufacturingTime: manufacturing_time,
    shelfLife: shelf_life,
    created_at: toWireTime(product.created_at),
    updated_at: toWireTime(product.updated_at),
    images: [],
    colors_detailed: findColors(product.colors),
  }
}
