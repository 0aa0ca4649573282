import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestDatabase } from "../support/TestDatabase.ts"

/** Columns in which `ImageReferences` looks for pictures that are used. */
const LOOKED_AT = ["product.image", "product_image.url"]

layer(TestDatabase.layer, { excludeTestServices: true })("the sweep of pictures", (it) => {
  it.effect("looks at every column that may name one: what it does not know, it removes", () =>
    Effect.gen(function* () {
      const { witness } = yield* TestDatabase
      const columns = yield* Effect.promise(
        () => witness<Array<{ name: string }>>`
          SELECT c.relname || '.' || a.attname AS name
          FROM pg_class c
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
            AND a.atttypid = ANY ('{text,varchar,text[],varchar[]}'::regtype[])
            AND a.attname ~ 'image|photo|picture|avatar|logo|^url$'
          ORDER BY 1`,
      )
      assert.deepStrictEqual(
        columns.map(({ name }) => name),
        LOOKED_AT,
      )
    }),
  )

  it.effect("knows the key of a picture in any URL that leads to it, and in no other", () =>
    Effect.gen(function* () {
      const { witness } = yield* TestDatabase
      const key = `${"0123abcd".repeat(8)}.webp`
      const cases: ReadonlyArray<[string | null, string | null]> = [
        [`https://api.example/images/${key}`, key],
        [`https://api.example/images/${key}?w=640`, key],
        [`/images/${key}`, key],
        [`http://127.0.0.1:8014/images/${key}#x`, key],
        ["https://elsewhere.example/lk3j4-8f9s.jpg", null],
        [`https://api.example/images/${key.slice(1)}`, null],
        [`https://api.example/images/${key.replace("webp", "svg")}`, null],
        [null, null],
      ]
      for (const [url, expected] of cases) {
        const [row] = yield* Effect.promise(() => witness`SELECT image_key(${url}) AS key`)
        assert.strictEqual(row?.["key"], expected, String(url))
      }
    }),
  )

  it.effect("asks by index", () =>
    Effect.gen(function* () {
      const { witness } = yield* TestDatabase
      for (const [table, column] of [
        ["product", "image"],
        ["product_image", "url"],
      ] as const) {
        const plan = yield* Effect.promise(async () => {
          const session = await witness.reserve()
          await session`SET enable_seqscan = off`
          const rows = await session.unsafe(
            `EXPLAIN SELECT image_key(${column}) FROM ${table} WHERE image_key(${column}) = ANY ('{a,b}'::text[])`,
          )
          await session`RESET enable_seqscan`
          session.release()
          return rows.map((row) => row["QUERY PLAN"]).join("\n")
        })
        assert.match(plan, /Index.*image.*key/, plan)
      }
    }),
  )
})
