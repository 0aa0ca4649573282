/** The only SQL on failed attempts, for the door of identity. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Query } from "../platform/Query.ts"
import { command, rows, sql } from "../platform/Query.ts"

export interface AttemptKey {
  readonly hash: Uint8Array
  readonly failuresMax: number
  readonly windowSeconds: number
}

export class FailedAttemptsRepo extends Context.Service<
  FailedAttemptsRepo,
  {
    /** Seconds until the next attempt is allowed; none when it is now. */
    readonly findWait: (key: AttemptKey) => Query<ReadonlyArray<{ readonly wait_seconds: number }>>
    /** Adds a failure; the answer is whether this one was still within the limit. */
    readonly add: (key: AttemptKey) => Query<ReadonlyArray<{ readonly is_within: boolean }>>
    readonly forget: (key: AttemptKey) => Query<void>
    /** Rows so old that they count for nothing. */
    readonly forgetOld: (windowSeconds: number) => Query<void>
  }
>()("cvety/auth/FailedAttemptsRepo") {
  static readonly layer = Layer.succeed(FailedAttemptsRepo, {
    findWait: ({ hash, failuresMax, windowSeconds }) =>
      rows(
        Wait,
        sql`
          SELECT ceil(extract(epoch FROM failed_at[1] - now()) + ${windowSeconds}::integer)::integer AS wait_seconds
          FROM failed_attempt
          WHERE key = ${hash} AND cardinality(failed_at) >= ${failuresMax}
            AND failed_at[1] > now() - make_interval(secs => ${windowSeconds}::integer)`,
      ),
    // The last failures, as many as the limit: the oldest of them says whether the limit is reached.
    add: ({ hash, failuresMax, windowSeconds }) =>
      rows(
        Added,
        sql`
          INSERT INTO failed_attempt AS f (key, failed_at, last_failed_at)
          VALUES (${hash}, ARRAY[clock_timestamp()], clock_timestamp())
          ON CONFLICT (key) DO UPDATE
          SET failed_at = CASE
                WHEN cardinality(f.failed_at) < ${failuresMax}::integer THEN f.failed_at || clock_timestamp()
                WHEN f.failed_at[1] > now() - make_interval(secs => ${windowSeconds}::integer) THEN f.failed_at
                ELSE f.failed_at[2:] || clock_timestamp()
              END,
              is_within = cardinality(f.failed_at) < ${failuresMax}::integer
                OR f.failed_at[1] <= now() - make_interval(secs => ${windowSeconds}::integer),
              last_failed_at = clock_timestamp()
          RETURNING is_within`,
      ),
    forget: ({ hash }) => command(sql`DELETE FROM failed_attempt WHERE key = ${hash}`),
    forgetOld: (windowSeconds) =>
      command(sql`
        WITH old AS MATERIALIZED (
          SELECT key
          FROM failed_attempt
          WHERE last_failed_at < now() - make_interval(secs => ${windowSeconds}::integer)
          LIMIT ${FORGOTTEN_MAX}
          FOR UPDATE SKIP LOCKED
        )
        DELETE FROM failed_attempt f
        USING old
        WHERE f.key = old.key`),
  })
}

const FORGOTTEN_MAX = 20

const Wait = Schema.Struct({ wait_seconds: Schema.Int })
const Added = Schema.Struct({ is_within: Schema.Boolean })
