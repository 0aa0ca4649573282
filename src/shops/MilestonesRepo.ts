/** The only SQL on the milestones of shops. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Query } from "../platform/Query.ts"
import { command, rows, sql } from "../platform/Query.ts"
import type { ShopId } from "../shared/ShopId.ts"

/** When each step was reached for the first time; null before. */
const Milestones = Schema.Struct({
  name_customized_at: Schema.NullOr(Schema.Date),
  city_added_at: Schema.NullOr(Schema.Date),
  address_added_at: Schema.NullOr(Schema.Date),
  first_product_added_at: Schema.NullOr(Schema.Date),
  shop_opened_at: Schema.NullOr(Schema.Date),
  onboarding_completed_at: Schema.NullOr(Schema.Date),
  first_order_received_at: Schema.NullOr(Schema.Date),
})
export type ReachedAt = typeof Milestones.Type

export class MilestonesRepo extends Context.Service<
  MilestonesRepo,
  {
    readonly insert: (shopId: ShopId) => Query<void>
    /** The row, locked; made when the shop has none yet. Comes after the lock of the shop. */
    readonly lock: (shopId: ShopId) => Query<ReadonlyArray<ReachedAt>>
    readonly save: (shopId: ShopId, reached: ReachedAt) => Query<void>
  }
>()("cvety/shops/MilestonesRepo") {
  static readonly layer = Layer.succeed(MilestonesRepo, {
    insert: (shopId) => command(sql`INSERT INTO shop_milestone (shop_id) VALUES (${shopId})`),
    lock: (shopId) =>
      rows(
        Milestones,
        sql`
          INSERT INTO shop_milestone AS m (shop_id)
          SELECT id
          FROM shop
          WHERE id = ${shopId}
          ON CONFLICT (shop_id) DO UPDATE
          SET updated_at = m.updated_at
          RETURNING m.name_customized_at, m.city_added_at, m.address_added_at, m.first_product_added_at,
                    m.shop_opened_at, m.onboarding_completed_at, m.first_order_received_at`,
      ),
    save: (shopId, reached) =>
      command(sql`
        UPDATE shop_milestone
        SET name_customized_at = ${reached.name_customized_at},
            city_added_at = ${reached.city_added_at},
            address_added_at = ${reached.address_added_at},
            first_product_added_at = ${reached.first_product_added_at},
            shop_opened_at = ${reached.shop_opened_at},
            onboarding_completed_at = ${reached.onboarding_completed_at},
            first_order_received_at = ${reached.first_order_received_at},
            updated_at = now()
        WHERE shop_id = ${shopId}`),
  })
}
