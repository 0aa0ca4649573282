/** The newest orders of a shop, with row security and without: one statement in one shape of transaction, in turns. */
import postgres from "postgres"

export const SHOPS = 50
export const ORDERS_PER_SHOP = 2_000
const FIRST_SHOP_ID = 101
const RUNS = 2_000
const WARM_UP_RUNS = 200
const ROWS = 50

const LIST = `
SELECT id, tracking_id, order_number, customer_name, phone, total, status, created_at
FROM "order"
WHERE shop_id = $1
ORDER BY created_at DESC, id DESC
LIMIT ${ROWS}`

export interface Compared {
  /** Of the statement, at the client. */
  readonly withMs: number
  readonly withoutMs: number
  readonly medianRatio: number
  /** Of whole transactions per second: without / with. */
  readonly throughputRatio: number
  readonly planWith: string
  readonly planWithout: string
}

export const compare = async (ownerUrl: string, appUrl: string): Promise<Compared> => {
  const connect = (url: string) => postgres(url, { max: 1, onnotice: () => {} })
  const restricted = { sql: connect(appUrl), statementsMs: [] as Array<number>, totalMs: 0 }
  const owner = { sql: connect(ownerUrl), statementsMs: [] as Array<number>, totalMs: 0 }
  for (let run = -WARM_UP_RUNS; run < RUNS; run++) {
    const shop = FIRST_SHOP_ID + (Math.abs(run) % SHOPS)
    for (const side of run % 2 === 0 ? [restricted, owner] : [owner, restricted]) {
      const startMs = performance.now()
      const statementMs = await inTenant(side.sql, shop, async (tx) => {
        const sentMs = performance.now()
        const rows = await tx.unsafe(LIST, [shop], { prepare: true })
        if (rows.length !== ROWS) throw new Error(`void: ${rows.length} orders`)
        return performance.now() - sentMs
      })
      if (run < 0) continue
      side.totalMs += performance.now() - startMs
      side.statementsMs.push(statementMs)
    }
  }
  const planOf = (sql: postgres.Sql) =>
    inTenant(sql, FIRST_SHOP_ID, async (tx) => {
      await tx.unsafe(`PREPARE list(integer) AS ${LIST}`)
      const lines = await tx.unsafe(
        `EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) EXECUTE list(${FIRST_SHOP_ID})`,
      )
      await tx.unsafe("DEALLOCATE list")
      return lines.map((line) => line["QUERY PLAN"]).join("\n")
    })
  const planWith = await planOf(restricted.sql)
  const planWithout = await planOf(owner.sql)
  await Promise.all([restricted.sql.end(), owner.sql.end()])
  const withMs = middle(restricted.statementsMs)
  const withoutMs = middle(owner.statementsMs)
  return {
    withMs,
    withoutMs,
    medianRatio: withMs / withoutMs,
    throughputRatio: restricted.totalMs / owner.totalMs,
    planWith,
    planWithout,
  }
}

const inTenant = <A>(sql: postgres.Sql, shop: number, work: (tx: postgres.TransactionSql) => Promise<A>) =>
  sql.begin(async (tx) => {
    await tx`SELECT set_config('cvety.shop_id', ${String(shop)}, true)`
    return work(tx)
  }) as Promise<A>

const middle = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

export const fill = async (sql: postgres.Sql): Promise<void> => {
  await sql.begin(async (tx) => {
    await tx`
      INSERT INTO "user" (id, name, phone, role, shop_id, password_hash)
      SELECT 100 + i, 'Director', '+7700100' || lpad(i::text, 4, '0'), 'DIRECTOR', 100 + i, '!'
      FROM generate_series(1, ${SHOPS}::integer) AS i`
    await tx`INSERT INTO shop (id, owner_id) SELECT 100 + i, 100 + i FROM generate_series(1, ${SHOPS}::integer) AS i`
    await tx`
      INSERT INTO "order" (shop_id, tracking_id, order_number, customer_name, phone, subtotal, total, created_at)
      SELECT ${FIRST_SHOP_ID}::integer + i % ${SHOPS}::integer, (200000000 + i)::text, '#' || i, 'Айгерим', '+70000000013',
             1200000, 1200000, now() - make_interval(mins => i)
      FROM generate_series(0, ${SHOPS * ORDERS_PER_SHOP - 1}::integer) AS i`
  })
  await sql`VACUUM ANALYZE shop, "user", "order"`
}
