/**
 * One real PostgreSQL server for the whole run, with a migrated template database that test files clone.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import postgres from "postgres"
import type { TestProject } from "vitest/node"
import { DatabaseUrl } from "../../src/platform/DatabaseUrl.ts"
import * as EmbeddedPostgres from "../../src/platform/EmbeddedPostgres.ts"
import { Migrations } from "../../src/platform/Migrations.ts"

export const TEMPLATE = "cvety_template"

export default async function (project: TestProject) {
  const dataDir = mkdtempSync(join(tmpdir(), "cvety-test-"))
  const scope = Scope.makeUnsafe()
  const { url } = await Effect.runPromise(
    Scope.provide(EmbeddedPostgres.start({ dataDir, durable: false }), scope),
  )
  const server = Redacted.value(url)
  const admin = postgres(server, { max: 1, onnotice: () => {} })
  await admin.unsafe(`CREATE DATABASE ${TEMPLATE}`)
  await admin.end()
  const template = new URL(server)
  template.pathname = `/${TEMPLATE}`
  await Effect.runPromise(
    Effect.scoped(
      Layer.build(
        Migrations.layer.pipe(
          Layer.provide(DatabaseUrl.layerFrom(Redacted.make(template.toString()), { isEmbedded: false })),
        ),
      ),
    ),
  )
  project.provide("postgresServer", server)

  return async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    rmSync(dataDir, { recursive: true, force: true })
  }
}

declare module "vitest" {
  interface ProvidedContext {
    readonly postgresServer: string
  }
}
