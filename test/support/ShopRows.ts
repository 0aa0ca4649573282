/** What the witness sees of shops: every row of every table that belongs to shops, a line each. */
import type postgres from "postgres"
import { findTenantTables } from "./TenancyCatalogue.ts"

/** When a key was last used is noted by reading with it; how far the thumbnails of a picture are, by an actor. */
const UNIMPORTANT = [
  "last_used_at",
  ...["thumbnails", "thumbnails_attempts", "thumbnails_after", "thumbnails_error", "width", "height"].map(
    (column) => `image.${column}`,
  ),
]
const unimportantOf = (table: string) =>
  UNIMPORTANT.map((column) => column.replace(`${table}.`, "")).filter((column) => !column.includes("."))

export const reader = async (witness: postgres.Sql) => {
  const tables = await findTenantTables(witness)
  const statement = tables
    .map(
      ({ name, shopColumn }) => `
        SELECT ${shopColumn} AS shop, '${name} ' || (to_jsonb(t) - '{${unimportantOf(name)}}'::text[])::text AS line
        FROM "${name}" t
        WHERE ${shopColumn} = ANY ($1::integer[])`,
    )
    .join(" UNION ALL ")

  const read = async (...shops: ReadonlyArray<number>): Promise<ReadonlySet<string>> => {
    const rows = await witness.unsafe<Array<{ shop: number; line: string }>>(statement, [
      shops as Array<number>,
    ])
    return new Set(rows.map(({ shop, line }) => `${shop} ${line}`))
  }
  return { tables, read }
}

export type ShopRows = Awaited<ReturnType<typeof reader>>
