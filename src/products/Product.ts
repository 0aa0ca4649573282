import * as Schema from "effect/Schema"
import { TiynColumn } from "../shared/BigIntColumn.ts"
import { fault } from "../shared/Fault.ts"
import { ShopId } from "../shared/ShopId.ts"
import { Tiyn } from "../shared/Tiyn.ts"
import { WireTime } from "../shared/WireTime.ts"

export const ProductId = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2_147_483_647 })).pipe(
  Schema.brand("ProductId"),
)
export type ProductId = typeof ProductId.Type

export const ProductImageId = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2_147_483_647 })).pipe(
  Schema.brand("ProductImageId"),
)
export type ProductImageId = typeof ProductImageId.Type

export const productTypes = ["flowers", "sweets", "fruits", "gifts", "vitrina", "catalog"] as const
export const ProductType = Schema.Literals(productTypes)
export type ProductType = typeof ProductType.Type

/** Who made a product and knows it: this service alone, or Bitrix too, by the same id. */
export const ProductOrigin = Schema.Literals(["here", "bitrix"])

/** Most that a product may cost, in tiyn. */
const PRICE_MAX = 2_147_483_647

export const Price = Tiyn.check(Schema.isBetween({ minimum: 0, maximum: PRICE_MAX }))

export const NAME_CHARS_MAX = 200
export const DESCRIPTION_CHARS_MAX = 1_000
export const URL_CHARS_MAX = 500
export const IMAGES_MAX = 10

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
  origin: ProductOrigin,
  created_at: Schema.Date,
  updated_at: Schema.Date,
})
export type Product = typeof Product.Type

export const ProductImage = Schema.Struct({
  id: ProductImageId,
  product_id: ProductId,
  url: Schema.String,
  order: Schema.Int,
  is_primary: Schema.Boolean,
  created_at: WireTime,
})
export type ProductImage = typeof ProductImage.Type

/** How far Bitrix has been told of a product. */
export const SyncState = Schema.Literals(["synced", "pending", "parked", "local"])
export type SyncState = typeof SyncState.Type

/** A product with what is shown beside it. */
export interface ListedProduct extends Product {
  readonly images: ReadonlyArray<ProductImage>
  /** Null where nobody is to be told; `local` for what was made here and that Bitrix has not been told of. */
  readonly sync_state: SyncState | null
  readonly sync_pending_since: Date | null
  readonly sync_last_error: string | null
}

/** What people may say of a product. */
export type ProductDraft = Pick<
  Product,
  | "name"
  | "price"
  | "type"
  | "description"
  | "manufacturing_time"
  | "width"
  | "height"
  | "shelf_life"
  | "enabled"
  | "is_featured"
  | "colors"
  | "occasions"
  | "cities"
  | "tags"
  | "image"
>
export type ProductChange = { readonly [K in keyof ProductDraft]?: ProductDraft[K] | undefined }

/** What Bitrix is told of. */
export const toldFields = [
  "name",
  "price",
  "description",
  "image",
  "enabled",
] as const satisfies ReadonlyArray<keyof ProductDraft>

type Told = Pick<Product, (typeof toldFields)[number]>
export type ToldBefore = Partial<Told>

/** The told fields that changed, as they were before; undefined when Bitrix has nothing to hear. */
export const toldBefore = (before: Told, after: Told): ToldBefore | undefined => {
  const changed = toldFields.filter((field) => before[field] !== after[field])
  return changed.length === 0 ? undefined : Object.fromEntries(changed.map((field) => [field, before[field]]))
}

export class ProductNotFound extends Schema.Error<ProductNotFound>("ProductNotFound")(
  fault("ProductNotFound", "Product not found"),
  { httpApiStatus: 404 },
) {}

export class ProductImageNotFound extends Schema.Error<ProductImageNotFound>("ProductImageNotFound")(
  fault("ProductImageNotFound", "Image not found"),
  { httpApiStatus: 404 },
) {}

export class ProductImagesTooMany extends Schema.Error<ProductImagesTooMany>("ProductImagesTooMany")(
  fault("ProductImagesTooMany", `A product has at most ${IMAGES_MAX} images`),
  { httpApiStatus: 409 },
) {}
