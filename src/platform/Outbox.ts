/**
 * Facts for systems outside, recorded in the transaction of the change that they tell of.
 *
 *   recorded --> pending  --> delivered
 *                   ^    \--> parked
 *                   |
 *   recorded again: the newer state of the same aggregate takes the place of the one that was not delivered yet
 *
 * A target is the edge that delivers; what a payload means is between the domain that records it and that edge.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ParentSpan } from "effect/Tracer"
import type { ShopId } from "../shared/ShopId.ts"
import type { Query } from "./Query.ts"
import { command, sql } from "./Query.ts"
import { traceParent } from "./traceParent.ts"

export interface Fact {
  readonly target: "telegram"
  readonly aggregateType: string
  readonly aggregateId: string
  /** JSON. Strings are free of NUL and lone surrogates, which PostgreSQL cannot hold. */
  readonly payload: unknown
  readonly traceParent: string | null
}

export class Outbox extends Context.Service<
  Outbox,
  {
    readonly record: (shopId: ShopId, fact: Fact) => Query<void>
  }
>()("cvety/platform/Outbox") {
  static readonly layer = Layer.succeed(Outbox, {
    record: (shopId, { target, aggregateType, aggregateId, payload, traceParent }) =>
      command(sql`
        INSERT INTO outbox AS o (shop_id, target, aggregate_type, aggregate_id, payload, trace_parent)
        VALUES (${shopId}, ${target}, ${aggregateType}, ${aggregateId}, ${JSON.stringify(payload)}::jsonb,
                ${traceParent}::text)
        ON CONFLICT (shop_id, target, aggregate_type, aggregate_id) WHERE state = 'pending'
        DO UPDATE
        SET payload = EXCLUDED.payload,
            trace_parent = EXCLUDED.trace_parent`),
  })
}

/** The trace that a fact belongs to: the one of the request that records it. */
export const currentTrace = Effect.withFiber<string | null>((fiber) => {
  const span = Context.getOrUndefined(fiber.context, ParentSpan)
  return Effect.succeed(span === undefined ? null : traceParent(span))
})
