/** The database that everything is measured on: the embedded server with fsync on, one shop and its orders. */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import postgres from "postgres"
import { DatabaseUrl } from "../src/platform/DatabaseUrl.ts"
import * as EmbeddedPostgres from "../src/platform/EmbeddedPostgres.ts"
import { Migrations } from "../src/platform/Migrations.ts"
import { BITRIX_ORDER_ID_MIN, SHOP_ID } from "./events.ts"
import * as Process from "./process.ts"

export interface World {
  /** Of the owner of the schema, which our server is given. */
  readonly ownerUrl: string
  /** Of the role `cvety_app`, which every peer works as. */
  readonly appUrl: string
  readonly pid: number
  readonly version: string
  /** Median time of writing 8 kB and flushing them, where the data is. */
  readonly flushMs: number
  /** What has been written since the last call. */
  readonly written: Effect.Effect<Written>
}

export interface Written {
  readonly history: number
  readonly inbox: number
}

export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "cvety-bench-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true })),
)

export const make = (orders: number, cores: string | null) =>
  Effect.gen(function* () {
    const dataDir = yield* temporaryFolder
    const { url, pid } = yield* EmbeddedPostgres.start({ dataDir, durable: true })
    const databaseUrl = DatabaseUrl.layerFrom(url, { isEmbedded: true })
    const { app } = Context.get(yield* Layer.build(databaseUrl), DatabaseUrl)
    yield* Layer.build(Migrations.layer.pipe(Layer.provide(databaseUrl)))
    const sql = yield* Effect.acquireRelease(
      Effect.sync(() => postgres(Redacted.value(url), { max: 1, onnotice: () => {} })),
      (sql) => Effect.promise(() => sql.end()),
    )
    yield* Effect.promise(() => fill(sql, orders))
    const [setting] = yield* Effect.promise(() => sql`SHOW server_version`)
    if (cores !== null) Process.pin(Process.family(pid), cores)
    return {
      ownerUrl: Redacted.value(url),
      appUrl: Redacted.value(app),
      pid,
      version: String(setting?.["server_version"]),
      flushMs: measureFlushMs(dataDir),
      written: countWritten(sql),
    } satisfies World
  })

const fill = async (sql: postgres.Sql, orders: number): Promise<void> => {
  await sql.begin(async (tx) => {
    await tx`
      INSERT INTO "user" (id, name, phone, role, shop_id, password_hash)
      VALUES (2, 'Director', '+70000000012', 'DIRECTOR', ${SHOP_ID}, '!')`
    await tx`INSERT INTO shop (id, name, owner_id) VALUES (${SHOP_ID}, 'Cvety.kz', 2)`
    await tx`
      INSERT INTO "order" (shop_id, tracking_id, order_number, customer_name, phone, delivery_address,
                           subtotal, delivery_cost, total, bitrix_order_id)
      SELECT ${SHOP_ID}, (100000000 + i)::text, '#' || i, 'Айгерим', '+70000000013', 'Алматы, ул. Примерная, 1',
             1200000, 150000, 1350000, ${BITRIX_ORDER_ID_MIN} + i
      FROM generate_series(0, ${orders - 1}) AS i`
  })
  // Only what is filled: a table that was found empty gets plans that are fit for an empty table, and connections keep
  // them until autovacuum has come by.
  await sql`VACUUM ANALYZE shop, "user", "order"`
  await sql`CHECKPOINT`
}

const countWritten = (sql: postgres.Sql): Effect.Effect<Written> => {
  let lastHistoryId = "0"
  let lastReceivedAt = new Date(0)
  return Effect.promise(async () => {
    const [history] = await sql<Array<{ count: number; last: string }>>`
      SELECT count(*)::integer AS count, coalesce(max(id), ${lastHistoryId})::text AS last
      FROM order_history
      WHERE id > ${lastHistoryId} AND shop_id = ${SHOP_ID} AND field_name = 'status'`
    const [inbox] = await sql<Array<{ count: number; last: Date | null }>>`
      SELECT count(*)::integer AS count, max(received_at) AS last
      FROM inbox
      WHERE received_at > ${lastReceivedAt} AND shop_id = ${SHOP_ID} AND state = 'applied'`
    lastHistoryId = history?.last ?? lastHistoryId
    lastReceivedAt = new Date((inbox?.last ?? lastReceivedAt).getTime() + 1)
    return { history: history?.count ?? 0, inbox: inbox?.count ?? 0 }
  })
}

const FLUSHES = 41

const measureFlushMs = (folder: string): number => {
  const file = openSync(join(folder, "flush"), "w")
  const page = Buffer.alloc(8_192, 1)
  const timesMs = Array.from({ length: FLUSHES }, () => {
    const startMs = performance.now()
    writeSync(file, page, 0, page.length, 0)
    fdatasyncSync(file)
    return performance.now() - startMs
  })
  closeSync(file)
  return timesMs.sort((a, b) => a - b)[FLUSHES >> 1] ?? 0
}
