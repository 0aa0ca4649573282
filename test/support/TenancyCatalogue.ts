/**
 * What the catalogue of PostgreSQL says about the isolation of shops, checked for every table there is: one that a
 * later migration adds is either protected or named here with the reason why not.
 */
import type postgres from "postgres"

/** Hold nothing of a shop. */
const TABLES_OF_NO_SHOP = ["schema_migration", "failed_attempt", "image_removal"]
/** Superadmins have no shop. */
const SHOP_MAY_BE_NULL = ["user", "ended_session"]
/**
 * Facts that are unique for everybody: who owns a shop, who logs in by a phone, what a tracking id names, whom the
 * secret of a webhook speaks for.
 */
const KEYS_ACROSS_SHOPS = [
  "shop_owner_id_key",
  "user_phone_key",
  "order_tracking_id_key",
  "bitrix_connection_secret",
]
/** People are not of a shop alone: an owner is known before the shop is, an invitation may come from a superadmin. */
const REFERENCES_ACROSS_SHOPS = ["shop_owner_id_fkey", "user_invited_by_fkey"]

export interface TenantTable {
  readonly name: string
  /** `shop_id`, or `id` of the shop itself. */
  readonly shopColumn: string
}

export const findTenantTables = async (sql: postgres.Sql): Promise<ReadonlyArray<TenantTable>> => [
  ...(await sql<Array<TenantTable>>`
    SELECT c.relname AS name, a.attname AS "shopColumn"
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = ${shopColumnOf(sql)}
    WHERE ${isOurs(sql)} AND c.relkind IN ('r', 'p')
    ORDER BY c.relname`),
]

/** One sentence for each way out of the isolation; none in a healthy database. */
export const findEscapes = async (sql: postgres.Sql): Promise<ReadonlyArray<string>> => {
  const found = await sql<Array<{ escape: string }>>`
    WITH tenant AS (
      SELECT c.oid, c.relname AS name, a.attnum AS shop, a.attname AS shop_name, a.attnotnull,
             c.relrowsecurity, c.relforcerowsecurity
      FROM pg_class c
      LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = ${shopColumnOf(sql)} AND NOT a.attisdropped
      WHERE ${isOurs(sql)} AND c.relkind IN ('r', 'p', 'f') AND c.relname <> ALL (${TABLES_OF_NO_SHOP}::text[])
    )
    SELECT name || ': has no shop_id' AS escape
    FROM tenant
    WHERE shop IS NULL
    UNION ALL
    SELECT name || ': shop_id may be null'
    FROM tenant
    WHERE NOT attnotnull AND name <> ALL (${SHOP_MAY_BE_NULL}::text[])
    UNION ALL
    SELECT name || ': row security is not enabled and forced'
    FROM tenant
    WHERE NOT (relrowsecurity AND relforcerowsecurity)
    UNION ALL
    SELECT name || ': rows are not kept to the current shop by exactly one policy'
    FROM tenant
    WHERE (
      SELECT coalesce(array_agg(concat_ws(' / ', cmd, qual, with_check)), '{}')
      FROM pg_policies
      WHERE tablename = name AND permissive = 'PERMISSIVE' AND roles && '{public, cvety_app}'
    ) <> ARRAY[replace('ALL / (shop = current) / (shop = current)', 'shop = current',
                       quote_ident(shop_name) || ' = ( SELECT current_shop_id() AS current_shop_id)')]
      OR shop IS NULL
    UNION ALL
    SELECT i.indexrelid::regclass || ': is unique across shops'
    FROM tenant
    JOIN pg_index i ON i.indrelid = oid
    WHERE i.indisunique AND NOT shop = ANY (i.indkey)
      AND NOT (i.indisprimary AND i.indnkeyatts = 1)
      AND i.indexrelid::regclass::text <> ALL (${KEYS_ACROSS_SHOPS}::text[])
    UNION ALL
    SELECT f.conname || ': refers to rows of other shops'
    FROM pg_constraint f
    JOIN tenant target ON target.oid = f.confrelid
    LEFT JOIN tenant source ON source.oid = f.conrelid
    WHERE f.contype = 'f'
      AND NOT EXISTS (
        SELECT
        FROM unnest(f.conkey, f.confkey) AS pair (mine, theirs)
        WHERE mine = source.shop AND theirs = target.shop
      )
      AND f.conname <> ALL (${REFERENCES_ACROSS_SHOPS}::text[])
    UNION ALL
    SELECT c.relname || ': is a view with the rights of its owner'
    FROM pg_class c
    WHERE ${isOurs(sql)} AND c.relkind IN ('v', 'm')
      AND NOT (c.relkind = 'v' AND coalesce(c.reloptions, '{}') && '{security_invoker=true, security_invoker=on}')
    UNION ALL
    SELECT c.proname || ': is a function with the rights of its owner'
    FROM pg_proc c
    WHERE c.prosecdef AND c.pronamespace IN (SELECT oid FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)')
    UNION ALL
    SELECT name || ': ' || rolname || ' may go round row security'
    FROM tenant, unnest('{cvety_app, cvety_across_shops, cvety_identity, cvety_superadmin}'::name[]) AS rolname
    WHERE has_table_privilege(rolname, oid, 'TRUNCATE, REFERENCES, TRIGGER')
    ORDER BY escape`
  return found.map(({ escape }) => escape)
}

const shopColumnOf = (sql: postgres.Sql) => sql`(CASE c.relname WHEN 'shop' THEN 'id' ELSE 'shop_id' END)`

const isOurs = (sql: postgres.Sql) =>
  sql`c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)')`
