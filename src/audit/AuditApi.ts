import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "../auth/Access.ts"
import { StaffAccess } from "../auth/Access.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { intBetween } from "../shared/QueryValue.ts"
import { textUpTo } from "../shared/Text.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"

const PAGE_MAX = 200
const WORD_CHARS_MAX = 100

const Text = Schema.NullOr(Schema.String)
const Fields = Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown))

export const AuditEntryRead = Schema.Struct({
  seq: Schema.Int.annotate({ description: "Number in the chain of the shop, from 1, without a gap" }),
  at: Schema.String.annotate({ description: "ISO 8601 in UTC" }),
  actor_kind: Schema.String.annotate({ description: "user, service, anonymous, cli or system" }),
  actor_id: Text,
  action: Text.annotate({ description: "Operation of this API, such as profile.invite" }),
  address: Text,
  request_id: Text,
  operation: Schema.String.annotate({ description: "insert, update or delete" }),
  record_type: Schema.String,
  record_id: Schema.String,
  before: Fields,
  after: Fields,
})

/** What was done in the shop, for its directors. */
export class AuditApi extends HttpApiGroup.make("audit")
  .add(
    HttpApiEndpoint.get("list", "/", {
      query: {
        before: Schema.optionalKey(intBetween(1, Number.MAX_SAFE_INTEGER)),
        limit: Schema.optionalKey(intBetween(1, PAGE_MAX)),
        record_type: Schema.optionalKey(textUpTo(WORD_CHARS_MAX)),
        record_id: Schema.optionalKey(textUpTo(WORD_CHARS_MAX)),
        actor_kind: Schema.optionalKey(textUpTo(WORD_CHARS_MAX)),
        actor_id: Schema.optionalKey(textUpTo(WORD_CHARS_MAX)),
      },
      success: Schema.Struct({
        items: Schema.Array(AuditEntryRead),
        next_cursor: Schema.NullOr(Schema.Int).annotate({ description: "For `before` of the next page" }),
      }),
      error: [ValidationFailed, DatabaseUnavailable],
    })
      .middleware(StaffAccess)
      .annotateMerge(Access.director)
      .annotateMerge(OpenApi.annotations({ summary: "Who did what in my shop, newest first" })),
  )
  .prefix("/api/v1/audit")
  .annotateMerge(OpenApi.annotations({ title: "Audit" })) {}
