/** The only SQL on what both sides agreed on. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { leasedIds } from "../platform/leasedIds.ts"
import type { Query } from "../platform/Query.ts"
import { command, rows, sql } from "../platform/Query.ts"
import { ProductId } from "../products/Product.ts"
import type { ShopId } from "../shared/ShopId.ts"
import { Ledger } from "./MirroredProduct.ts"

export const LedgerRow = Schema.Struct({
  product_id: ProductId,
  ...Ledger.fields,
  /** Rises with every change, so that whoever looked at Bitrix knows whether something happened since. */
  version: Schema.Int,
  last_event_at: Schema.NullOr(Schema.Date),
  last_pulled_at: Schema.NullOr(Schema.Date),
})
export type LedgerRow = typeof LedgerRow.Type

export interface LedgerChange extends Ledger {
  readonly productId: ProductId
  readonly lastEventAt: Date | null
  readonly happened: "pulled" | "pushing" | "pushed"
}

export class BitrixProductsRepo extends Context.Service<
  BitrixProductsRepo,
  {
    readonly find: (shopId: ShopId, ids: ReadonlyArray<ProductId>) => Query<ReadonlyArray<LedgerRow>>
    readonly lock: (shopId: ShopId, ids: ReadonlyArray<ProductId>) => Query<ReadonlyArray<LedgerRow>>
    /** Of the products that facts of this lease tell of. */
    readonly lockLeased: (shopId: ShopId, lease: string) => Query<ReadonlyArray<LedgerRow>>
    readonly save: (shopId: ShopId, changes: ReadonlyArray<LedgerChange>) => Query<void>
    /** Of every product of the shop, as one row; of the first so many. */
    readonly versions: (shopId: ShopId, limit: number) => Query<ReadonlyMap<ProductId, number>>
    /** Those of the ids that were deleted here. */
    readonly findDeleted: (shopId: ShopId, ids: ReadonlyArray<ProductId>) => Query<ReadonlyArray<ProductKey>>
    /** Met in this walk through Bitrix's list. */
    readonly markSeen: (shopId: ShopId, pass: number, ids: ReadonlyArray<ProductId>) => Query<void>
    /** On sale by Bitrix's last word, and not met in this walk; those not met for longest first. */
    readonly findUnlisted: (shopId: ShopId, pass: number, limit: number) => Query<ReadonlyArray<Unlisted>>
    /** Changed here without a fact that tells Bitrix. */
    readonly findUntold: (shopId: ShopId, limit: number) => Query<ReadonlyArray<ProductKey>>
  }
