/**
 * Facts for systems outside, recorded in the transaction of the change that they tell of.
 *
 *                  claimed: lease, until LEASE is over
 *   recorded --> pending ------------------------------> delivered
 *       ^           ^    \--> failed: pending again, later, or parked at the end of its schedule
 *       |           '------------------------------------- parked: redriven by hand or by a newer change
 *   recorded again: the newer state takes the place of the one that was not delivered yet
 *
 * An aggregate has one open fact per target, so its facts are delivered in order and only the latest state. A change
 * while the fact is held raises its generation: what was delivered then was not the last word, and the fact stays
 * open. A lease that ran out makes it claimable again, so what a killed node held is delivered by another.
 *
 * A target is the edge that delivers; what a payload means is between the domain that records it and that edge.
 * Facts for `bitrix` are recorded only where somebody takes them (`outbox_route`).
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { ParentSpan } from "effect/Tracer"
import { BigIntColumn } from "../shared/BigIntColumn.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { Fact, OutboxTarget, Settled } from "./OutboxFact.ts"
import { ClaimedFact, NextDue, OpenFact, OutboxEntry, OutboxTotals } from "./OutboxFact.ts"
import type { Query } from "./Query.ts"
import { command, rows, sql } from "./Query.ts"
import { traceParent } from "./traceParent.ts"

export class Outbox extends Context.Service<
  Outbox,
  {
    readonly record: (shopId: ShopId, fact: Fact) => Query<void>
    /** The facts of these aggregates that are not delivered yet. */
    readonly findOpen: (
      shopId: ShopId,
      target: OutboxTarget,
      aggregateType: string,
      aggregateIds: ReadonlyArray<string>,
    ) => Query<ReadonlyArray<typeof OpenFact.Type>>
    /** Takes what is due, oldest first, for as long as the lease lasts. */
    readonly claim: (
      shopId: ShopId,
      target: OutboxTarget,
      claim: {
        readonly lease: string
        readonly limit: number
        readonly now: Date
        readonly until: Date
        /** In the hands of the claimer still, also if their lease ran out. */
        readonly held: ReadonlyArray<number>
      },
    ) => Query<ReadonlyArray<ClaimedFact>>
    /** Keeps what the leases hold. */
    readonly extend: (
      shopId: ShopId,
      held: ReadonlyArray<{ readonly id: number; readonly lease: string }>,
      until: Date,
    ) => Query<void>
    /** Settles those whose lease still holds, and says which they are. */
    readonly settle: (
      shopId: ShopId,
      settled: ReadonlyArray<Settled>,
    ) => Query<ReadonlyArray<{ readonly id: number }>>
    /** When the next fact is due; null when none waits. Epoch means now. */
    readonly findNextDue: (
      shopId: ShopId,
      target: OutboxTarget,
    ) => Query<ReadonlyArray<{ readonly at: Date | null }>>
    readonly findById: (id: number) => Query<ReadonlyArray<OutboxEntry>>
    /** Lets a parked fact go again, at once; empty when there is no such one. */
    readonly redrive: (shopId: ShopId, id: number) => Query<ReadonlyArray<OutboxEntry>>
    readonly park: (shopId: ShopId, id: number, reason: string) => Query<ReadonlyArray<OutboxEntry>>
    readonly list: (filter: {
      readonly shopId: ShopId | null
      readonly target: OutboxTarget | null
      readonly state: OutboxEntry["state"] | null
      readonly limit: number
    }) => Query<ReadonlyArray<OutboxEntry>>
    readonly totals: () => Query<ReadonlyArray<typeof OutboxTotals.Type>>
    readonly openRoute: (shopId: ShopId, target: OutboxTarget) => Query<void>
    readonly closeRoute: (shopId: ShopId, target: OutboxTarget) => Query<void>
    readonly noteDelivered: (shopId: ShopId, target: OutboxTarget) => Query<void>
    /** Forgets what was delivered before then, at most so many. */
    readonly sweep: (before: Date, limit: number) => Query<ReadonlyArray<{ readonly id: number }>>
  }
