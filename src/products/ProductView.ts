/** How goods look on the wire: old clients own the mixed spelling. Prices are in tiyn. */
import * as Schema from "effect/Schema"
import { Tiyn } from "../shared/Tiyn.ts"
import { toWireTime, WireTime } from "../shared/WireTime.ts"
import { Color, findColors } from "./Color.ts"
import type { ListedProduct } from "./Product.ts"
import { ProductId, ProductImage, ProductType, SyncState } from "./Product.ts"

const Words = Schema.NullOr(Schema.Array(Schema.String))

const BitrixSyncRead = Schema.NullOr(
  Schema.Struct({
    state: SyncState,
    pending_since: Schema.NullOr(WireTime),
    last_error: Schema.NullOr(Schema.String).annotate({ description: "For the people of the shop only" }),
  }),
).annotate({
  description:
    "How far Bitrix has been told of the last change; `local` for goods made here of which it has not been told; null where nothing is told to it",
})

/** What a list of goods and the page of one show alike. */
export const productFields = {
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
  images: Schema.Array(ProductImage),
}

export const ProductRead = Schema.Struct({
  ...productFields,
  created_at: WireTime,
  updated_at: WireTime,
  colors_detailed: Schema.NullOr(Schema.Array(Color)),
  bitrix_sync: BitrixSyncRead,
})
export type ProductRead = typeof ProductRead.Type

/** For the people of its shop. */
export const toProductRead = (product: ListedProduct): ProductRead => toRead(product, product.sync_last_error)

/** For anybody: what went wrong between systems is nobody's business. */
export const toPublicProductRead = (product: ListedProduct): ProductRead => toRead(product, null)

// Written out, because nothing is done more often.
const toRead = (product: ListedProduct, lastError: string | null): ProductRead => ({
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
  images: product.images,
  created_at: toWireTime(product.created_at),
  updated_at: toWireTime(product.updated_at),
  colors_detailed: findColors(product.colors),
  bitrix_sync:
    product.sync_state === null
      ? null
      : {
          state: product.sync_state,
          pending_since: product.sync_pending_since === null ? null : toWireTime(product.sync_pending_since),
          last_error: lastError,
        },
})
