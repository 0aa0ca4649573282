/**
 * The SQL by which goods are listed, for customers and for the people of a shop. For sale is what is enabled, of a shop
 * that is not blocked. A list of one shop runs in its tenant, one of all shops through the door across shops.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Statement from "effect/sql/Statement"
import type { Query } from "../platform/Query.ts"
import { command, rows, sql } from "../platform/Query.ts"
import { TiynColumn } from "../shared/BigIntColumn.ts"
import { containing } from "../shared/LikePattern.ts"
import type { ShopId } from "../shared/ShopId.ts"
import { listed, newestFirst, pageColumns } from "./ListedProductsRepo.ts"
import type { ListedProduct, ProductId } from "./Product.ts"
import { ProductType } from "./Product.ts"

export interface Selection {
  readonly shopId: ShopId | null
  /** Or whatever there is, for the people of a shop. */
  readonly isForSale: boolean
  readonly isEnabled?: boolean
  readonly isFeatured?: boolean
  readonly type?: ProductType | null
  /** In tiyn, both ends included. */
  readonly priceMin?: number | null
  readonly priceMax?: number | null
  /** Lower case; a product is of the city, and has every one of the tags. */
  readonly city?: string | null
  readonly tags?: ReadonlyArray<string>
}

export interface Page {
  readonly skip: number
  readonly limit: number
}

export class CatalogueRepo extends Context.Service<
  CatalogueRepo,
  {
    /**
     * For whatever of the same transaction comes after: its plan is made once and kept. PostgreSQL would make one for
     * each page, because it takes a page of unknown length for a tenth of all goods; making it costs more than the page.
     */
    readonly keepPlans: Query<void>
    /** Newest first. */
    readonly find: (selection: Selection, page: Page) => Query<ReadonlyArray<ListedProduct>>
    /** The same, of those in which the words are found: in any form, or as a piece of the name. */
    readonly search: (selection: Selection, words: string, page: Page) => Query<ReadonlyArray<ListedProduct>>
    /** When `search` finds nothing at all: those whose name has every word but for a letter or two. */
    readonly searchNearby: (
      selection: Selection,
      words: string,
      page: Page,
    ) => Query<ReadonlyArray<ListedProduct>>
    readonly findById: (id: ProductId) => Query<ReadonlyArray<ListedProduct>>
    /** By how many were sold in the last 90 days, in orders that are not cancelled; none that was not sold. */
    readonly findBestsellers: (selection: Selection, limit: number) => Query<ReadonlyArray<ListedProduct>>
    readonly suggest: (
      selection: Selection,
      words: string,
      limit: number,
    ) => Query<ReadonlyArray<{ readonly name: string }>>
    readonly findTags: (selection: Selection) => Query<ReadonlyArray<{ readonly tag: string }>>
    readonly findFilters: (selection: Selection) => Query<ReadonlyArray<Filters>>
    readonly countByType: (selection: Selection) => Query<ReadonlyArray<typeof TypeCount.Type>>
  }
>()("cvety/products/CatalogueRepo") {
  static readonly layer = Layer.succeed(CatalogueRepo, {
    keepPlans: command(sql`SET LOCAL plan_cache_mode = force_generic_plan`),
    find: (selection, page) => listed(pageOf(selected(selection), page)),
    search: (selection, words, page) =>
      listed(pageOf(sql`${selected(selection)} AND ${hasWords(words)}`, page)),
    searchNearby: (selection, words, page) =>
      listed(
        sql`
          SELECT ${pageColumns}
          FROM (
            SELECT p.*
            FROM product p
            JOIN shop s ON s.id = p.shop_id
            WHERE ${selected(selection)}
            ORDER BY ${newestFirst}
            LIMIT ${NEARBY_MAX}
          ) p
          WHERE ${nearby(selection, words)}
          ORDER BY ${newestFirst}
          LIMIT ${page.limit} OFFSET ${page.skip}`,
      ),
    findById: (id) =>
      listed(
        pageOf(sql`${selected({ shopId: null, isForSale: true })} AND p.id = ${id}`, { skip: 0, limit: 1 }),
      ),
    findBestsellers: (selection, limit) =>
      listed(
        sql`
          SELECT ${pageColumns}, sold.quantity
          FROM (
            SELECT i.shop_id, i.product_id, sum(i.quantity) AS quantity
            FROM (
              SELECT shop_id, id
              FROM "order"
              WHERE created_at > now() - interval '90 days' AND status <> 'cancelled'
                ${selection.shopId === null ? nothing : sql`AND shop_id = ${selection.shopId}`}
              ORDER BY created_at DESC
              LIMIT ${ORDERS_MAX}
            ) o
            JOIN order_item i ON i.shop_id = o.shop_id AND i.order_id = o.id
            GROUP BY i.shop_id, i.product_id
          ) sold
          JOIN product p ON p.shop_id = sold.shop_id AND p.id = sold.product_id
          JOIN shop s ON s.id = p.shop_id
          WHERE ${selected(selection)}
          ORDER BY sold.quantity DESC, ${newestFirst}
          LIMIT ${limit}`,
        sql`p.quantity DESC, ${newestFirst}`,
      ),
    suggest: (selection, words, limit) =>
      rows(
        Named,
        sql`
          SELECT p.name
          FROM product p
          JOIN shop s ON s.id = p.shop_id
          WHERE ${selected(selection)} AND (${hasWords(words)} OR ${nearby(selection, words)})
          GROUP BY p.name
          ORDER BY starts_with(lower(p.name), lower(${words}::text)) DESC,
                   word_similarity(lower(${words}::text), lower(p.name)) DESC, p.name
          LIMIT ${limit}`,
      ),
    findTags: (selection) =>
      rows(
        Tagged,
        sql`
          SELECT DISTINCT tag
          FROM product p
          JOIN shop s ON s.id = p.shop_id
          CROSS JOIN unnest(p.tags) AS tag
          WHERE ${selected(selection)}
          ORDER BY tag
          LIMIT ${WORDS_MAX}`,
      ),
    findFilters: (selection) =>
      rows(
        Filters,
        sql`
          WITH chosen AS MATERIALIZED (
            SELECT p.tags, p.cities, p.price
            FROM product p
            JOIN shop s ON s.id = p.shop_id
            WHERE ${selected(selection)}
          )
          SELECT ARRAY(SELECT DISTINCT tag FROM chosen, unnest(tags) AS tag ORDER BY tag LIMIT ${WORDS_MAX}) AS tags,
                 ARRAY(SELECT DISTINCT city FROM chosen, unnest(cities) AS city ORDER BY city LIMIT ${WORDS_MAX})
                   AS cities,
                 coalesce(min(price), 0) AS price_min, coalesce(max(price), 0) AS price_max
          FROM chosen`,
      ),
    countByType: (selection) =>
      rows(
        TypeCount,
        sql`
          SELECT p.type, count(*)::integer AS count
          FROM product p
          JOIN shop s ON s.id = p.shop_id
          WHERE ${selected(selection)}
          GROUP BY p.type`,
      ),
  })
}

