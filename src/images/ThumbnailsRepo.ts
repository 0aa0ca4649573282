/** The SQL of pictures that wait for thumbnails, through the door across shops. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Query } from "../platform/Query.ts"
import { command, rows, sql } from "../platform/Query.ts"
import { ShopId } from "../shared/ShopId.ts"
import { ImageKey } from "./Image.ts"
import { after } from "./ImagesRepo.ts"

/** A picture that is taken, with the number of attempts before this one. */
const Claim = Schema.Struct({ shop_id: ShopId, key: ImageKey, attempts: Schema.Int })
export type Claim = typeof Claim.Type

export class ThumbnailsRepo extends Context.Service<
  ThumbnailsRepo,
  {
    /** The picture that has waited longest and that nobody else has taken. */
    readonly lockNext: () => Query<ReadonlyArray<Claim>>
    /** Takes it for so long, and counts the attempt. */
    readonly claim: (claim: Claim, leaseMs: number) => Query<void>
    /** The attempt said nothing of the picture and does not count. */
    readonly giveBack: (claim: Claim) => Query<void>
    readonly postpone: (claim: Claim, delayMs: number) => Query<void>
    readonly park: (claim: Claim, error: string) => Query<void>
    /** For every shop that has the picture. */
    readonly markMade: (
      key: ImageKey,
      size: { readonly width: number; readonly height: number },
    ) => Query<void>
  }
>()("cvety/images/ThumbnailsRepo") {
  static readonly layer = Layer.succeed(ThumbnailsRepo, {
    lockNext: () =>
      rows(
        Claim,
        sql`
          SELECT shop_id, key, thumbnails_attempts AS attempts
          FROM image
          WHERE thumbnails = 'pending' AND stored_at IS NOT NULL AND thumbnails_after <= now()
          ORDER BY thumbnails_after
          LIMIT 1
          FOR NO KEY UPDATE SKIP LOCKED`,
      ),
    claim: ({ shop_id, key }, leaseMs) =>
      command(sql`
        UPDATE image
        SET thumbnails_after = ${after(leaseMs)}, thumbnails_attempts = thumbnails_attempts + 1
        WHERE shop_id = ${shop_id} AND key = ${key}`),
    giveBack: ({ shop_id, key, attempts }) =>
      command(sql`
        UPDATE image
        SET thumbnails_after = now(), thumbnails_attempts = ${attempts}
        WHERE shop_id = ${shop_id} AND key = ${key} AND thumbnails = 'pending'`),
    postpone: ({ shop_id, key }, delayMs) =>
      command(sql`
        UPDATE image
        SET thumbnails_after = ${after(delayMs)}
        WHERE shop_id = ${shop_id} AND key = ${key} AND thumbnails = 'pending'`),
    park: ({ shop_id, key }, error) =>
      command(sql`
        UPDATE image
        SET thumbnails = 'parked', thumbnails_error = ${error}
        WHERE shop_id = ${shop_id} AND key = ${key} AND thumbnails = 'pending'`),
    markMade: (key, { width, height }) =>
      command(sql`
        UPDATE image
        SET thumbnails = 'made', thumbnails_error = NULL, width = ${width}, height = ${height}
        WHERE key = ${key} AND stored_at IS NOT NULL`),
  })
}
