/** The only SQL on what both sides did not agree on. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Query } from "../platform/Query.ts"
import { command, rows, sql } from "../platform/Query.ts"
import type { ProductId } from "../products/Product.ts"
import { ShopId } from "../shared/ShopId.ts"
import type { Conflict } from "./ProductMerge.ts"
import type { SyncConflictId } from "./SyncConflict.ts"
import { SyncConflict } from "./SyncConflict.ts"

export interface ConflictFilter {
  readonly isOpen: boolean | null
  /** Conflicts older than this one. */
  readonly before: SyncConflictId | null
  readonly limit: number
}

export class ConflictsRepo extends Context.Service<
  ConflictsRepo,
  {
    /** A field has one open conflict: a newer one takes its place. */
    readonly insert: (shopId: ShopId, productId: ProductId, conflicts: ReadonlyArray<Conflict>) => Query<void>
    /** Newest first. */
    readonly find: (shopId: ShopId, filter: ConflictFilter) => Query<ReadonlyArray<SyncConflict>>
    readonly findById: (shopId: ShopId, id: SyncConflictId) => Query<ReadonlyArray<SyncConflict>>
    readonly resolve: (
      shopId: ShopId,
      resolved: Pick<SyncConflict, "id" | "chosen" | "resolved_at" | "resolved_by">,
    ) => Query<void>
    /** Through the door across shops. */
    readonly openTotals: () => Query<ReadonlyArray<typeof OpenTotal.Type>>
  }
>()("cvety/bitrix/ConflictsRepo") {
  static readonly layer = Layer.succeed(ConflictsRepo, {
    insert: (shopId, productId, conflicts) =>
      command(sql`
        INSERT INTO sync_conflict (shop_id, product_id, field, ours, theirs)
        SELECT ${shopId}, ${productId}, field, coalesce(ours, 'null'), coalesce(theirs, 'null')
        FROM jsonb_to_recordset(${JSON.stringify(conflicts)}::jsonb) AS conflict(field text, ours jsonb, theirs jsonb)
        ON CONFLICT (shop_id, product_id, field) WHERE chosen IS NULL
        DO UPDATE
        SET ours = EXCLUDED.ours, theirs = EXCLUDED.theirs`),
    find: (shopId, { isOpen, before, limit }) =>
      rows(
        SyncConflict,
        sql`
          SELECT ${columns}
          FROM sync_conflict c
          JOIN product p ON p.shop_id = c.shop_id AND p.id = c.product_id
          WHERE c.shop_id = ${shopId}
            AND c.id < coalesce(${before}::bigint, 9223372036854775807)
            AND (${isOpen}::boolean IS NULL OR (c.chosen IS NULL) = ${isOpen}::boolean)
          ORDER BY c.id DESC
          LIMIT ${limit}`,
      ),
    findById: (shopId, id) =>
      rows(
        SyncConflict,
        sql`
          SELECT ${columns}
          FROM sync_conflict c
          JOIN product p ON p.shop_id = c.shop_id AND p.id = c.product_id
          WHERE c.shop_id = ${shopId} AND c.id = ${id}::bigint`,
      ),
    resolve: (shopId, { id, chosen, resolved_at, resolved_by }) =>
      command(sql`
        UPDATE sync_conflict
        SET chosen = ${chosen}::text, resolved_at = ${resolved_at}::timestamptz, resolved_by = ${resolved_by}::integer
        WHERE shop_id = ${shopId} AND id = ${id}::bigint AND chosen IS NULL`),
    openTotals: () =>
      rows(
        OpenTotal,
        sql`
          SELECT shop_id, count(*)::integer AS open
          FROM sync_conflict
          WHERE chosen IS NULL
          GROUP BY shop_id`,
      ),
  })
}

const columns = sql.literal(
  `c.id, c.product_id, p.name AS product_name, c.field, c.ours, c.theirs, c.created_at, c.chosen, c.resolved_at,
   c.resolved_by`,
)

const OpenTotal = Schema.Struct({ shop_id: ShopId, open: Schema.Int })