/** Orders that are looked at for what sells: the newest. */
const ORDERS_MAX = 20_000
/** Most tags or cities in an answer. */
const WORDS_MAX = 1_000

/** Goods whose names are compared letter by letter: the newest of those that are looked for. */
const NEARBY_MAX = 5_000

const nothing = sql.literal("")

const pageOf = (condition: Statement.Fragment, { skip, limit }: Page): Statement.Fragment => sql`
  SELECT ${pageColumns}
  FROM product p
  JOIN shop s ON s.id = p.shop_id
  WHERE ${condition}
  ORDER BY ${newestFirst}
  LIMIT ${limit} OFFSET ${skip}`

const selected = (selection: Selection): Statement.Fragment => {
  const { shopId, isForSale, isEnabled, isFeatured, type, priceMin, priceMax, city, tags } = selection
  return sql.and([
    sql`p.deleted_at IS NULL`,
    ...(shopId === null ? [] : [sql`p.shop_id = ${shopId}`]),
    ...(isForSale ? [sql`p.enabled AND s.is_active`] : []),
    ...(isEnabled === true ? [sql`p.enabled`] : []),
    ...(isFeatured === true ? [sql`p.is_featured`] : []),
    ...(type == null ? [] : [sql`p.type = ${type}`]),
    ...(priceMin == null ? [] : [sql`p.price >= ${priceMin}`]),
    ...(priceMax == null ? [] : [sql`p.price <= ${priceMax}`]),
    ...(city == null ? [] : [sql`lowered(p.cities) @> ${[city]}::text[]`]),
    ...(tags === undefined || tags.length === 0 ? [] : [sql`lowered(p.tags) @> ${tags}::text[]`]),
  ])
}

const hasWords = (words: string): Statement.Fragment => sql`
  (p.search @@ websearch_to_tsquery('russian', ${words}::text)
   OR lower(p.name) LIKE lower(${containing(words)}::text))`

/**
 * Compares the stems of what was typed with those of names, so that a wrong letter is forgiven in every form of a word.
 * The first condition is asked once.
 */
const nearby = (selection: Selection, words: string): Statement.Fragment => sql`
  NOT EXISTS (
    SELECT
    FROM product p
    JOIN shop s ON s.id = p.shop_id
    WHERE ${selected(selection)} AND ${hasWords(words)}
  )
  AND length(to_tsvector('russian', ${words}::text)) > 0
  AND NOT EXISTS (
    SELECT
    FROM unnest(tsvector_to_array(to_tsvector('russian', ${words}::text))) AS typed
    WHERE NOT EXISTS (
      SELECT
      FROM unnest(tsvector_to_array(ts_filter(p.search, '{a}'))) AS known
      WHERE levenshtein_less_equal(typed, known, ${wrongLetters}) <= ${wrongLetters}
    )
  )`

/** As many as people get wrong in a word of that length. */
const wrongLetters = sql.literal(
  "CASE WHEN length(typed) >= 8 THEN 2 WHEN length(typed) >= 3 THEN 1 ELSE 0 END",
)

const Named = Schema.Struct({ name: Schema.String })
const Tagged = Schema.Struct({ tag: Schema.String })
const Filters = Schema.Struct({
  tags: Schema.Array(Schema.String),
  cities: Schema.Array(Schema.String),
  price_min: TiynColumn,
  price_max: TiynColumn,
})
export type Filters = typeof Filters.Type
const TypeCount = Schema.Struct({ type: ProductType, count: Schema.Int })
