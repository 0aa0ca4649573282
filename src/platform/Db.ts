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
 * - A transaction runs for the shop of `TenantContext`, set in `Entrance.ts` and nowhere else.
 *   Work that belongs to no single shop names its door and gets the role of that door, no more.
 * - `Caller` is told to the database, which writes the audit; the guard that a caller brings is asked first, and what
 *   it refuses has read nothing and written nothing.
 * - Queries are values: a repository cannot run one outside a transaction of a tenant.
 * - A connection whose transaction did not end well is closed, never reused.
 * - An attempt that lost to another transaction, or that an outage ended before it wrote anything, is made again on
 *   another connection. After an outage in the middle of writing nobody knows, so it is never written again.
 * - A database that cannot answer is `DatabaseUnavailable`; anything else the database refuses is a defect.
 */
import type { PgConnection } from "@effect/sql-pg/PgConnection"
import type * as PgPool from "@effect/sql-pg/PgPool"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Scope } from "effect/Scope"
import { ConnectionError, isSqlError, SqlError } from "effect/sql/SqlError"
import type { Statement } from "effect/sql/Statement"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { again, within } from "./attempt.ts"
import { CallerRefused } from "./Caller.ts"
import { APP_ROLE } from "./DatabaseUrl.ts"
import * as DbPool from "./DbPool.ts"
import type { Door, Entrance } from "./Entrance.ts"
import { greet, tenant, through } from "./Entrance.ts"
import { Migrations } from "./Migrations.ts"
import type { Query } from "./Query.ts"
import { sql } from "./Query.ts"
import { constraintOf, isConflict, isOutage, isPlanStale } from "./SqlFailure.ts"
import { TenantContext } from "./TenantContext.ts"

type Queries = ReadonlyArray<Query<unknown>>
type Answers<Q extends Queries> = { readonly [K in keyof Q]: Q[K] extends Query<infer A> ? A : never }

export class Db extends Context.Service<
  Db,
  {
    readonly read: <const Q extends Queries>(
      queries: Q,
    ) => Effect.Effect<Answers<Q>, DatabaseUnavailable, TenantContext>
    readonly transact: <const Q extends Queries, W extends Write, V = never>(
      work: Work<Q, W, V>,
    ) => Effect.Effect<AnswerOf<W>, RefusalOf<W> | V | DatabaseUnavailable, TenantContext>
    /** For work that belongs to no single shop. */
    readonly readThrough: <const Q extends Queries>(
      door: Door,
      queries: Q,
    ) => Effect.Effect<Answers<Q>, DatabaseUnavailable>
    readonly transactThrough: <const Q extends Queries, W extends Write, V = never>(
      door: Door,
      work: Work<Q, W, V>,
    ) => Effect.Effect<AnswerOf<W>, RefusalOf<W> | V | DatabaseUnavailable>
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
      return make(
        yield* DbPool.open(APP_ROLE, CONNECTIONS_MAX),
        yield* DbPool.open(IDENTITY_ROLE, IDENTITY_CONNECTIONS_MAX),
      )
    }),
  )
}

interface Work<Q extends Queries, W extends Write, V> {
  readonly read: Q
  /** Decides from what was read; what it says is committed. */
  readonly write: (answers: Answers<Q>) => W
  /** The facts that unique keys may turn out to be broken by, by the name of the key. */
  readonly violations?: Readonly<Record<string, V>>
}

/** What a transaction writes once it has decided, and what it tells its caller when that is committed. */
export interface Write<out A = unknown> {
  readonly queries: Queries
  readonly answer: A
}

/** An answer that the caller gets as a failure, after what the transaction writes is committed all the same. */
export class Refusal<out E> {
  readonly error: E
  constructor(error: E) {
    this.error = error
  }
}

/** What a transaction says that changes nothing and fails. */
export const refuse = <E>(error: E): Write<Refusal<E>> => ({ queries: [], answer: new Refusal(error) })

type AnswerOf<W> = W extends { readonly answer: infer A } ? Exclude<A, Refusal<unknown>> : never
type RefusalOf<W> = W extends { readonly answer: infer A } ? (A extends Refusal<infer E> ? E : never) : never

type Notifications = Effect.Success<ReturnType<PgConnection["listen"]>>

const CONNECTIONS_MAX = 10
/** Connections that are in the role of the door `identity` from their start: who asks is the most frequent question. */
const IDENTITY_CONNECTIONS_MAX = 8
const IDENTITY_ROLE = "cvety_identity"
const ATTEMPTS_MAX = 3
const TRANSACTION_TIMEOUT_MS = 3_000

