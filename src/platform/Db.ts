/**
 * The one door to PostgreSQL.
 *
 *   read      |-- BEGIN READ ONLY, tenant, queries, COMMIT --->|                      one round trip
 *   transact  |-- BEGIN, tenant, `read` -->|-- `write`, COMMIT -->|                   two round trips
 *
 * Everything between two bars leaves in one packet (the driver pipelines what is submitted in one turn), so a
 * transaction costs what its decisions cost, not what its statements cost. `transact` reads under the locks that
 * its queries take, lets plain code decide, then writes; if any statement or the COMMIT fails, nothing happened.
 *
 * Invariants:
 * - A transaction runs for the shop of `TenantContext`, set with `set_config(..., true)` here and nowhere else.
 *   Work across shops asks for it by name (`readAcrossShops`) and gets the role `cvety_across_shops`.
 * - Queries are values: a repository cannot run one outside a transaction of a tenant.
 * - A connection whose transaction did not end well is closed, never reused.
 * - An attempt that lost to another transaction, or that an outage ended before it wrote anything, is made again on
 *   another connection. After an outage in the middle of writing nobody knows, so it is never written again.
 * - A database that cannot answer is `DatabaseUnavailable`; anything else the database refuses is a defect.
 */
import type { PgConnection } from "@effect/sql-pg/PgConnection"
import * as PgPool from "@effect/sql-pg/PgPool"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Scope } from "effect/Scope"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import type { Statement } from "effect/sql/Statement"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { APP_ROLE, DatabaseUrl } from "./DatabaseUrl.ts"
import { Migrations } from "./Migrations.ts"
import type { Query } from "./Query.ts"
import { sql } from "./Query.ts"
import { isConflict, isOutage } from "./SqlFailure.ts"
import { TenantContext } from "./TenantContext.ts"

type Queries = ReadonlyArray<Query<unknown>>
type Answers<Q extends Queries> = { readonly [K in keyof Q]: Q[K] extends Query<infer A> ? A : never }

export class Db extends Context.Service<
  Db,
  {
    readonly read: <const Q extends Queries>(
      queries: Q,
    ) => Effect.Effect<Answers<Q>, DatabaseUnavailable, TenantContext>
    readonly transact: <const Q extends Queries, A>(work: {
      readonly read: Q
      readonly write: (answers: Answers<Q>) => Write<A>
    }) => Effect.Effect<A, DatabaseUnavailable, TenantContext>
    /** For work that belongs to no single shop: looking up whose a record is, finding what actors must do. */
    readonly readAcrossShops: <const Q extends Queries>(
      queries: Q,
    ) => Effect.Effect<Answers<Q>, DatabaseUnavailable>
    /** Succeeds when the database answers. */
    readonly ping: Effect.Effect<void, DatabaseUnavailable>
    /** Payloads of a NOTIFY channel; the queue fails when its connection is lost. */
    readonly listen: (channel: string) => Effect.Effect<Notifications, DatabaseUnavailable, Scope>
  }
>()("cvety/platform/Db") {
  static readonly layer = Layer.effect(
    Db,
    Effect.gen(function* () {
      yield* Migrations
      const { app, appPassword } = yield* DatabaseUrl
      const pool = yield* PgPool.make({
        url: app,
        username: APP_ROLE,
        ...(appPassword === undefined ? {} : { password: appPassword }),
        startupOptions: "",
        applicationName: "cvety",
        maxConnections: CONNECTIONS_MAX,
        connectTimeout: CONNECT_TIMEOUT,
        keepAlive: KEEP_ALIVE,
        multiplex: true,
        multiplexConcurrency: 1,
        startupParameters: {
          statement_timeout: String(STATEMENT_TIMEOUT_MS),
          lock_timeout: String(LOCK_TIMEOUT_MS),
          idle_in_transaction_session_timeout: String(STATEMENT_TIMEOUT_MS),
          // Every statement has its index, and a plan made while a table was small stays with its connection.
          enable_seqscan: "off",
        },
      })
      yield* ensureHarmless(pool)
      return make(pool)
    }),
  )
}

/** Whatever the URL said, a session that could see past row security must not serve anybody. */
const ensureHarmless = (pool: PgPool.PgPool) =>
  pool
    .use((connection) => connection.query(harmless.compile()[0], [APP_ROLE]))
    .pipe(
      Effect.filterOrFail(
        ({ rows }) => rows[0]?.["is_harmless"] === true,
        () =>
          new WorkingRoleUnsafe({ message: `the database session is not the powerless role ${APP_ROLE}` }),
      ),
    )

class WorkingRoleUnsafe extends Schema.TaggedError<WorkingRoleUnsafe>()("WorkingRoleUnsafe", {
  message: Schema.String,
}) {}

/** What a transaction writes once it has decided, and what it tells its caller when that is committed. */
export interface Write<A> {
  readonly queries: Queries
  readonly answer: A
}

type Notifications = Effect.Success<ReturnType<PgConnection["listen"]>>

