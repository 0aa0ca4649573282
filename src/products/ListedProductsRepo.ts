/** How a product is read together with its images and with what Bitrix has not been told yet: parts of queries. */
import type * as Statement from "effect/sql/Statement"
import type { Query } from "../platform/Query.ts"
import { sql } from "../platform/Query.ts"
import type { ListedProduct, ProductImage } from "./Product.ts"

// A price is a bigint, and whole in a double as far as prices go: it needs no decoding this way.
const columns = sql.literal(
  `p.id, p.shop_id, p.name, p.price::float8 AS price, p.type, p.description, p.manufacturing_time, p.width, p.height,
   p.shelf_life, p.enabled, p.is_featured, p.colors, p.occasions, p.cities, p.tags, p.image, p.origin, p.created_at,
   p.updated_at`,
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
           (SELECT json_agg(json_build_array(i.id, i.url, i."order", i.is_primary, i.created_at AT TIME ZONE 'UTC')
                            ORDER BY i."order", i.id)
            FROM product_image i
            WHERE i.shop_id = p.shop_id AND i.product_id = p.id) AS images,
           CASE WHEN r.shop_id IS NOT NULL
                THEN coalesce(o.state, CASE p.origin WHEN 'bitrix' THEN 'synced' ELSE 'local' END)
           END AS sync_state,
           o.pending_since AS sync_pending_since, o.last_error AS sync_last_error
    FROM (${page}) p
    LEFT JOIN outbox_route r ON r.shop_id = p.shop_id AND r.target = 'bitrix'
    LEFT JOIN LATERAL (
      SELECT o.state, o.pending_since, o.last_error
      FROM outbox o
      WHERE o.shop_id = r.shop_id AND o.target = 'bitrix' AND o.aggregate_type = 'product'
        AND o.aggregate_id = p.aggregate_id AND o.state <> 'delivered'
      LIMIT 1
    ) o ON true
    ORDER BY ${order}`,
  decode: (rows) => rows.map((row) => withImages(row as ListedRow)),
})

interface ListedRow extends Omit<ListedProduct, "images"> {
  readonly images: ReadonlyArray<
    readonly [id: ProductImage["id"], url: string, order: number, isPrimary: boolean, createdAt: string]
  > | null
}

const withImages = (row: ListedRow): ListedProduct =>
  Object.assign(row, {
    images:
      row.images?.map(([id, url, order, is_primary, createdAt]) => ({
        id,
        product_id: row.id,
        url,
        order,
        is_primary,
        created_at: inMillis(createdAt),
      })) ?? [],
  })

const MILLIS_CHARS = "2026-03-01T04:00:00.000".length

/** JSON of PostgreSQL has microseconds, and no zeros at their end. */
const inMillis = (time: string): string =>
  (time.includes(".") ? time : `${time}.`).slice(0, MILLIS_CHARS).padEnd(MILLIS_CHARS, "0")
