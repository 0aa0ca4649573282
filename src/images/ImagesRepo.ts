/** The SQL of pictures that come in, in the tenant of their shop. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Query } from "../platform/Query.ts"
import { command, rows, sql } from "../platform/Query.ts"
import type { ShopId } from "../shared/ShopId.ts"
import { ImageKey } from "./Image.ts"

export const OnlyKey = Schema.Struct({ key: ImageKey })
export type OnlyKey = typeof OnlyKey.Type

export class ImagesRepo extends Context.Service<
  ImagesRepo,
  {
    /** Until the end of the transaction nobody else decides whether the picture stays. */
    readonly lockKey: (key: ImageKey) => Query<void>
    /** Whether the picture is being taken from the store. */
    readonly findRemoval: (key: ImageKey) => Query<ReadonlyArray<OnlyKey>>
    /** A picture comes, or comes again: for so long nobody asks whether it is used. */
    readonly keep: (shopId: ShopId, key: ImageKey, sizeBytes: number, graceMs: number) => Query<void>
    readonly markStored: (shopId: ShopId, key: ImageKey) => Query<void>
  }
>()("cvety/images/ImagesRepo") {
  static readonly layer = Layer.succeed(ImagesRepo, {
    lockKey: (key) =>
      command(sql`SELECT pg_advisory_xact_lock(hashtextextended(${`cvety image ${key}`}, 0))`),
    findRemoval: (key) =>
      rows(
        OnlyKey,
        sql`
          SELECT key
          FROM image_removal
          WHERE key = ${key} AND until > now()`,
      ),
    keep: (shopId, key, sizeBytes, graceMs) =>
      command(sql`
        INSERT INTO image (shop_id, key, size_bytes, sweep_after)
        VALUES (${shopId}, ${key}, ${sizeBytes}, ${after(graceMs)})
        ON CONFLICT (shop_id, key) DO UPDATE
        SET was_unused = true, sweep_after = EXCLUDED.sweep_after`),
    markStored: (shopId, key) =>
      command(sql`
        UPDATE image
        SET stored_at = now()
        WHERE shop_id = ${shopId} AND key = ${key} AND stored_at IS NULL`),
  })
}

export const after = (ms: number) => sql`now() + ${ms}::bigint * interval '1 millisecond'`
