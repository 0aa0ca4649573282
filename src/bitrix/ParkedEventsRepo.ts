/** Finds parked order-status events whose order and status code are known by now. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Query } from "../platform/Query.ts"
import { rows, sql } from "../platform/Query.ts"
import { ShopId } from "../shared/ShopId.ts"

const ApplicableEvent = Schema.Struct({ id: Schema.String, shop_id: ShopId, subject: Schema.String })
export type ApplicableEvent = typeof ApplicableEvent.Type

export class ParkedEventsRepo extends Context.Service<
  ParkedEventsRepo,
  {
    /** For the door across shops; oldest first. */
    readonly findApplicable: (
      statusCodes: ReadonlyArray<string>,
      limit: number,
    ) => Query<ReadonlyArray<ApplicableEvent>>
  }
>()("cvety/bitrix/ParkedEventsRepo") {
  static readonly layer = Layer.succeed(ParkedEventsRepo, {
    // The cast is guarded by the source: other sources may have subjects that are no number.
    findApplicable: (statusCodes, limit) =>
      rows(
        ApplicableEvent,
        sql`
          SELECT i.id::text AS id, i.shop_id, i.subject
          FROM inbox i
          JOIN "order" o
            ON o.shop_id = i.shop_id
           AND o.bitrix_order_id = CASE WHEN i.source = 'bitrix.order_status' THEN i.subject::bigint END
          WHERE i.state = 'parked'
            AND i.source = 'bitrix.order_status'
            AND i.payload ->> 'status' = ANY (${statusCodes}::text[])
          ORDER BY i.received_at, i.id
          LIMIT ${limit}`,
      ),
  })
}
