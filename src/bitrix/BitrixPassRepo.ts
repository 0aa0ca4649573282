/** The only SQL on where the walk through Bitrix's list stands. Time is the database's: nodes need not agree on it. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Query } from "../platform/Query.ts"
import { command, rows, sql } from "../platform/Query.ts"
import { ShopId } from "../shared/ShopId.ts"
import type { Tally } from "./PassTally.ts"

export const PassRow = Schema.Struct({
  number: Schema.Int,
  next_offset: Schema.Int,
  /** So far. */
  seen: Schema.Int,
  /** In the last pass whose list was long enough to be believed. */
  last_seen: Schema.NullOr(Schema.Int),
})
export type PassRow = typeof PassRow.Type

export const Drift = Schema.Struct({
  shop_id: ShopId,
  unrepaired: Schema.Int,
  last_unrepaired: Schema.NullOr(Schema.Int),
  oldest_difference_at: Schema.NullOr(Schema.Date),
  last_finished_at: Schema.NullOr(Schema.Date),
})

export interface Lease {
  readonly id: string
  readonly seconds: number
}

export class BitrixPassRepo extends Context.Service<
  BitrixPassRepo,
  {
    readonly ensure: (shopId: ShopId) => Query<void>
    readonly find: (shopId: ShopId) => Query<ReadonlyArray<PassRow>>
    /** Takes the walk, or keeps it: empty while somebody else has it, and while it rests. */
    readonly claim: (shopId: ShopId, lease: Lease, restSeconds: number) => Query<ReadonlyArray<PassRow>>
    /** Takes the walk and begins it anew: empty while somebody else has it. */
    readonly claimAnew: (shopId: ShopId, lease: Lease) => Query<ReadonlyArray<PassRow>>
    /** Adds what was found, and keeps the walk: empty for whoever has lost it. */
    readonly advance: (
      shopId: ShopId,
      lease: Lease,
      nextOffset: number,
      found: Tally,
    ) => Query<ReadonlyArray<PassRow>>
    /** The pass is over: its numbers are the last ones, and the walk belongs to nobody. */
    readonly finish: (shopId: ShopId, lease: Lease, isBelieved: boolean) => Query<void>
    readonly release: (shopId: ShopId, lease: Lease) => Query<void>
    /** For the door across shops. */
    readonly drifts: () => Query<ReadonlyArray<typeof Drift.Type>>
  }
>()("cvety/bitrix/BitrixPassRepo") {
  static readonly layer = Layer.succeed(BitrixPassRepo, {
    ensure: (shopId) =>
      command(sql`
        INSERT INTO bitrix_pass (shop_id)
        VALUES (${shopId})
        ON CONFLICT DO NOTHING`),
    find: (shopId) =>
      rows(
        PassRow,
        sql`
          SELECT ${columns}
          FROM bitrix_pass
          WHERE shop_id = ${shopId}`,
      ),
    claim: (shopId, lease, restSeconds) =>
      rows(
        PassRow,
        sql`
          UPDATE bitrix_pass
          SET ${held(lease)}, started_at = CASE WHEN next_offset = 0 THEN now() ELSE started_at END
          WHERE shop_id = ${shopId} AND ${isFree(lease)}
            AND (next_offset > 0 OR last_finished_at IS NULL
                 OR last_finished_at <= now() - make_interval(secs => ${restSeconds}::float8))
          RETURNING ${columns}`,
      ),
    claimAnew: (shopId, lease) =>
      rows(
        PassRow,
        sql`
          UPDATE bitrix_pass
          SET ${held(lease)}, ${begun}, started_at = now()
          WHERE shop_id = ${shopId} AND ${isFree(lease)}
          RETURNING ${columns}`,
      ),
    advance: (shopId, lease, nextOffset, { seen, differences, repaired, unrepaired }) =>
      rows(
        PassRow,
        sql`
          UPDATE bitrix_pass
          SET ${held(lease)},
              next_offset = ${nextOffset},
              seen = seen + ${seen},
              differences = differences + ${differences},
              repaired = repaired + ${repaired},
              unrepaired = unrepaired + ${unrepaired},
              oldest_difference_at =
                CASE WHEN ${unrepaired}::integer > 0 THEN coalesce(oldest_difference_at, now())
                     ELSE oldest_difference_at END
          WHERE shop_id = ${shopId} AND lease = ${lease.id}::uuid
          RETURNING ${columns}`,
      ),
    finish: (shopId, lease, isBelieved) =>
      command(sql`
        UPDATE bitrix_pass
        SET ${begun},
            lease = NULL,
            leased_until = NULL,
            oldest_difference_at = CASE WHEN unrepaired > 0 THEN oldest_difference_at END,
            last_finished_at = now(),
            last_seen = CASE WHEN ${isBelieved} THEN seen ELSE last_seen END,
            last_differences = differences,
            last_repaired = repaired,
            last_unrepaired = unrepaired
        WHERE shop_id = ${shopId} AND lease = ${lease.id}::uuid`),
    release: (shopId, lease) =>
      command(sql`
        UPDATE bitrix_pass
        SET lease = NULL, leased_until = NULL
        WHERE shop_id = ${shopId} AND lease = ${lease.id}::uuid`),
    drifts: () =>
      rows(
        Drift,
        sql`
          SELECT shop_id, unrepaired, last_unrepaired, oldest_difference_at, last_finished_at
          FROM bitrix_pass
          ORDER BY shop_id`,
      ),
  })
}

const columns = sql.literal(`number, next_offset, seen, last_seen`)
const begun = sql.literal(
  `number = number + 1, next_offset = 0, seen = 0, differences = 0, repaired = 0, unrepaired = 0`,
)

const held = ({ id, seconds }: Lease) =>
  sql`lease = ${id}::uuid, leased_until = now() + make_interval(secs => ${seconds}::float8)`

const isFree = ({ id }: Lease) => sql`(lease IS NULL OR lease = ${id}::uuid OR leased_until < now())`
