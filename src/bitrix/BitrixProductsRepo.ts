/** The only SQL on what both sides agreed on, and on what they did not. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Query } from "../platform/Query.ts"
import { command, rows, sql } from "../platform/Query.ts"
import { ProductId } from "../products/Product.ts"
import type { ShopId } from "../shared/ShopId.ts"
import { Ledger } from "./MirroredProduct.ts"
import type { Conflict } from "./ProductMerge.ts"

export const LedgerRow = Schema.Struct({
  product_id: ProductId,
  ...Ledger.fields,
  /** Rises with every change, so that whoever looked at Bitrix knows whether something happened since. */
  version: Schema.Int,
  last_event_at: Schema.NullOr(Schema.Date),
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
    readonly insertConflicts: (
      shopId: ShopId,
      productId: ProductId,
      conflicts: ReadonlyArray<Conflict>,
    ) => Query<void>
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
          FROM outbox o
          JOIN bitrix_product b
            ON b.shop_id = o.shop_id
           AND b.product_id = CASE WHEN o.aggregate_type = 'product' THEN o.aggregate_id::integer END
          WHERE o.shop_id = ${shopId} AND o.lease = ${lease}::uuid`,
      ),
    save: (shopId, changes) =>
      command(sql`
        INSERT INTO bitrix_product AS b (shop_id, product_id, ours, theirs, sent, version, last_event_at,
                                         last_pulled_at, last_pushed_at)
        SELECT ${shopId}, "productId", ours, theirs, sent, 1, "lastEventAt",
               CASE WHEN happened = 'pulled' THEN now() END, CASE WHEN happened = 'pushed' THEN now() END
        FROM jsonb_to_recordset(${JSON.stringify(changes)}::jsonb) AS change(
               "productId" integer, ours jsonb, theirs jsonb, sent jsonb, "lastEventAt" timestamptz, happened text)
        ORDER BY "productId"
        ON CONFLICT (shop_id, product_id) DO UPDATE
        SET ours = EXCLUDED.ours,
            theirs = EXCLUDED.theirs,
            sent = EXCLUDED.sent,
            version = b.version + 1,
            last_event_at = EXCLUDED.last_event_at,
            last_pulled_at = coalesce(EXCLUDED.last_pulled_at, b.last_pulled_at),
            last_pushed_at = coalesce(EXCLUDED.last_pushed_at, b.last_pushed_at)`),
    insertConflicts: (shopId, productId, conflicts) =>
      command(sql`
        INSERT INTO sync_conflict (shop_id, product_id, field, ours, theirs)
        SELECT ${shopId}, ${productId}, field, coalesce(ours, 'null'), coalesce(theirs, 'null')
        FROM jsonb_to_recordset(${JSON.stringify(conflicts)}::jsonb) AS conflict(field text, ours jsonb, theirs jsonb)
        ON CONFLICT (shop_id, product_id, field) WHERE chosen IS NULL
        DO UPDATE
        SET ours = EXCLUDED.ours, theirs = EXCLUDED.theirs`),
  })
}

const columns = sql.literal(`b.product_id, b.ours, b.theirs, b.sent, b.version, b.last_event_at`)
