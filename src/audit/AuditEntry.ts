import * as Schema from "effect/Schema"
import { BigIntColumn } from "../shared/BigIntColumn.ts"

const Fields = Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown))

/** Who did what to which record, from where, and what the changed fields were before and after. */
export const AuditEntry = Schema.Struct({
  seq: BigIntColumn,
  at: Schema.Date,
  actor_kind: Schema.String,
  actor_id: Schema.NullOr(Schema.String),
  action: Schema.NullOr(Schema.String),
  address: Schema.NullOr(Schema.String),
  request_id: Schema.NullOr(Schema.String),
  operation: Schema.String,
  record_type: Schema.String,
  record_id: Schema.String,
  before: Fields,
  after: Fields,
})
export type AuditEntry = typeof AuditEntry.Type

/** An entry as its chain is verified: the text that was hashed, and the two hashes in hexadecimal digits. */
export const AuditLink = Schema.Struct({
  shop_id: Schema.Int,
  seq: BigIntColumn,
  text: Schema.String,
  previous_hash: Schema.NullOr(Schema.String),
  hash: Schema.String,
})
export type AuditLink = typeof AuditLink.Type
