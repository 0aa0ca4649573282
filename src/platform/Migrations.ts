/**
 * Brings the schema up to date before anything else touches it, as the owner of the schema.
 *
 * Files of `migrations/` run once, in order; several nodes may start at the same time, since the migrator locks its
 * table. Then the working role gets the password that every node derives. A database that is still starting is waited
 * for, up to `ATTEMPTS_MAX` times.
 */
import { fileURLToPath } from "node:url"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Migrator from "effect/sql/Migrator"
import * as MigratorFileSystem from "effect/sql/MigratorFileSystem"
import { DatabaseUrl } from "./DatabaseUrl.ts"
import { isCatalogueRace, isOutage } from "./SqlFailure.ts"

/** Proof that the schema is current: layers that query ask for it. */
export class Migrations extends Context.Service<
  Migrations,
  { readonly applied: ReadonlyArray<readonly [id: number, name: string]> }
>()("cvety/platform/Migrations") {
  static readonly layer = Layer.effect(
    Migrations,
    Effect.gen(function* () {
      const { owner, appPassword } = yield* DatabaseUrl
      const applied = yield* migrate({ owner, appPassword }).pipe(
        Effect.tapError((error) =>
          Effect.annotateLogs(Effect.logWarning("migrations failed"), { error: error.message }),
        ),
        Effect.retry({
          while: (error) => error._tag === "SqlError" && isOutage(error),
          schedule: Schedule.jittered(Schedule.spaced(ATTEMPT_GAP)),
          times: ATTEMPTS_MAX,
        }),
      )
      if (applied.length > 0) {
        yield* Effect.logInfo("migrations applied").pipe(
          Effect.annotateLogs({ migrations: applied.map(([id, name]) => `${id}_${name}`) }),
        )
      }
      return { applied }
    }),
  )
}

const ATTEMPTS_MAX = 30
const ROLE_ATTEMPTS_MAX = 50
const ATTEMPT_GAP = "1 second"

const directory = fileURLToPath(new URL("../../migrations", import.meta.url))

export const migrate = (database: {
  readonly owner: Redacted.Redacted
  readonly appPassword: Redacted.Redacted | undefined
}) =>
  Effect.gen(function* () {
    const applied = yield* Migrator.make({})({
      loader: MigratorFileSystem.fromFileSystem(directory),
      table: "schema_migration",
    })
    yield* letWorkingRoleLogIn(database.appPassword)
    return applied
  }).pipe(
    // Spans carry the text of statements, and one of these holds a password.
    Effect.provideService(References.TracerEnabled, false),
    Effect.provide([
      PgClient.layer({ url: database.owner, maxConnections: 1, connectTimeout: "5 seconds" }),
      NodeFileSystem.layer,
      NodePath.layer,
    ]),
  )

// Nodes of one database take turns by the lock; those of other databases in the cluster may still be in the way.
const letWorkingRoleLogIn = Effect.fnUntraced(function* (password: Redacted.Redacted | undefined) {
  const sql = yield* PgClient.PgClient
  const literal = password === undefined ? "NULL" : `'${Redacted.value(password).replaceAll("'", "''")}'`
  yield* sql
    .withTransaction(
      Effect.gen(function* () {
        yield* sql`SELECT pg_advisory_xact_lock(hashtext('cvety working role'))`
        yield* sql.unsafe(`ALTER ROLE cvety_app LOGIN PASSWORD ${literal}`)
      }),
    )
    .pipe(
      Effect.retry({
        while: (error) => isCatalogueRace(error),
        schedule: Schedule.jittered(Schedule.spaced("20 millis")),
        times: ROLE_ATTEMPTS_MAX,
      }),
    )
})
