import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import postgres from "postgres"
import { inject } from "vitest"
import { DatabaseUrl } from "../../src/platform/DatabaseUrl.ts"
import { Migrations } from "../../src/platform/Migrations.ts"

describe("nodes that start at the same time", () => {
  it.live("on one empty database migrate it once", () =>
    Effect.gen(function* () {
      const url = yield* emptyDatabase
      const applied = yield* startAll([url, url, url])
      assert.deepStrictEqual(applied.map((ids) => ids.length > 0).sort(), [false, false, true])
    }),
  )

  it.live("on several databases of one server do not stand in each other's way", () =>
    Effect.gen(function* () {
      const urls = yield* Effect.all([emptyDatabase, emptyDatabase, emptyDatabase, emptyDatabase])
      yield* startAll(urls)
      for (let turn = 0; turn < 5; turn += 1) {
        assert.deepStrictEqual(yield* startAll(urls), [[], [], [], []])
      }
    }),
  )
})

const startAll = (urls: ReadonlyArray<string>) =>
  Effect.forEach(
    urls,
    (url) =>
      Migrations.pipe(
        Effect.map(({ applied }) => applied.map(([id]) => id)),
        Effect.provide(
          Layer.fresh(Migrations.layer).pipe(
            Layer.provide(DatabaseUrl.layerFrom(Redacted.make(url), { isEmbedded: false })),
            Layer.provide(Logger.layer([])),
          ),
        ),
      ),
    { concurrency: "unbounded" },
  )

let lastDatabase = 0

const emptyDatabase = Effect.acquireRelease(
  Effect.promise(async () => {
    const name = `empty_${process.pid}_${++lastDatabase}`
    await asAdmin(`CREATE DATABASE ${name} STRATEGY file_copy`)
    const url = new URL(inject("postgresServer"))
    url.pathname = `/${name}`
    return url.toString()
  }),
  (url) => Effect.promise(() => asAdmin(`DROP DATABASE ${new URL(url).pathname.slice(1)} WITH (FORCE)`)),
)

const asAdmin = async (statement: string) => {
  const admin = postgres(inject("postgresServer"), { max: 1, onnotice: () => {} })
  await admin.unsafe(statement)
  await admin.end()
}
