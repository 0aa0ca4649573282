/** The only SQL that reads the audit; triggers write it. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Query } from "../platform/Query.ts"
import { rows, sql } from "../platform/Query.ts"
import type { ShopId } from "../shared/ShopId.ts"
import { AuditEntry, AuditLink } from "./AuditEntry.ts"

export interface AuditFilter {
  /** Entries older than this one. */
  readonly before: number | null
  readonly recordType: string | null
  readonly recordId: string | null
  readonly actorKind: string | null
  readonly actorId: string | null
  readonly limit: number
}

export class AuditRepo extends Context.Service<
  AuditRepo,
  {
    /** Newest first. */
    readonly find: (shopId: ShopId, filter: AuditFilter) => Query<ReadonlyArray<AuditEntry>>
    /** Through the door across shops. */
    readonly findChains: () => Query<ReadonlyArray<{ readonly shop_id: number }>>
    /** Through the door across shops: a piece of a chain, oldest first. */
    readonly findLinks: (shopId: number, afterSeq: number, limit: number) => Query<ReadonlyArray<AuditLink>>
  }
>()("cvety/audit/AuditRepo") {
  static readonly layer = Layer.succeed(AuditRepo, {
    find: (shopId, { before, recordType, recordId, actorKind, actorId, limit }) =>
      rows(
        AuditEntry,
        sql`
          SELECT seq, at, actor_kind, actor_id, action, address, request_id, operation, record_type, record_id,
                 before, after
          FROM audit
          WHERE shop_id = ${shopId}
            AND seq < coalesce(${before}::bigint, 9223372036854775807)
            AND (${recordType}::text IS NULL OR record_type = ${recordType}::text)
            AND (${recordId}::text IS NULL OR record_id = ${recordId}::text)
            AND (${actorKind}::text IS NULL OR actor_kind = ${actorKind}::text)
            AND (${actorId}::text IS NULL OR actor_id = ${actorId}::text)
          ORDER BY seq DESC
          LIMIT ${limit}`,
      ),
    findChains: () =>
      rows(
        OnlyShop,
        sql`
          WITH RECURSIVE chain AS (
            (SELECT shop_id FROM audit ORDER BY shop_id LIMIT 1)
            UNION ALL
            SELECT (SELECT a.shop_id FROM audit a WHERE a.shop_id > chain.shop_id ORDER BY a.shop_id LIMIT 1)
            FROM chain
            WHERE chain.shop_id IS NOT NULL
          )
          SELECT shop_id
          FROM chain
          WHERE shop_id IS NOT NULL`,
      ),
    findLinks: (shopId, afterSeq, limit) =>
      rows(
        AuditLink,
        sql`
          SELECT shop_id, seq, audit_text(a) AS text, encode(previous_hash, 'hex') AS previous_hash,
                 encode(hash, 'hex') AS hash
          FROM audit a
          WHERE shop_id = ${shopId} AND seq > ${afterSeq}::bigint
          ORDER BY seq
          LIMIT ${limit}`,
      ),
  })
}

const OnlyShop = Schema.Struct({ shop_id: Schema.Int })
