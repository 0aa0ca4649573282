import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

/**
 * The two working roles and the lock that every tenant table gets.
 *
 * `cvety_app` is what the program logs in as: it owns nothing and inherits nothing.
 * `cvety_across_shops` is the one door for work that belongs to no single shop; the program must ask for it
 * with SET LOCAL ROLE, because NOINHERIT keeps its policies from applying by membership alone.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  // Roles belong to the cluster, and databases of one cluster may be migrated at the same moment.
  yield* sql`
    DO $$
    BEGIN
      BEGIN
        CREATE ROLE cvety_app LOGIN NOINHERIT NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
      END;
      BEGIN
        CREATE ROLE cvety_across_shops NOLOGIN NOINHERIT NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
      END;
      BEGIN
        ALTER ROLE cvety_app NOINHERIT NOCREATEDB NOCREATEROLE;
        GRANT cvety_across_shops TO cvety_app;
      EXCEPTION WHEN internal_error OR unique_violation THEN NULL;
      END;
    END
    $$`

  yield* sql`GRANT USAGE ON SCHEMA public TO cvety_app, cvety_across_shops`

  // NULL when no tenant is set, so that every comparison with it hides the row.
  yield* sql`
    CREATE FUNCTION current_shop_id() RETURNS integer
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN NULLIF(current_setting('cvety.shop_id', true), '')::integer`

  yield* sql`
    CREATE FUNCTION protect_tenant_table(tenant_table regclass, shop_column name) RETURNS void
    LANGUAGE plpgsql AS $$
    BEGIN
      EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tenant_table);
      EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tenant_table);
      EXECUTE format(
        'CREATE POLICY one_shop ON %s USING (%I = (SELECT current_shop_id())) WITH CHECK (%I = (SELECT current_shop_id()))',
        tenant_table, shop_column, shop_column);
      EXECUTE format(
        'CREATE POLICY across_shops ON %s TO cvety_across_shops USING (true) WITH CHECK (true)', tenant_table);
    END
    $$`

  yield* sql`REVOKE EXECUTE ON FUNCTION protect_tenant_table FROM PUBLIC`
})
