/** How the catalogue looks on the wire, besides its goods. */
import * as Schema from "effect/Schema"
import { ShopId } from "../shared/ShopId.ts"
import { Tiyn } from "../shared/Tiyn.ts"
import type { Home } from "./Catalogue.ts"
import type { Filters } from "./CatalogueRepo.ts"
import type { ListedProduct, ProductType } from "./Product.ts"
import { ProductId, productTypes, ProductType as Type } from "./Product.ts"
import { ProductRead, toPublicProductRead } from "./ProductView.ts"

const TIYN_PER_TENGE = 100
/** What can be had of a product without a recipe. */
const UNLIMITED = 9_999

const Money = Tiyn.annotate({ description: "Tiyn, 1/100 tenge" })
const Tenge = Schema.Int.annotate({ description: "Whole tenge, rounded down" })

/** The home page gathers goods of many shops, so it says whose each is. */
const HomeProduct = Schema.Struct({ ...ProductRead.fields, shop_id: ShopId })

export const HomeRead = Schema.Struct({
  featured: Schema.Array(HomeProduct),
  available_tags: Schema.Array(Schema.String),
  bestsellers: Schema.Array(HomeProduct),
})

const toHomeProduct = (product: ListedProduct): typeof HomeProduct.Type => ({
  ...toPublicProductRead(product),
  shop_id: product.shop_id,
})

export const toHomeRead = ({ featured, bestsellers, availableTags }: Home): typeof HomeRead.Type => ({
  featured: featured.map(toHomeProduct),
  available_tags: availableTags,
  bestsellers: bestsellers.map(toHomeProduct),
})

export const FiltersRead = Schema.Struct({
  tags: Schema.Array(Schema.String),
  cities: Schema.Array(Schema.String),
  price_range: Schema.Struct({ min: Money, max: Money, min_tenge: Tenge, max_tenge: Tenge }),
  product_types: Schema.Array(Type),
})

export const toFiltersRead = ({ tags, cities, price_min, price_max }: Filters): typeof FiltersRead.Type => ({
  tags,
  cities,
  price_range: {
    min: price_min,
    max: price_max,
    min_tenge: Math.floor(price_min / TIYN_PER_TENGE),
    max_tenge: Math.floor(price_max / TIYN_PER_TENGE),
  },
  product_types: productTypes,
})

export const StatsRead = Schema.Struct({
  total_products: Schema.Int.annotate({
    description: "As many as are for sale: others are not counted here",
  }),
  enabled_products: Schema.Int,
  disabled_products: Schema.Int.annotate({ description: "Always 0" }),
  by_type: Schema.Struct({
    flowers: Schema.Int,
    sweets: Schema.Int,
    fruits: Schema.Int,
    gifts: Schema.Int,
    vitrina: Schema.Int,
    catalog: Schema.Int,
  }),
})

export const toStatsRead = (counts: ReadonlyMap<ProductType, number>): typeof StatsRead.Type => {
  const of = (type: ProductType) => counts.get(type) ?? 0
  const total = productTypes.reduce((sum, type) => sum + of(type), 0)
  return {
    total_products: total,
    enabled_products: total,
    disabled_products: 0,
    by_type: {
      flowers: of("flowers"),
      sweets: of("sweets"),
      fruits: of("fruits"),
      gifts: of("gifts"),
      vitrina: of("vitrina"),
      catalog: of("catalog"),
    },
  }
}

const Ingredient = Schema.Struct({
  warehouse_item_id: Schema.Int,
  name: Schema.String,
  required: Schema.Int.annotate({ description: "For the whole quantity that was asked for" }),
  available: Schema.Int.annotate({ description: "Without what is reserved; may be negative" }),
  reserved: Schema.Int,
  sufficient: Schema.Boolean,
})

export const Availability = Schema.Struct({
  product_id: ProductId,
  product_name: Schema.String,
  quantity_requested: Schema.Int,
  available: Schema.Boolean,
  max_quantity: Schema.Int,
  ingredients: Schema.Array(Ingredient),
})

export const toAvailability = (product: ListedProduct, quantity: number): typeof Availability.Type => ({
  product_id: product.id,
  product_name: product.name,
  quantity_requested: quantity,
  available: quantity <= UNLIMITED,
  max_quantity: UNLIMITED,
  ingredients: [],
})

export const unknownAvailability = (id: ProductId, quantity: number): typeof Availability.Type => ({
  product_id: id,
  product_name: "Unknown Product",
  quantity_requested: quantity,
  available: false,
  max_quantity: 0,
  ingredients: [],
})