const CONNECTIONS_MAX = 10
const CONNECT_TIMEOUT = "2 seconds"
const KEEP_ALIVE = "10 seconds"
const ATTEMPTS_MAX = 3
const STATEMENT_TIMEOUT_MS = 2_500
const LOCK_TIMEOUT_MS = 1_500
const TRANSACTION_TIMEOUT = "3 seconds"

const make = (pool: PgPool.PgPool): Db["Service"] => {
  const onConnection = <A>(body: (connection: PgConnection) => Effect.Effect<A, SqlError>) =>
    pool.use((connection) => Effect.onError(body(connection), () => pool.invalidate(connection)))

  const inTransaction = <A>(
    body: (progress: Progress) => (connection: PgConnection) => Effect.Effect<A, SqlError>,
  ) =>
    Effect.suspend(() => {
      let progress = { hasWritten: false }
      return Effect.suspend(() => {
        progress = { hasWritten: false }
        return onConnection(body(progress))
      }).pipe(
        Effect.retry({
          while: (error) => isConflict(error) || (isOutage(error) && !progress.hasWritten),
          times: ATTEMPTS_MAX - 1,
        }),
      )
    }).pipe(
      Effect.timeoutOrElse({
        duration: TRANSACTION_TIMEOUT,
        orElse: () => Effect.fail(new DatabaseUnavailable()),
      }),
      Effect.catchTag("SqlError", (error) =>
        isOutage(error) ? Effect.fail(new DatabaseUnavailable()) : Effect.die(error),
      ),
    )

  const readAs = <const Q extends Queries>(door: Statement<unknown>, queries: Q) =>
    inTransaction(
      () => (connection) =>
        pipeline(connection, [beginReadOnly, door, ...queries.map((query) => query.statement), commit]).pipe(
          Effect.tap(ensureCommitted),
          Effect.map((results) => decode(queries, results.slice(2, -1))),
        ),
    )

  const transact: Db["Service"]["transact"] = (work) =>
    Effect.flatMap(TenantContext, ({ shopId }) =>
      inTransaction((progress) =>
        Effect.fnUntraced(function* (connection) {
          const found = yield* pipeline(connection, [
            begin,
            tenant(shopId),
            ...work.read.map((query) => query.statement),
          ])
          const { queries, answer } = work.write(decode(work.read, found.slice(2)))
          progress.hasWritten = true
          yield* Effect.tap(
            pipeline(connection, [...queries.map((query) => query.statement), commit]),
            ensureCommitted,
          )
          return answer
        }),
      ),
    )

  return {
    read: (queries) => Effect.flatMap(TenantContext, ({ shopId }) => readAs(tenant(shopId), queries)),
    readAcrossShops: (queries) => readAs(acrossShops, queries),
    transact,
    ping: Effect.asVoid(readAs(acrossShops, [])),
    listen: (channel) =>
      pool.reserve.pipe(
        Effect.flatMap((connection) => connection.listen(channel)),
        Effect.mapError(() => new DatabaseUnavailable()),
      ),
  }
}

/** Whether a failed attempt may be made again: not once anything that changes data has left. */
interface Progress {
  hasWritten: boolean
}

type Result = Effect.Success<ReturnType<PgConnection["query"]>>

/**
 * Submits every statement before awaiting any. The forks start in order and at once, and the driver writes what
 * was submitted in one turn as one packet; a statement that fails makes the server skip to the ROLLBACK that the
 * trailing COMMIT then amounts to, which `ensureCommitted` reports.
 */
const pipeline = (
  connection: PgConnection,
  statements: ReadonlyArray<Statement<unknown>>,
): Effect.Effect<ReadonlyArray<Result>, SqlError> =>
  Effect.forEach(
    statements,
    (statement) => {
      const [text, parameters] = statement.compile()
      return connection.query(text, parameters)
    },
    { concurrency: "unbounded" },
  )

const decode = <const Q extends Queries>(queries: Q, results: ReadonlyArray<Result>) =>
  queries.map((query, index) => query.decode(results[index]?.rows ?? [])) as unknown as Answers<Q>

// COMMIT of a failed transaction answers ROLLBACK without an error of its own. The driver may even have hidden the
// failure: it repeats a statement whose cached plan went stale, and by then the transaction is over.
const ensureCommitted = (results: ReadonlyArray<Result>): Effect.Effect<void, SqlError> =>
  results.at(-1)?.command === "COMMIT" ? Effect.void : Effect.fail(rolledBack)

const rolledBack = new SqlError({
  reason: new ConnectionError({ cause: undefined, message: "the transaction was rolled back" }),
})

const harmless = sql`
  SELECT session_user = ${APP_ROLE} AND current_user = session_user
         AND NOT (rolsuper OR rolbypassrls OR rolinherit OR rolcreaterole) AS is_harmless
  FROM pg_roles
  WHERE rolname = session_user`
const begin = sql`BEGIN`
const beginReadOnly = sql`BEGIN READ ONLY`
const commit = sql`COMMIT`
const acrossShops = sql`SET LOCAL ROLE cvety_across_shops`
const tenant = (shopId: number) => sql`SELECT set_config('cvety.shop_id', ${String(shopId)}, true)`
