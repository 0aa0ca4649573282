/** A fact for a system outside, as it is recorded, held, settled and looked at. */
import * as Schema from "effect/Schema"
import { BigIntColumn } from "../shared/BigIntColumn.ts"
import { ShopId } from "../shared/ShopId.ts"

export const OutboxTarget = Schema.Literals(["telegram", "bitrix"])
export type OutboxTarget = typeof OutboxTarget.Type

export interface Fact {
  readonly target: OutboxTarget
  readonly aggregateType: string
  readonly aggregateId: string
  /** JSON. Strings are free of NUL and lone surrogates, which PostgreSQL cannot hold. */
  readonly payload: unknown
  /** What changed, as it was before: the oldest value that was not told yet is kept. */
  readonly before?: Readonly<Record<string, unknown>>
  readonly traceParent: string | null
}

/** A fact in the hands of whoever delivers it. */
export const ClaimedFact = Schema.Struct({
  id: BigIntColumn,
  aggregate_id: Schema.String,
  payload: Schema.Unknown,
  before: Schema.Record(Schema.String, Schema.Unknown),
  generation: Schema.Int,
  attempts: Schema.Int,
  trace_parent: Schema.NullOr(Schema.String),
  pending_since: Schema.Date,
})
export type ClaimedFact = typeof ClaimedFact.Type

/** How an attempt ended. A fact that changed meanwhile stays open whatever its outcome, and is delivered again. */
export type Outcome =
  | { readonly kind: "delivered" }
  | { readonly kind: "failed"; readonly at: Date; readonly error: string; readonly attempts: number }
  | { readonly kind: "parked"; readonly error: string }
  /** Was not tried. */
  | { readonly kind: "released"; readonly at: Date }

export interface Settled {
  readonly id: number
  readonly generation: number
  readonly lease: string
  readonly outcome: Outcome
}

export const OutboxEntry = Schema.Struct({
  id: BigIntColumn,
  shop_id: ShopId,
  target: OutboxTarget,
  aggregate_type: Schema.String,
  aggregate_id: Schema.String,
  state: Schema.Literals(["pending", "delivered", "parked"]),
  attempts: Schema.Int,
  last_error: Schema.NullOr(Schema.String),
  pending_since: Schema.Date,
  settled_at: Schema.NullOr(Schema.Date),
})
export type OutboxEntry = typeof OutboxEntry.Type

export const OpenFact = Schema.Struct({
  aggregate_id: Schema.String,
  before: Schema.Record(Schema.String, Schema.Unknown),
  is_held: Schema.Boolean,
  is_parked: Schema.Boolean,
})

export const NextDue = Schema.Struct({ at: Schema.NullOr(Schema.Date) })

export const OutboxTotals = Schema.Struct({
  shop_id: ShopId,
  target: OutboxTarget,
  pending: Schema.Int,
  parked: Schema.Int,
  oldest_pending_since: Schema.NullOr(Schema.Date),
  last_delivered_at: Schema.NullOr(Schema.Date),
})
