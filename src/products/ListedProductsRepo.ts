/** How a product is read together with its images and with what Bitrix has not been told yet: parts of queries. */
import type * as Statement from "effect/sql/Statement"
import type { Query } from "../platform/Query.ts"
import { sql } from "../platform/Query.ts"
import { Tiyn } from "../shared/Tiyn.ts"
import type { BitrixSync, ListedProduct, Product, ProductImage } from "./Product.ts"

const columns = sql.literal(
  `p.id, p.shop_id, p.name, p.price, p.type, p.description, p.manufacturing_time, p.width, p.height, p.shelf_life,
   p.enabled, p.is_featured, p.colors, p.occasions, p.cities, p.tags, p.image, p.origin, p.created_at, p.updated_at`,
)

/** What a page selects of `p`, the table of products. */
export const pageColumns = sql`${columns}, p.id::text AS aggregate_id`

/** Of `p`; the same everywhere, so that no page shows a product twice. */
export const newestFirst = sql.literal("p.created_at DESC, p.id DESC")

/**
 * The page is a query of `pageColumns` that ends with a LIMIT: it is worked out first, only its rows look for the rest,
 * and its order is that of the answer. Rows are taken as the driver gives them, because nothing is read more often than
 * lists: the checks of the table say what they hold.
 */
export const listed = (
  page: Statement.Fragment,
  order: Statement.Fragment = newestFirst,
): Query<ReadonlyArray<ListedProduct>> => ({
  statement: sql`
    SELECT ${columns},
           (SELECT json_agg(json_build_object(
                     'id', i.id, 'product_id', i.product_id, 'url', i.url, 'order', i."order",
                     'is_primary', i.is_primary,
                     'created_at', to_char(i.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS'))
                   ORDER BY i."order", i.id)
            FROM product_image i
            WHERE i.shop_id = p.shop_id AND i.product_id = p.id) AS images,
           CASE WHEN r.shop_id IS NOT NULL THEN coalesce(o.state, 'synced') END AS sync_state,
           o.pending_since AS sync_pending_since, o.last_error AS sync_last_error
    FROM (${page}) p
    LEFT JOIN outbox_route r ON p.origin = 'bitrix' AND r.shop_id = p.shop_id AND r.target = 'bitrix'
    LEFT JOIN outbox o
      ON r.shop_id IS NOT NULL AND o.shop_id = p.shop_id AND o.target = 'bitrix' AND o.aggregate_type = 'product'
         AND o.aggregate_id = p.aggregate_id AND o.state <> 'delivered'
    ORDER BY ${order}`,
  decode: (rows) => rows.map((row) => toListed(row as ListedRow)),
})

interface ListedRow extends Omit<Product, "price"> {
  readonly price: bigint
  readonly images: ReadonlyArray<ProductImage> | null
  readonly sync_state: BitrixSync["state"] | null
  readonly sync_pending_since: Date | null
  readonly sync_last_error: string | null
}

const toListed = (row: ListedRow): ListedProduct => {
  const { price, images, sync_state, sync_pending_since, sync_last_error, ...product } = row
  return {
    ...product,
    price: Tiyn.make(Number(price)),
    images: images ?? [],
    sync:
      sync_state === null
        ? null
        : { state: sync_state, pending_since: sync_pending_since, last_error: sync_last_error },
  }
}
