/** A field that both sides had changed: Bitrix's value was taken, ours is kept until somebody chooses. */
import * as Schema from "effect/Schema"
import { ProductId } from "../products/Product.ts"
import { BigIntColumn } from "../shared/BigIntColumn.ts"
import type { Field } from "./MirroredProduct.ts"
import { fields } from "./MirroredProduct.ts"

export const SyncConflictId = Schema.Int.check(
  Schema.isBetween({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
).pipe(Schema.brand("SyncConflictId"))
export type SyncConflictId = typeof SyncConflictId.Type

/** Whose value a conflict was decided for. */
export const Choice = Schema.Literals(["ours", "bitrix"])
export type Choice = typeof Choice.Type

export const ConflictField = Schema.Literals(fields as ReadonlyArray<Field> & [Field])

export const SyncConflict = Schema.Struct({
  id: BigIntColumn.pipe(Schema.decodeTo(SyncConflictId)),
  product_id: ProductId,
  product_name: Schema.String,
  field: ConflictField,
  /** In our units: a price in tiyn, a length in centimetres. */
  ours: Schema.Unknown,
  theirs: Schema.Unknown,
  created_at: Schema.Date,
  /** Null while it is open. */
  chosen: Schema.NullOr(Choice),
  resolved_at: Schema.NullOr(Schema.Date),
  /** The account of whoever chose; null when a machine did. */
  resolved_by: Schema.NullOr(Schema.Int),
})
export type SyncConflict = typeof SyncConflict.Type
