import * as Schema from "effect/Schema"

/** Id of a shop, the tenant of everything. */
export const ShopId = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2_147_483_647 })).pipe(
  Schema.brand("ShopId"),
)
export type ShopId = typeof ShopId.Type
