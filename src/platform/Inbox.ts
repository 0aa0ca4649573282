/**
 * What arrives from outside and must not be lost.
 *
 *   arrives --> applied            changed something of ours
 *          \--> skipped            understood, nothing to do (unchanged, stale)
 *          \--> parked  --> applied | skipped     waits until what it lacks appears
 *
 * A row is written in the transaction of the change it caused, with the answer that the sender got; a repeated
 * event id is answered from here and changes nothing. The first answer never changes, also when a parked event is
 * applied later. The contract of a source (its payload, its subject) belongs to its edge.
 */
import { randomUUID } from "node:crypto"
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { ShopId } from "../shared/ShopId.ts"
import type { Query } from "./Query.ts"
import { command, rows, sql } from "./Query.ts"

export const InboxSource = Schema.Literals(["bitrix.order_status", "bitrix.product"])
export type InboxSource = typeof InboxSource.Type

export const InboxState = Schema.Literals(["applied", "skipped", "parked"])
export type InboxState = typeof InboxState.Type

/** An event to be recorded. Strings are free of NUL and lone surrogates, which PostgreSQL cannot hold. */
export interface InboxRecord {
  readonly id: string
  readonly subject: string
  readonly eventId: string | null
  readonly occurredAt: Date | null
  readonly receivedAt: Date
  readonly payload: unknown
  readonly answer: unknown
  readonly state: InboxState
  /** Why it was not applied; null when it was. */
  readonly reason: string | null
  readonly traceParent: string | null
}

export const InboxEntry = Schema.Struct({
  id: Schema.String,
  shop_id: ShopId,
  source: InboxSource,
  subject: Schema.String,
  event_id: Schema.NullOr(Schema.String),
  occurred_at: Schema.NullOr(Schema.Date),
  payload: Schema.Unknown,
  answer: Schema.Unknown,
  state: InboxState,
  reason: Schema.NullOr(Schema.String),
  trace_parent: Schema.NullOr(Schema.String),
  received_at: Schema.Date,
  settled_at: Schema.NullOr(Schema.Date),
})
export type InboxEntry = typeof InboxEntry.Type

/**
 * A UUID of version 7, so that rows arrive at the end of the index. Made from Node's cached random UUIDs, which cost a
 * twentieth of asking the system for every one.
 */
export const newInboxId = (nowMs: number): string => {
  const time = nowMs.toString(16).padStart(12, "0")
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}

export class Inbox extends Context.Service<
  Inbox,
  {
    /** The answers already given to these event ids. */
    readonly findAnswers: (
      shopId: ShopId,
      source: InboxSource,
      eventIds: ReadonlyArray<string>,
    ) => Query<ReadonlyArray<{ readonly event_id: string; readonly answer: unknown }>>
    readonly insert: (shopId: ShopId, source: InboxSource, records: ReadonlyArray<InboxRecord>) => Query<void>
    /** Those of the ids that are in one of the states, locked, oldest first; what somebody else holds is left out. */
    readonly claim: (
      shopId: ShopId,
      ids: ReadonlyArray<string>,
      states: ReadonlyArray<InboxState>,
    ) => Query<ReadonlyArray<InboxEntry>>
    readonly settle: (
      shopId: ShopId,
      settled: ReadonlyArray<{
        readonly id: string
        readonly state: InboxState
        readonly reason: string | null
      }>,
    ) => Query<void>
    /** What still waited with this subject needs no more looking at: a later event said it again. */
    readonly settleOvertaken: (
      shopId: ShopId,
      source: InboxSource,
      subject: string,
      /** How the reasons begin for which this holds. */
      reasons: ReadonlyArray<string>,
    ) => Query<void>
    readonly findById: (id: string) => Query<ReadonlyArray<InboxEntry>>
    /** Newest first. */
    readonly list: (filter: {
      readonly state: InboxState | null
      readonly limit: number
    }) => Query<ReadonlyArray<InboxEntry>>
    readonly parkedTotals: () => Query<ReadonlyArray<typeof ParkedTotals.Type>>
  }
