/**
 * Connections to the database, each in one of the powerless roles from its start: whatever the URL said, a session
 * that could see past row security is refused when the service starts.
 */
import * as PgPool from "@effect/sql-pg/PgPool"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { APP_ROLE, DatabaseUrl } from "./DatabaseUrl.ts"
import { sql } from "./Query.ts"

const CONNECT_TIMEOUT = "2 seconds"
const KEEP_ALIVE = "10 seconds"
const STATEMENT_TIMEOUT_MS = 2_500
const LOCK_TIMEOUT_MS = 1_500

export const open = Effect.fnUntraced(function* (role: string, connectionsMax: number) {
  const { app, appPassword } = yield* DatabaseUrl
  const pool = yield* PgPool.make({
    url: app,
    username: APP_ROLE,
    ...(appPassword === undefined ? {} : { password: appPassword }),
    startupOptions: "",
    applicationName: "cvety",
    maxConnections: connectionsMax,
    connectTimeout: CONNECT_TIMEOUT,
    keepAlive: KEEP_ALIVE,
    multiplex: true,
    multiplexConcurrency: 1,
    startupParameters: {
      role,
      statement_timeout: String(STATEMENT_TIMEOUT_MS),
      lock_timeout: String(LOCK_TIMEOUT_MS),
      idle_in_transaction_session_timeout: String(STATEMENT_TIMEOUT_MS),
      // Every statement has its index, and a plan made while a table was small stays with its connection.
      enable_seqscan: "off",
      // What runs without a transaction of its own only reads.
      default_transaction_read_only: "on",
    },
  })
  yield* ensureHarmless(pool, role)
  return pool
})

const ensureHarmless = (pool: PgPool.PgPool, role: string) =>
  pool
    .use((connection) => connection.query(harmless.compile()[0], [APP_ROLE, role, role]))
    .pipe(
      Effect.filterOrFail(
        ({ rows }) => rows[0]?.["is_harmless"] === true,
        () => new WorkingRoleUnsafe({ message: `the database session is not the powerless role ${role}` }),
      ),
    )

class WorkingRoleUnsafe extends Schema.TaggedError<WorkingRoleUnsafe>()("WorkingRoleUnsafe", {
  message: Schema.String,
}) {}

const harmless = sql`
  SELECT session_user = ${APP_ROLE} AND current_user = ${APP_ROLE}
         AND NOT bool_or(rolsuper OR rolbypassrls OR rolinherit OR rolcreaterole) AS is_harmless
  FROM pg_roles
  WHERE rolname IN (session_user, ${APP_ROLE})`
