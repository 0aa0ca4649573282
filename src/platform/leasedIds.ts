import type { ShopId } from "../shared/ShopId.ts"
import { sql } from "./Query.ts"

/**
 * The ids that the facts of a lease tell of, as an array. Worked out by itself and first: below the barrier of row
 * security a join with a cast in it cannot use an index, and would read all records of the shop.
 */
export const leasedIds = (shopId: ShopId, lease: string, aggregateType: string) => sql`
  ARRAY(
    SELECT CASE WHEN o.aggregate_type = ${aggregateType} THEN o.aggregate_id::integer END
    FROM outbox o
    WHERE o.shop_id = ${shopId} AND o.lease = ${lease}::uuid
  )`
