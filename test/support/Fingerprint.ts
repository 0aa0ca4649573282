/** What the witness sees of a shop: one hash over every row of every table that belongs to shops. */
import type postgres from "postgres"
import { findTenantTables } from "./TenancyCatalogue.ts"

/** When a key was last used is noted by reading with it. */
const UNIMPORTANT = ["last_used_at"]

export const make = async (witness: postgres.Sql) => {
  const tables = await findTenantTables(witness)
  const rows = tables
    .map(
      ({ name, shopColumn }) => `
        SELECT ${shopColumn} AS shop, '${name} ' || (to_jsonb(t) - '{${UNIMPORTANT.join(",")}}'::text[])::text AS line
        FROM "${name}" t
        WHERE ${shopColumn} = ANY ($1::integer[])`,
    )
    .join(" UNION ALL ")
  const statement = `
    SELECT shop, md5(string_agg(line, chr(10) ORDER BY line)) AS hash, count(*)::integer AS rows
    FROM (${rows}) line
    GROUP BY shop`

  /** By shop. */
  const of = async (...shops: ReadonlyArray<number>): Promise<ReadonlyMap<number, string>> => {
    const found = await witness.unsafe(statement, [shops as Array<number>])
    return new Map(found.map(({ shop, hash, rows }) => [shop, `${rows} rows, ${hash}`]))
  }

  /** For the report of a difference: which lines are new. */
  const lines = async (shop: number): Promise<ReadonlyArray<string>> =>
    (await witness.unsafe(`SELECT line FROM (${rows}) line ORDER BY line`, [[shop]])).map(({ line }) => line)

  return { tables, of, lines }
}

export type Fingerprint = Awaited<ReturnType<typeof make>>
