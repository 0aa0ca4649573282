import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "../auth/Access.ts"
import { ShopAccess } from "../auth/Access.ts"
import { ProductId } from "../products/Product.ts"
import { bodyFaults } from "../shared/BodyFault.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { intBetween, numberInText } from "../shared/QueryValue.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import { Choice, ConflictField, SyncConflictId } from "./SyncConflict.ts"
import {
  ConflictingProductDeleted,
  ParkedFactNotFound,
  SyncConflictDecided,
  SyncConflictNotFound,
} from "./SyncFault.ts"

const PAGE_MAX = 200

const Moment = Schema.String.annotate({ description: "ISO 8601 in UTC" })
const MaybeMoment = Schema.NullOr(Moment)
const Value = Schema.Unknown.annotate({
  description: "As goods have it; a price in tiyn, a length in centimetres",
})

const ToBitrixRead = Schema.Struct({
  pending: Schema.Int.annotate({ description: "Goods whose last change Bitrix does not know yet" }),
  oldest_pending_since: MaybeMoment,
  parked: Schema.Int.annotate({ description: "Given up until a newer change or a retry" }),
  last_success_at: MaybeMoment,
  breaker: Schema.Literals(["closed", "open", "half_open"]).annotate({
    description:
      "Of the node that answers: open while Bitrix is left alone, half_open while it is tried again",
  }),
  next_attempt_in_ms: Schema.NullOr(Schema.Int).annotate({
    description: "By the node that answers; null when nothing waits or the address of Bitrix is not known",
  }),
})

const ReconciliationRead = Schema.Struct({
  started_at: Moment,
  next_offset: Schema.Int.annotate({ description: "How far in Bitrix's list the present walk is" }),
  seen: Schema.Int,
  differences: Schema.Int,
  repaired: Schema.Int,
  unrepaired: Schema.Int,
  last_finished_at: MaybeMoment,
  last_differences: Schema.NullOr(Schema.Int),
  last_unrepaired: Schema.NullOr(Schema.Int),
})

const FromBitrixRead = Schema.Struct({
  parked: Schema.Int.annotate({ description: "Events that could not be applied, or not whole" }),
  oldest_parked_since: MaybeMoment,
  last_event_at: MaybeMoment,
  reconciliation: Schema.NullOr(ReconciliationRead),
})

const ParkedRead = Schema.Struct({
  id: Schema.Int.annotate({ description: "For a retry" }),
  product_id: Schema.NullOr(ProductId),
  error: Schema.NullOr(Schema.String),
  since: Moment,
})

const ParkedEventRead = Schema.Struct({
  id: Schema.String,
  subject: Schema.String.annotate({ description: "Id of the product in Bitrix" }),
  reason: Schema.NullOr(Schema.String),
  since: Moment,
})

export const SyncStatusRead = Schema.Struct({
  connected: Schema.Boolean.annotate({ description: "Whether it is known where the shop's Bitrix is" }),
  to_bitrix: ToBitrixRead,
  from_bitrix: FromBitrixRead,
  conflicts_open: Schema.Int,
  parked: Schema.Array(ParkedRead).annotate({ description: "Newest first, at most 50" }),
  parked_events: Schema.Array(ParkedEventRead).annotate({ description: "Newest first, at most 50" }),
})

export const SyncConflictRead = Schema.Struct({
  id: SyncConflictId,
  product_id: ProductId,
  product_name: Schema.String,
  field: ConflictField,
  ours: Value,
  theirs: Value,
  created_at: Moment,
  chosen: Schema.NullOr(Choice).annotate({ description: "Null while it is open" }),
  resolved_at: MaybeMoment,
  resolved_by: Schema.NullOr(Schema.Int).annotate({
    description: "Id of the account; null when a machine chose",
  }),
})

export const Resolution = Schema.Struct({ choose: Schema.optionalKey(Choice) }).annotate({
  examples: [{ choose: "ours" }],
})

/** How goods are kept the same here and in Bitrix, and what is to be decided about it. */
export class SyncApi extends HttpApiGroup.make("sync")
  .add(
    HttpApiEndpoint.get("status", "/status", {
      success: SyncStatusRead,
      error: [DatabaseUnavailable],
    })
      .middleware(ShopAccess)
      .annotateMerge(Access.permission("view_products"))
      .annotateMerge(
        OpenApi.annotations({
          summary: "How the sync of my goods with Bitrix stands, both ways",
          description: "The breaker is that of the node that answers; the rest is the same on every node.",
        }),
      ),
    HttpApiEndpoint.get("conflicts", "/conflicts", {
      query: {
        state: Schema.optionalKey(Schema.Literals(["open", "resolved", "all"])).annotate({
          description: "open unless told otherwise",
        }),
        before: Schema.optionalKey(intBetween(1, Number.MAX_SAFE_INTEGER)),
        limit: Schema.optionalKey(intBetween(1, PAGE_MAX)),
      },
      success: Schema.Struct({
        items: Schema.Array(SyncConflictRead),
        next_cursor: Schema.NullOr(Schema.Int).annotate({ description: "For `before` of the next page" }),
      }),
      error: [ValidationFailed, DatabaseUnavailable],
    })
      .middleware(ShopAccess)
      .annotateMerge(Access.permission("view_products"))
      .annotateMerge(
        OpenApi.annotations({
          summary: "Fields that were changed here and in Bitrix at once, newest first",
          description: "Bitrix's value is in force; ours was kept for this list.",
        }),
      ),
    HttpApiEndpoint.post("resolve", "/conflicts/:conflict_id/resolve", {
      params: { conflict_id: numberInText(SyncConflictId) },
      query: { choose: Schema.optionalKey(Choice) },
      payload: Resolution,
      success: SyncConflictRead,
      error: [
        ...bodyFaults,
        SyncConflictNotFound,
        SyncConflictDecided,
        ConflictingProductDeleted,
        DatabaseUnavailable,
      ],
    })
      .middleware(ShopAccess)
      .annotateMerge(Access.permission("update_products"))
      .annotateMerge(
        OpenApi.annotations({
          summary: "Decide a conflict",
          description:
            "`bitrix` closes it and changes nothing. `ours` puts the kept value back on the product, whatever stands there by now, and tells Bitrix if the field is one that it is told. By body or query; the body counts. The same choice again gets the same answer, the other one 409.",
        }),
      ),
    HttpApiEndpoint.post("retry", "/parked/:id/retry", {
      params: { id: intBetween(1, Number.MAX_SAFE_INTEGER) },
      success: Schema.Struct({ id: Schema.Int, state: Schema.Literal("pending") }),
      error: [ParkedFactNotFound, ValidationFailed, DatabaseUnavailable],
    })
      .middleware(ShopAccess)
      .annotateMerge(Access.permission("update_products"))
      .annotateMerge(
        OpenApi.annotations({
          summary: "Let a change for Bitrix that was given up go again, at once",
          description: "What leaves is the product as it is then. Its last error stays until it arrives.",
        }),
      ),
  )
  .prefix("/api/v1/sync")
  .annotateMerge(OpenApi.annotations({ title: "Sync with Bitrix" })) {}
