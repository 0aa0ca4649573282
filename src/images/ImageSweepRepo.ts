/** The SQL of pictures that may have to go, through the door across shops. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Query } from "../platform/Query.ts"
import { command, rows, sql } from "../platform/Query.ts"
import { ImageKey } from "./Image.ts"
import { after, OnlyKey } from "./ImagesRepo.ts"

const SweptImage = Schema.Struct({
  key: ImageKey,
  /** What the last look found. */
  was_unused: Schema.Boolean,
  is_due: Schema.Boolean,
})
export type SweptImage = typeof SweptImage.Type

export class ImageSweepRepo extends Context.Service<
  ImageSweepRepo,
  {
    /** Pictures that somebody has to look at, longest due first. */
    readonly findDue: (limit: number) => Query<ReadonlyArray<SweptImage>>
    /** The picture in every shop that has it. */
    readonly findByKey: (key: ImageKey) => Query<ReadonlyArray<SweptImage>>
    /** Which of these any shop has. */
    readonly findKnown: (keys: ReadonlyArray<ImageKey>) => Query<ReadonlyArray<OnlyKey>>
    /** What a look at those of them that are due has found; the next is after so long. */
    readonly noteLook: (keys: ReadonlyArray<ImageKey>, isUnused: boolean, nextMs: number) => Query<void>
    readonly removeDue: (key: ImageKey) => Query<void>
    /** For so long at most nobody may upload it. */
    readonly beginRemoval: (key: ImageKey, lastsMs: number) => Query<void>
    readonly endRemoval: (key: ImageKey) => Query<void>
    /** Removals that were begun and never ended. */
    readonly findOverdueRemovals: (limit: number) => Query<ReadonlyArray<OnlyKey>>
  }
>()("cvety/images/ImageSweepRepo") {
  static readonly layer = Layer.succeed(ImageSweepRepo, {
    findDue: (limit) =>
      rows(
        SweptImage,
        sql`
          SELECT key, was_unused, true AS is_due
          FROM image
          WHERE sweep_after <= now()
          ORDER BY sweep_after, key
          LIMIT ${limit}`,
      ),
    findByKey: (key) =>
      rows(
        SweptImage,
        sql`
          SELECT key, was_unused, sweep_after <= now() AS is_due
          FROM image
          WHERE key = ${key}`,
      ),
    findKnown: (keys) =>
      rows(
        OnlyKey,
        sql`
          SELECT DISTINCT key
          FROM image
          WHERE key = ANY (${keys}::text[])`,
      ),
    noteLook: (keys, isUnused, nextMs) =>
      command(sql`
        UPDATE image
        SET was_unused = ${isUnused}, sweep_after = ${after(nextMs)}
        WHERE key = ANY (${keys}::text[]) AND sweep_after <= now()`),
    removeDue: (key) =>
      command(sql`
        DELETE FROM image
        WHERE key = ${key} AND was_unused AND sweep_after <= now()`),
    beginRemoval: (key, lastsMs) =>
      command(sql`
        INSERT INTO image_removal (key, until)
        VALUES (${key}, ${after(lastsMs)})
        ON CONFLICT (key) DO UPDATE
        SET until = EXCLUDED.until`),
    endRemoval: (key) =>
      command(sql`
        DELETE FROM image_removal
        WHERE key = ${key}`),
    findOverdueRemovals: (limit) =>
      rows(
        OnlyKey,
        sql`
          SELECT key
          FROM image_removal
          WHERE until <= now()
          ORDER BY until
          LIMIT ${limit}`,
      ),
  })
}