const make = (pool: PgPool.PgPool, identityPool: PgPool.PgPool): Db["Service"] => {
  const onConnection = <A, E>(from: PgPool.PgPool, body: (connection: PgConnection) => Effect.Effect<A, E>) =>
    from.use((connection) => Effect.onError(body(connection), () => from.invalidate(connection)))

  const inTransaction = <A, E>(
    from: PgPool.PgPool,
    body: (progress: Progress) => (connection: PgConnection) => Effect.Effect<A, E | SqlError>,
  ) =>
    Effect.suspend(() => {
      let progress = { hasWritten: false }
      return Effect.suspend(() => {
        progress = { hasWritten: false }
        return onConnection(from, body(progress))
      }).pipe(
        // Every connection may be stale, and each is closed when it turns out to be.
        again(CONNECTIONS_MAX, (error) => isSqlError(error) && isPlanStale(error)),
        again(
          ATTEMPTS_MAX - 1,
          (error) => isSqlError(error) && (isConflict(error) || (isOutage(error) && !progress.hasWritten)),
        ),
      )
    }).pipe(
      within(TRANSACTION_TIMEOUT_MS, () => new DatabaseUnavailable()),
      Effect.catchIf(isSqlError, (error) =>
        isOutage(error) ? Effect.fail(new DatabaseUnavailable()) : Effect.die(error),
      ),
    )

  /** A statement of a connection that has its role already is a transaction by itself. */
  const readAsIdentity = <A>(query: Query<A>) =>
    inTransaction(
      identityPool,
      () => (connection) => Effect.map(run(connection, query.statement), ({ rows }) => query.decode(rows)),
    )

  const readFrom = <const Q extends Queries>(enter: Entrance, queries: Q) =>
    Effect.flatMap(greet(enter, "read"), (entrance) =>
      inTransaction(
        pool,
        () => (connection) =>
          pipeline(connection, [
            beginReadOnly,
            ...entrance.statements,
            ...queries.map((query) => query.statement),
            commit,
          ]).pipe(
            Effect.tap(ensureCommitted),
            Effect.map(
              (results) =>
                entrance.refusal(results.slice(1)) ??
                decode(queries, results.slice(1 + entrance.statements.length, -1)),
            ),
          ),
      ),
    ).pipe(
      Effect.flatMap((answer) =>
        answer instanceof CallerRefused ? Effect.die(answer) : Effect.succeed(answer),
      ),
    )

  const transactFrom = <const Q extends Queries, W extends Write, V>(enter: Entrance, work: Work<Q, W, V>) =>
    Effect.flatMap(greet(enter, "write"), (entrance) =>
      inTransaction<unknown, V>(pool, (progress) =>
        Effect.fnUntraced(
          function* (connection) {
            const found = yield* pipeline(connection, [
              begin,
              ...entrance.statements,
              ...work.read.map((query) => query.statement),
            ])
            const refusal = entrance.refusal(found.slice(1))
            if (refusal !== undefined) return yield* Effect.as(pipeline(connection, [rollback]), refusal)
            const { queries, answer } = work.write(
              decode(work.read, found.slice(1 + entrance.statements.length)),
            )
            progress.hasWritten = true
            yield* Effect.tap(
              pipeline(connection, [...queries.map((query) => query.statement), commit]),
              ensureCommitted,
            )
            return answer
          },
          Effect.catchIf(isSqlError, (error) => violated(error, work.violations)),
        ),
      ),
    ).pipe(
      Effect.flatMap((answer): Effect.Effect<AnswerOf<W>, RefusalOf<W>> => {
        if (answer instanceof CallerRefused) return Effect.die(answer)
        return answer instanceof Refusal
          ? Effect.fail(answer.error as RefusalOf<W>)
          : Effect.succeed(answer as AnswerOf<W>)
      }),
    )

  return {
    read: (queries) => Effect.flatMap(TenantContext, ({ shopId }) => readFrom(tenant(shopId), queries)),
    transact: (work) => Effect.flatMap(TenantContext, ({ shopId }) => transactFrom(tenant(shopId), work)),
    readThrough: <const Q extends Queries>(door: Door, queries: Q) => {
      const [query] = queries
      return door === "identity" && query !== undefined && queries.length === 1
        ? Effect.map(readAsIdentity(query), (answer) => [answer] as unknown as Answers<Q>)
        : readFrom(through(door), queries)
    },
    transactThrough: (door, work) => transactFrom(through(door), work),
    ping: Effect.asVoid(readFrom(through("across_shops"), [])),
    listen: (channel) =>
      pool.reserve.pipe(
        Effect.flatMap((connection) => connection.listen(channel)),
        Effect.mapError(() => new DatabaseUnavailable()),
      ),
  }
}

const violated = <E>(
  error: SqlError,
  violations: Readonly<Record<string, E>> | undefined,
): Effect.Effect<never, E | SqlError> => {
  const key = constraintOf(error)
  return Effect.fail(key !== undefined && violations?.[key] !== undefined ? violations[key] : error)
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
  Effect.forEach(statements, (statement) => run(connection, statement), { concurrency: "unbounded" })

const run = (connection: PgConnection, statement: Statement<unknown>): Effect.Effect<Result, SqlError> => {
  const [text, parameters] = statement.compile()
  return connection.query(text, parameters)
}

const decode = <const Q extends Queries>(queries: Q, results: ReadonlyArray<Result>) =>
  queries.map((query, index) => query.decode(results[index]?.rows ?? [])) as unknown as Answers<Q>

// COMMIT of a failed transaction answers ROLLBACK without an error of its own. The driver may even have hidden the
// failure: it repeats a statement whose cached plan went stale, and by then the transaction is over.
const ensureCommitted = (results: ReadonlyArray<Result>): Effect.Effect<void, SqlError> =>
  results.at(-1)?.command === "COMMIT" ? Effect.void : Effect.fail(rolledBack)

const rolledBack = new SqlError({
  reason: new ConnectionError({ cause: undefined, message: "the transaction was rolled back" }),
})

const begin = sql`BEGIN READ WRITE`
const beginReadOnly = sql`BEGIN READ ONLY`
const commit = sql`COMMIT`
const rollback = sql`ROLLBACK`
