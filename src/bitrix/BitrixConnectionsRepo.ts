import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Query } from "../platform/Query.ts"
import { command, rows, sql } from "../platform/Query.ts"
import { ShopId } from "../shared/ShopId.ts"

export const ConnectionRow = Schema.Struct({
  shop_id: ShopId,
  base_url: Schema.String,
  update_path: Schema.String,
  sealed_token: Schema.Uint8Array,
  webhook_secret_hash: Schema.Uint8Array,
  previous_secret_hash: Schema.NullOr(Schema.Uint8Array),
  requests_per_second_max: Schema.Int,
  enabled: Schema.Boolean,
})
export type ConnectionRow = typeof ConnectionRow.Type

/** The only SQL on connections to Bitrix. */
export class BitrixConnectionsRepo extends Context.Service<
  BitrixConnectionsRepo,
  {
    /** For the door across shops. */
    readonly list: () => Query<ReadonlyArray<ConnectionRow>>
    /** The secret that was in force stays accepted as the previous one. */
    readonly save: (connection: Omit<ConnectionRow, "previous_secret_hash">) => Query<void>
    readonly dropFormerSecret: (shopId: ShopId) => Query<void>
  }
>()("cvety/bitrix/BitrixConnectionsRepo") {
  static readonly layer = Layer.succeed(BitrixConnectionsRepo, {
    list: () =>
      rows(
        ConnectionRow,
        sql`
          SELECT shop_id, base_url, update_path, sealed_token, webhook_secret_hash, previous_secret_hash,
                 requests_per_second_max, enabled
          FROM bitrix_connection
          ORDER BY shop_id`,
      ),
    save: (connection) =>
      command(sql`
        INSERT INTO bitrix_connection AS c (shop_id, base_url, update_path, sealed_token, webhook_secret_hash,
                                            requests_per_second_max, enabled)
        VALUES (${connection.shop_id}, ${connection.base_url}, ${connection.update_path},
                ${connection.sealed_token}::bytea, ${connection.webhook_secret_hash}::bytea,
                ${connection.requests_per_second_max}, ${connection.enabled})
        ON CONFLICT (shop_id) DO UPDATE
        SET base_url = EXCLUDED.base_url,
            update_path = EXCLUDED.update_path,
            sealed_token = EXCLUDED.sealed_token,
            previous_secret_hash =
              CASE WHEN c.webhook_secret_hash = EXCLUDED.webhook_secret_hash THEN c.previous_secret_hash
                   ELSE c.webhook_secret_hash END,
            webhook_secret_hash = EXCLUDED.webhook_secret_hash,
            requests_per_second_max = EXCLUDED.requests_per_second_max,
            enabled = EXCLUDED.enabled,
            updated_at = now()`),
    dropFormerSecret: (shopId) =>
      command(sql`
        UPDATE bitrix_connection
        SET previous_secret_hash = NULL, updated_at = now()
        WHERE shop_id = ${shopId}`),
  })
}