>()("cvety/platform/Inbox") {
  static readonly layer = Layer.succeed(Inbox, {
    findAnswers: (shopId, source, eventIds) =>
      rows(
        GivenAnswer,
        sql`
          SELECT event_id, answer
          FROM inbox
          WHERE shop_id = ${shopId} AND source = ${source} AND event_id = ANY (${eventIds}::text[])`,
      ),
    // Sorted by event id, so that two transactions with the same ids cannot wait for each other.
    insert: (shopId, source, records) =>
      command(sql`
        INSERT INTO inbox (id, shop_id, source, subject, event_id, occurred_at, payload, answer, state, reason,
                           trace_parent, received_at, settled_at)
        SELECT id, ${shopId}, ${source}, subject, "eventId", "occurredAt", payload, answer, state, reason,
               "traceParent", "receivedAt", CASE WHEN state <> 'parked' THEN now() END
        FROM jsonb_to_recordset(${JSON.stringify(records)}::jsonb) AS record(
          id uuid, subject text, "eventId" text, "occurredAt" timestamptz, payload jsonb, answer jsonb,
          state text, reason text, "traceParent" text, "receivedAt" timestamptz)
        ORDER BY "eventId"`),
    claim: (shopId, ids, states) =>
      rows(
        InboxEntry,
        sql`
          SELECT ${columns}
          FROM inbox
          WHERE shop_id = ${shopId} AND id = ANY (${ids}::uuid[]) AND state = ANY (${states}::text[])
          ORDER BY received_at, id
          FOR UPDATE SKIP LOCKED`,
      ),
    settle: (shopId, settled) =>
      command(sql`
        UPDATE inbox i
        SET state = now_settled.state,
            reason = now_settled.reason,
            settled_at = CASE WHEN now_settled.state <> 'parked' THEN now() END
        FROM jsonb_to_recordset(${JSON.stringify(settled)}::jsonb) AS now_settled(id uuid, state text, reason text)
        WHERE i.shop_id = ${shopId} AND i.id = now_settled.id`),
    settleOvertaken: (shopId, source, subject, reasons) =>
      command(sql`
        UPDATE inbox
        SET state = 'skipped', reason = 'Overtaken: ' || reason, settled_at = now()
        WHERE shop_id = ${shopId} AND source = ${source} AND subject = ${subject} AND state = 'parked'
          AND EXISTS (SELECT FROM unnest(${reasons}::text[]) AS beginning WHERE starts_with(reason, beginning))`),
    findById: (id) => rows(InboxEntry, sql`SELECT ${columns} FROM inbox WHERE id = ${id}::uuid`),
    list: ({ state, limit }) =>
      rows(
        InboxEntry,
        sql`
          SELECT ${columns}
          FROM inbox
          WHERE ${state}::text IS NULL OR state = ${state}::text
          ORDER BY received_at DESC, id DESC
          LIMIT ${limit}`,
      ),
    parkedTotals: () =>
      rows(
        ParkedTotals,
        sql`
          SELECT shop_id, source, count(*)::integer AS parked,
                 extract(epoch FROM now() - min(received_at))::float8 AS oldest_seconds
          FROM inbox
          WHERE state = 'parked'
          GROUP BY shop_id, source`,
      ),
  })
}

const columns = sql.literal(
  `id::text AS id, shop_id, source, subject, event_id, occurred_at, payload, answer, state, reason, trace_parent,
   received_at, settled_at`,
)

const GivenAnswer = Schema.Struct({ event_id: Schema.String, answer: Schema.Unknown })

const ParkedTotals = Schema.Struct({
  shop_id: ShopId,
  source: InboxSource,
  parked: Schema.Int,
  oldest_seconds: Schema.Finite,
})
