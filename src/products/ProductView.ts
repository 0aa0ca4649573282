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

export const toProductRead = (product: Product): typeof ProductRead.Type => ({
  id: product.id,
  name: product.name,
  price: product.price,
  type: product.type,
  description: product.description,
  manufacturingTime: product.manufacturing_time,
  width: product.width,
  height: product.height,
  shelfLife: product.shelf_life,
  enabled: product.enabled,
  is_featured: product.is_featured,
  colors: product.colors,
  occasions: product.occasions,
  cities: product.cities,
  tags: product.tags,
  image: product.image,
  created_at: toWireTime(product.created_at),
  updated_at: toWireTime(product.updated_at),
  images: [],
  colors_detailed: findColors(product.colors),
})