>()("cvety/platform/Outbox") {
  static readonly layer = Layer.succeed(Outbox, {
    record: (shopId, { target, aggregateType, aggregateId, payload, before, traceParent }) =>
      command(sql`
        INSERT INTO outbox AS o (shop_id, target, aggregate_type, aggregate_id, payload, before, trace_parent)
        SELECT ${shopId}, ${target}, ${aggregateType}, ${aggregateId}, ${JSON.stringify(payload)}::jsonb,
               ${JSON.stringify(before ?? {})}::jsonb, ${traceParent}::text
        WHERE ${target} <> 'bitrix'
           OR EXISTS (SELECT FROM outbox_route WHERE shop_id = ${shopId} AND target = ${target})
        ON CONFLICT (shop_id, target, aggregate_type, aggregate_id) WHERE state <> 'delivered'
        DO UPDATE
        SET payload = EXCLUDED.payload,
            before = EXCLUDED.before || o.before,
            trace_parent = EXCLUDED.trace_parent,
            generation = o.generation + 1,
            state = 'pending',
            settled_at = NULL,
            attempts = 0,
            available_at = CASE WHEN o.lease IS NULL THEN 'epoch' ELSE o.available_at END`),
    findOpen: (shopId, target, aggregateType, aggregateIds) =>
      rows(
        OpenFact,
        sql`
          SELECT aggregate_id, before, lease IS NOT NULL AS is_held, state = 'parked' AS is_parked
          FROM outbox
          WHERE shop_id = ${shopId} AND target = ${target} AND aggregate_type = ${aggregateType}
            AND aggregate_id = ANY (${aggregateIds}::text[]) AND state <> 'delivered'`,
      ),
    // Once and for all before the update: some plans would run `IN (SELECT ... LIMIT ... SKIP LOCKED)` again for every row,
    // and claim far more than the limit.
    claim: (shopId, target, { lease, limit, now, until, held }) =>
      rows(
        ClaimedFact,
        sql`
          WITH due AS MATERIALIZED (
            SELECT id
            FROM outbox
            WHERE shop_id = ${shopId} AND target = ${target} AND state = 'pending' AND available_at <= ${now}
              AND id <> ALL (${held}::bigint[])
            ORDER BY available_at, id
            LIMIT ${limit}
            FOR UPDATE SKIP LOCKED
          )
          UPDATE outbox o
          SET lease = ${lease}::uuid, available_at = ${until}
          FROM due
          WHERE o.id = due.id
          RETURNING o.id, o.aggregate_id, o.payload, o.before, o.generation, o.attempts, o.trace_parent,
                    o.pending_since`,
      ),
    extend: (shopId, held, until) =>
      command(sql`
        UPDATE outbox
        SET available_at = ${until}
        WHERE id IN (
          SELECT o.id
          FROM jsonb_to_recordset(${JSON.stringify(held)}::jsonb) AS held(id bigint, lease uuid)
          JOIN outbox o ON o.id = held.id AND o.lease = held.lease
          WHERE o.shop_id = ${shopId}
          ORDER BY o.id
          FOR UPDATE OF o
        )`),
    settle: (shopId, settled) =>
      rows(
        Id,
        sql`
        UPDATE outbox o
        SET state = CASE WHEN s.is_last AND s.kind IN ('delivered', 'parked') THEN s.kind ELSE 'pending' END,
            settled_at = CASE WHEN s.is_last AND s.kind IN ('delivered', 'parked') THEN now() END,
            lease = NULL,
            available_at = CASE WHEN s.is_last OR s.kind = 'released' THEN coalesce(s.at, 'epoch') ELSE 'epoch' END,
            attempts = CASE WHEN NOT s.is_last OR s.kind = 'delivered' THEN 0 ELSE coalesce(s.attempts, o.attempts) END,
            last_error = CASE s.kind WHEN 'delivered' THEN NULL WHEN 'released' THEN o.last_error ELSE s.error END,
            before = CASE WHEN s.kind = 'delivered' THEN '{}' ELSE o.before END,
            pending_since = CASE WHEN s.kind = 'delivered' AND NOT s.is_last THEN now() ELSE o.pending_since END
        FROM (
          SELECT given.*, held.generation = given.generation AS is_last
          FROM jsonb_to_recordset(${JSON.stringify(settled.map(flat))}::jsonb) AS given(
                 id bigint, generation integer, lease uuid, kind text, at timestamptz, error text, attempts integer)
          JOIN outbox held ON held.id = given.id AND held.lease = given.lease
          ORDER BY given.id
          FOR UPDATE OF held
        ) s
        WHERE o.shop_id = ${shopId} AND o.id = s.id
        RETURNING o.id`,
      ),
    findNextDue: (shopId, target) =>
      rows(
        NextDue,
        sql`
          SELECT min(available_at) AS at
          FROM outbox
          WHERE shop_id = ${shopId} AND target = ${target} AND state = 'pending'`,
      ),
    findById: (id) => rows(OutboxEntry, sql`SELECT ${columns} FROM outbox WHERE id = ${id}::bigint`),
    redrive: (shopId, id) =>
      rows(
        OutboxEntry,
        sql`
          UPDATE outbox
          SET state = 'pending', settled_at = NULL, attempts = 0, available_at = 'epoch', generation = generation + 1
          WHERE shop_id = ${shopId} AND id = ${id} AND state = 'parked'
          RETURNING ${columns}`,
      ),
    park: (shopId, id, reason) =>
      rows(
        OutboxEntry,
        sql`
          UPDATE outbox
          SET state = 'parked', settled_at = now(), lease = NULL, last_error = ${reason}
          WHERE shop_id = ${shopId} AND id = ${id} AND state = 'pending'
          RETURNING ${columns}`,
      ),
    list: ({ shopId, target, state, limit }) =>
      rows(
        OutboxEntry,
        sql`
          SELECT ${columns}
          FROM outbox
          WHERE (${shopId}::integer IS NULL OR shop_id = ${shopId}::integer)
            AND (${target}::text IS NULL OR target = ${target}::text)
            AND (${state}::text IS NULL OR state = ${state}::text)
          ORDER BY pending_since DESC, id DESC
          LIMIT ${limit}`,
      ),
    totals: () =>
      rows(
        OutboxTotals,
        sql`
          SELECT r.shop_id, r.target, r.last_delivered_at,
                 count(o.id) FILTER (WHERE o.state = 'pending')::integer AS pending,
                 count(o.id) FILTER (WHERE o.state = 'parked')::integer AS parked,
                 min(o.pending_since) FILTER (WHERE o.state = 'pending') AS oldest_pending_since
          FROM outbox_route r
          LEFT JOIN outbox o ON o.shop_id = r.shop_id AND o.target = r.target AND o.state <> 'delivered'
          GROUP BY r.shop_id, r.target
          ORDER BY r.shop_id, r.target`,
      ),
    openRoute: (shopId, target) =>
      command(sql`
        INSERT INTO outbox_route (shop_id, target)
        VALUES (${shopId}, ${target})
        ON CONFLICT DO NOTHING`),
    closeRoute: (shopId, target) =>
      command(sql`
        DELETE FROM outbox_route
        WHERE shop_id = ${shopId} AND target = ${target}`),
    noteDelivered: (shopId, target) =>
      command(sql`
        UPDATE outbox_route
        SET last_delivered_at = now()
        WHERE shop_id = ${shopId} AND target = ${target}`),
    sweep: (before, limit) =>
      rows(
        Id,
        sql`
          WITH old AS MATERIALIZED (
            SELECT id
            FROM outbox
            WHERE state = 'delivered' AND settled_at < ${before}
            ORDER BY settled_at
            LIMIT ${limit}
            FOR UPDATE SKIP LOCKED
          )
          DELETE FROM outbox o
          USING old
          WHERE o.id = old.id
          RETURNING o.id`,
      ),
  })
}

const columns = sql.literal(
  `id, shop_id, target, aggregate_type, aggregate_id, state, attempts, last_error, pending_since, settled_at`,
)

const Id = Schema.Struct({ id: BigIntColumn })

const flat = ({ id, generation, lease, outcome }: Settled) => ({ id, generation, lease, ...outcome })

/** The trace that a fact belongs to: the one of the request that records it. */
export const currentTrace = Effect.withFiber<string | null>((fiber) => {
  const span = Context.getOrUndefined(fiber.context, ParentSpan)
  return Effect.succeed(span === undefined ? null : traceParent(span))
})