>()("cvety/bitrix/BitrixProductsRepo") {
  static readonly layer = Layer.succeed(BitrixProductsRepo, {
    find: (shopId, ids) =>
      rows(
        LedgerRow,
        sql`
          SELECT ${columns}
          FROM bitrix_product b
          WHERE b.shop_id = ${shopId} AND b.product_id = ANY (${ids}::integer[])`,
      ),
    lock: (shopId, ids) =>
      rows(
        LedgerRow,
        sql`
          SELECT ${columns}
          FROM bitrix_product b
          WHERE b.shop_id = ${shopId} AND b.product_id = ANY (${ids}::integer[])
          ORDER BY b.product_id
          FOR UPDATE`,
      ),
    lockLeased: (shopId, lease) =>
      rows(
        LedgerRow,
        sql`
          SELECT ${columns}
          FROM bitrix_product b
          WHERE b.shop_id = ${shopId} AND b.product_id = ANY (${leasedIds(shopId, lease, "product")})`,
      ),
    save: (shopId, changes) =>
      command(sql`
        INSERT INTO bitrix_product AS b (shop_id, product_id, ours, theirs, sent, blurred, version, last_event_at,
                                         last_pulled_at, last_pushed_at)
        SELECT ${shopId}, "productId", ours, theirs, sent, blurred, 1, "lastEventAt",
               CASE WHEN happened = 'pulled' THEN now() END, CASE WHEN happened = 'pushed' THEN now() END
        FROM jsonb_to_recordset(${JSON.stringify(changes)}::jsonb) AS change(
               "productId" integer, ours jsonb, theirs jsonb, sent jsonb, blurred jsonb, "lastEventAt" timestamptz,
               happened text)
        ORDER BY "productId"
        ON CONFLICT (shop_id, product_id) DO UPDATE
        SET ours = EXCLUDED.ours,
            theirs = EXCLUDED.theirs,
            sent = EXCLUDED.sent,
            blurred = EXCLUDED.blurred,
            version = b.version + 1,
            last_event_at = EXCLUDED.last_event_at,
            last_pulled_at = coalesce(EXCLUDED.last_pulled_at, b.last_pulled_at),
            last_pushed_at = coalesce(EXCLUDED.last_pushed_at, b.last_pushed_at)`),
    versions: (shopId, limit) => ({
      statement: sql`
        SELECT array_agg(product_id ORDER BY product_id) AS ids, array_agg(version ORDER BY product_id) AS versions
        FROM (
          SELECT product_id, version
          FROM bitrix_product
          WHERE shop_id = ${shopId}
          ORDER BY product_id
          LIMIT ${limit}
        ) known`,
      decode: ([row]) => {
        const { ids, versions } = decodeVersions(row)
        return new Map((ids ?? []).map((id, index) => [id, versions?.[index] ?? 0]))
      },
    }),
    findDeleted: (shopId, ids) =>
      rows(
        ProductKey,
        sql`
          SELECT id AS product_id
          FROM product
          WHERE shop_id = ${shopId} AND id = ANY (${ids}::integer[]) AND deleted_at IS NOT NULL`,
      ),
    markSeen: (shopId, pass, ids) =>
      command(sql`
        UPDATE bitrix_product b
        SET seen_in_pass = ${pass}
        FROM (
          SELECT product_id
          FROM bitrix_product
          WHERE shop_id = ${shopId} AND product_id = ANY (${ids}::integer[]) AND seen_in_pass < ${pass}
          ORDER BY product_id
          FOR NO KEY UPDATE
        ) met
        WHERE b.shop_id = ${shopId} AND b.product_id = met.product_id`),
    findUnlisted: (shopId, pass, limit) =>
      rows(
        Unlisted,
        sql`
          SELECT b.product_id, b.version, (count(*) OVER ())::integer AS total
          FROM bitrix_product b
          JOIN product p ON p.shop_id = b.shop_id AND p.id = b.product_id
          WHERE b.shop_id = ${shopId} AND b.seen_in_pass < ${pass} AND b.theirs ->> 'enabled' = 'true'
            AND p.origin = 'bitrix' AND p.deleted_at IS NULL
          ORDER BY b.seen_in_pass, b.product_id
          LIMIT ${limit}`,
      ),
    // What `untold` of ProductMerge says; whoever acts on it asks that once more, under lock.
    findUntold: (shopId, limit) =>
      rows(
        ProductKey,
        sql`
          SELECT b.product_id
          FROM bitrix_product b
          JOIN product p ON p.shop_id = b.shop_id AND p.id = b.product_id
          WHERE b.shop_id = ${shopId} AND p.origin = 'bitrix'
            AND NOT b.ours @> jsonb_build_object('name', p.name, 'price', p.price, 'description', p.description,
                                                 'image', p.image, 'enabled', p.enabled AND p.deleted_at IS NULL)
            AND b.product_id <> ALL (ARRAY(
              SELECT o.aggregate_id::integer
              FROM outbox o
              WHERE o.shop_id = ${shopId} AND o.target = 'bitrix' AND o.aggregate_type = 'product'
                AND o.state <> 'delivered'))
            AND EXISTS (SELECT FROM outbox_route r WHERE r.shop_id = b.shop_id AND r.target = 'bitrix')
          ORDER BY b.product_id
          LIMIT ${limit}`,
      ),
  })
}

const columns = sql.literal(`b.product_id, b.ours, b.theirs, b.sent, b.blurred, b.version, b.last_event_at,
   b.last_pulled_at`)

const ProductKey = Schema.Struct({ product_id: ProductId })
type ProductKey = typeof ProductKey.Type

const Unlisted = Schema.Struct({
  product_id: ProductId,
  version: Schema.Int,
  /** Of all such products. */
  total: Schema.Int,
})
export type Unlisted = typeof Unlisted.Type

const decodeVersions = Schema.decodeUnknownSync(
  Schema.Struct({
    ids: Schema.NullOr(Schema.Array(ProductId)),
    versions: Schema.NullOr(Schema.Array(Schema.Int)),
  }),
)
