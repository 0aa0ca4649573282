/** Reads how the sync of one shop stands, from the tables that others write. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Query } from "../platform/Query.ts"
import { rows, sql } from "../platform/Query.ts"
import { ProductId } from "../products/Product.ts"
import { BigIntColumn } from "../shared/BigIntColumn.ts"
import type { ShopId } from "../shared/ShopId.ts"

const Moment = Schema.NullOr(Schema.Date)

export const ToBitrix = Schema.Struct({
  pending: Schema.Int,
  oldest_pending_since: Moment,
  /** When something leaves next, the circuit permitting; epoch when it leaves now. */
  next_due_at: Moment,
  parked: Schema.Int,
  last_success_at: Moment,
})

export const FromBitrix = Schema.Struct({
  parked: Schema.Int,
  oldest_parked_since: Moment,
  last_event_at: Moment,
  conflicts_open: Schema.Int,
})

export const Pass = Schema.Struct({
  started_at: Schema.Date,
  next_offset: Schema.Int,
  seen: Schema.Int,
  differences: Schema.Int,
  repaired: Schema.Int,
  unrepaired: Schema.Int,
  last_finished_at: Moment,
  last_differences: Schema.NullOr(Schema.Int),
  last_unrepaired: Schema.NullOr(Schema.Int),
})

export const ParkedFact = Schema.Struct({
  id: BigIntColumn,
  /** Null for what tells of something else. */
  product_id: Schema.NullOr(ProductId),
  error: Schema.NullOr(Schema.String),
  since: Schema.Date,
})

export const ParkedEvent = Schema.Struct({
  id: Schema.String,
  subject: Schema.String,
  reason: Schema.NullOr(Schema.String),
  since: Schema.Date,
})

export class SyncStatusRepo extends Context.Service<
  SyncStatusRepo,
  {
    readonly toBitrix: (shopId: ShopId) => Query<typeof ToBitrix.Type>
    readonly fromBitrix: (shopId: ShopId) => Query<typeof FromBitrix.Type>
    readonly pass: (shopId: ShopId) => Query<ReadonlyArray<typeof Pass.Type>>
    /** Newest first. */
    readonly parkedFacts: (shopId: ShopId, limit: number) => Query<ReadonlyArray<typeof ParkedFact.Type>>
    /** Newest first. */
    readonly parkedEvents: (shopId: ShopId, limit: number) => Query<ReadonlyArray<typeof ParkedEvent.Type>>
  }
>()("cvety/bitrix/SyncStatusRepo") {
  static readonly layer = Layer.succeed(SyncStatusRepo, {
    toBitrix: (shopId) =>
      theOnly(
        ToBitrix,
        sql`
          SELECT count(*) FILTER (WHERE state = 'pending')::integer AS pending,
                 min(pending_since) FILTER (WHERE state = 'pending') AS oldest_pending_since,
                 min(CASE WHEN lease IS NULL THEN available_at ELSE 'epoch' END) FILTER (WHERE state = 'pending')
                   AS next_due_at,
                 count(*) FILTER (WHERE state = 'parked')::integer AS parked,
                 (SELECT last_delivered_at FROM outbox_route WHERE shop_id = ${shopId} AND target = 'bitrix')
                   AS last_success_at
          FROM outbox
          WHERE shop_id = ${shopId} AND target = 'bitrix' AND state <> 'delivered'`,
      ),
    // What became of an event stands with its product, so that the whole inbox need not be read.
    fromBitrix: (shopId) =>
      theOnly(
        FromBitrix,
        sql`
          SELECT count(*)::integer AS parked,
                 min(received_at) AS oldest_parked_since,
                 greatest(max(received_at), (SELECT max(last_pulled_at) FROM bitrix_product WHERE shop_id = ${shopId}))
                   AS last_event_at,
                 (SELECT count(*) FROM sync_conflict WHERE shop_id = ${shopId} AND chosen IS NULL)::integer
                   AS conflicts_open
          FROM inbox
          WHERE shop_id = ${shopId} AND source = 'bitrix.product' AND state = 'parked'`,
      ),
    pass: (shopId) =>
      rows(
        Pass,
        sql`
          SELECT started_at, next_offset, seen, differences, repaired, unrepaired, last_finished_at, last_differences,
                 last_unrepaired
          FROM bitrix_pass
          WHERE shop_id = ${shopId}`,
      ),
    parkedFacts: (shopId, limit) =>
      rows(
        ParkedFact,
        sql`
          SELECT id, CASE WHEN aggregate_type = 'product' THEN aggregate_id::integer END AS product_id,
                 last_error AS error, settled_at AS since
          FROM outbox
          WHERE shop_id = ${shopId} AND target = 'bitrix' AND state = 'parked'
          ORDER BY settled_at DESC, id DESC
          LIMIT ${limit}`,
      ),
    parkedEvents: (shopId, limit) =>
      rows(
        ParkedEvent,
        sql`
          SELECT id::text AS id, subject, reason, received_at AS since
          FROM inbox
          WHERE shop_id = ${shopId} AND source = 'bitrix.product' AND state = 'parked'
          ORDER BY received_at DESC, id DESC
          LIMIT ${limit}`,
      ),
  })
}

/** Totals have exactly one row. */
const theOnly = <S extends Schema.Codec<unknown, unknown>>(
  schema: S,
  statement: Query<unknown>["statement"],
): Query<S["Type"]> => {
  const decodeRow = Schema.decodeUnknownSync(schema)
  return { statement, decode: ([row]) => decodeRow(row) }
}
