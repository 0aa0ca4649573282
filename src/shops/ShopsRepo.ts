/** The only SQL on shops. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { UserId } from "../auth/User.ts"
import type { Query } from "../platform/Query.ts"
import { command, rows, sql } from "../platform/Query.ts"
import type { Phone } from "../shared/Phone.ts"
import { ShopId } from "../shared/ShopId.ts"
import type { City, Settings } from "./Shop.ts"
import { LockedShop, Shop } from "./Shop.ts"
import { shopColumns } from "./shopColumns.ts"

export class ShopsRepo extends Context.Service<
  ShopsRepo,
  {
    readonly find: (id: ShopId) => Query<ReadonlyArray<Shop>>
    /** The row, so that nobody else changes it before this transaction ends. */
    readonly lock: (id: ShopId) => Query<ReadonlyArray<LockedShop>>
    readonly save: (id: ShopId, settings: Settings) => Query<void>
    readonly saveActive: (id: ShopId, isActive: boolean) => Query<void>
    /** Through the door across shops: those that are open for business, newest first. */
    readonly findActive: (filter: {
      readonly city: City | null
      readonly skip: number
      readonly limit: number
    }) => Query<ReadonlyArray<Shop>>
    /** Through the door across shops: an id that no shop has had. */
    readonly nextId: () => Query<ReadonlyArray<{ readonly id: ShopId }>>
    readonly insert: (shop: {
      readonly id: ShopId
      readonly name: string
      readonly ownerId: UserId
      readonly phone: Phone
    }) => Query<void>
  }
>()("cvety/shops/ShopsRepo") {
  static readonly layer = Layer.succeed(ShopsRepo, {
    find: (id) =>
      rows(
        Shop,
        sql`
          SELECT ${shopColumns}
          FROM shop s
          WHERE s.id = ${id}`,
      ),
    lock: (id) =>
      rows(
        LockedShop,
        sql`
          SELECT ${shopColumns}, u.name AS owner_name, u.phone AS owner_phone, now() AS now
          FROM shop s
          LEFT JOIN "user" u ON u.id = s.owner_id
          WHERE s.id = ${id}
          FOR NO KEY UPDATE OF s`,
      ),
    save: (id, settings) =>
      command(sql`
        UPDATE shop
        SET name = ${settings.name},
            phone = ${settings.phone},
            address = ${settings.address},
            city = ${settings.city},
            weekday_start = ${settings.weekday_start}::text::time,
            weekday_end = ${settings.weekday_end}::text::time,
            weekday_closed = ${settings.weekday_closed},
            weekend_start = ${settings.weekend_start}::text::time,
            weekend_end = ${settings.weekend_end}::text::time,
            weekend_closed = ${settings.weekend_closed},
            delivery_cost = ${settings.delivery_cost},
            free_delivery_amount = ${settings.free_delivery_amount},
            pickup_available = ${settings.pickup_available},
            delivery_available = ${settings.delivery_available},
            updated_at = now()
        WHERE id = ${id}`),
    saveActive: (id, isActive) =>
      command(sql`
        UPDATE shop
        SET is_active = ${isActive}, updated_at = now()
        WHERE id = ${id}`),
    findActive: ({ city, skip, limit }) =>
      rows(
        Shop,
        sql`
          SELECT ${shopColumns}
          FROM shop s
          WHERE s.is_active ${city === null ? sql.literal("") : sql`AND s.city = ${city}`}
          ORDER BY s.created_at DESC, s.id DESC
          LIMIT ${limit} OFFSET ${skip}`,
      ),
    nextId: () => rows(Schema.Struct({ id: ShopId }), sql`SELECT nextval('shop_id_seq')::integer AS id`),
    insert: ({ id, name, ownerId, phone }) =>
      command(sql`
        INSERT INTO shop (id, name, owner_id, phone)
        VALUES (${id}, ${name}, ${ownerId}, ${phone})`),
  })
}
