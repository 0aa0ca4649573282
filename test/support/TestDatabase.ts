/** A database of its own for each test file: a clone of the migrated template, dropped at the end. */
import { randomBytes } from "node:crypto"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import postgres from "postgres"
import { inject } from "vitest"
import { DatabaseUrl } from "../../src/platform/DatabaseUrl.ts"
import { TEMPLATE } from "./postgresServer.ts"

export class TestDatabase extends Context.Service<
  TestDatabase,
  {
    /** URL of the owner, who is a superuser. */
    readonly url: string
    /** The independent witness: another driver, another role, no row security. */
    readonly witness: postgres.Sql
  }
>()("cvety/test/TestDatabase") {
  /** Provides the database and tells the service to use it. */
  static readonly layer = Layer.unwrap(
    Effect.map(
      Effect.acquireRelease(
        Effect.promise(() => cloneTemplate()),
        (database) => Effect.promise(() => database.drop()),
      ),
      ({ url, witness }) =>
        Layer.merge(
          Layer.succeed(TestDatabase, { url, witness }),
          DatabaseUrl.layerFrom(Redacted.make(url), { isEmbedded: false }),
        ),
    ),
  )
}

/** For tests that drive processes of their own. */
export const cloneTemplate = async () => {
  const server = inject("postgresServer")
  const name = `test_${randomBytes(6).toString("hex")}`
  const admin = postgres(server, { max: 1, onnotice: () => {} })
  await admin.unsafe(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE} STRATEGY file_copy`)
  await admin.end()
  const url = new URL(server)
  url.pathname = `/${name}`
  const witness = postgres(url.toString(), { max: 4, onnotice: () => {} })
  return {
    url: url.toString(),
    witness,
    drop: async () => {
      await witness.end({ timeout: 1 })
      const admin = postgres(server, { max: 1, onnotice: () => {} })
      await admin.unsafe(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
      await admin.end()
    },
  }
}
