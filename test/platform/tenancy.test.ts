import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type postgres from "postgres"
import * as AppSession from "../support/AppSession.ts"
import { idOf, insertConnection, insertMarkedShop, ORDER, run as runAll } from "../support/MarkedShop.ts"
import type { TenantTable } from "../support/TenancyCatalogue.ts"
import { findEscapes, findTenantTables } from "../support/TenancyCatalogue.ts"
import { TestDatabase } from "../support/TestDatabase.ts"

const SHOP_ID = 70_001
const OTHER_SHOP_ID = 70_002
const DOORS = ["cvety_across_shops", "cvety_identity", "cvety_superadmin"]

layer(TestDatabase.layer, { excludeTestServices: true })("the catalogue of tenant tables", (it) => {
  it.effect("has no way out of the isolation", () =>
    Effect.gen(function* () {
      const { witness } = yield* TestDatabase
      assert.deepStrictEqual(yield* Effect.promise(() => findEscapes(witness)), [])
      const tables = yield* Effect.promise(() => findTenantTables(witness))
      assert.includeMembers(
        tables.map(({ name }) => name),
        ["shop", "user", "order", "order_item", "order_history", "inbox", "outbox"],
      )
    }),
  )

  it.effect("tells of every table that loses its policy or its row security", () =>
    Effect.gen(function* () {
      const { witness } = yield* TestDatabase
      for (const { name } of yield* Effect.promise(() => findTenantTables(witness))) {
        const [unsecured, unkept] = unprotected(name)
        const dropped = yield* Effect.promise(() =>
          escapesAfter(witness, `DROP POLICY one_shop ON "${name}"`),
        )
        assert.deepStrictEqual(dropped, [unkept])
        const disabled = yield* Effect.promise(() =>
          escapesAfter(witness, `ALTER TABLE "${name}" DISABLE ROW LEVEL SECURITY`),
        )
        assert.deepStrictEqual(disabled, [unsecured])
      }
    }),
  )

  const note = "CREATE TABLE note (id integer PRIMARY KEY, shop_id integer NOT NULL)"
  const escapes: ReadonlyArray<[change: string, ...escapes: ReadonlyArray<string>]> = [
    ["CREATE TABLE note (id integer)", "note: has no shop_id", ...unprotected("note")],
    [note, ...unprotected("note")],
    [`${note}; ALTER TABLE note ENABLE ROW LEVEL SECURITY`, ...unprotected("note")],
    [`ALTER TABLE "order" NO FORCE ROW LEVEL SECURITY`, unprotected("order")[0]],
    [`ALTER TABLE order_item DISABLE ROW LEVEL SECURITY`, unprotected("order_item")[0]],
    ["DROP POLICY one_shop ON inbox", unprotected("inbox")[1]],
    [`CREATE POLICY open ON "order" USING (true)`, unprotected("order")[1]],
    [
      "DROP POLICY one_shop ON shop; CREATE POLICY one_shop ON shop USING (id = (SELECT current_shop_id()))",
      unprotected("shop")[1],
    ],
    ["ALTER TABLE outbox ALTER shop_id DROP NOT NULL", "outbox: shop_id may be null"],
    [`ALTER TABLE "order" ADD UNIQUE (customer_email)`, "order_customer_email_key: is unique across shops"],
    [
      `ALTER TABLE order_item ADD FOREIGN KEY (order_id) REFERENCES "order" (id)`,
      "order_item_order_id_fkey: refers to rows of other shops",
    ],
    ["CREATE VIEW orders AS TABLE order_item", "orders: is a view with the rights of its owner"],
    [
      "CREATE FUNCTION peek() RETURNS integer LANGUAGE sql SECURITY DEFINER RETURN 1",
      "peek: is a function with the rights of its owner",
    ],
    ["GRANT TRUNCATE ON inbox TO cvety_app", "inbox: cvety_app may go round row security"],
  ]
  for (const [change, ...expected] of escapes) {
    it.effect(`tells of: ${change}`, () =>
      Effect.gen(function* () {
        const { witness } = yield* TestDatabase
        const found = yield* Effect.promise(() => escapesAfter(witness, change))
        assert.deepStrictEqual(found, expected)
      }),
    )
  }
})

layer(TestDatabase.layer, { excludeTestServices: true })("the working role", (it) => {
  it.effect("can do nothing but log in, and be one of the roles that are doors when it says so", () =>
    Effect.gen(function* () {
      const { witness } = yield* TestDatabase
      const roles = yield* Effect.promise(
        () => witness`
          SELECT rolname, rolcanlogin, rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication AS may,
                 ARRAY(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = r.oid ORDER BY 1) AS member_of,
                 ARRAY(SELECT roleid::regrole::text FROM pg_auth_members
                       WHERE member = r.oid AND (inherit_option OR admin_option)) AS without_asking,
                 EXISTS (SELECT FROM pg_shdepend
                         WHERE refclassid = 'pg_authid'::regclass AND refobjid = r.oid AND deptype = 'o') AS owns
          FROM pg_roles r
          WHERE rolname LIKE 'cvety\\_%'
          ORDER BY rolname`,
      )
      const told = roles.map(
        ({ rolname, rolcanlogin, may, member_of, without_asking, owns }) =>
          `${rolname}: login ${rolcanlogin}, may ${may}, is [${member_of}], without asking [${without_asking}], owns ${owns}`,
      )
      assert.sameMembers(told, [
        `cvety_app: login true, may false, is [${DOORS}], without asking [], owns false`,
        ...DOORS.map((door) => `${door}: login false, may false, is [], without asking [], owns false`),
      ])
    }),
  )

  const person =
    "id, name, phone, role, is_active, is_superadmin, invited_by, shop_id, created_at, updated_at"
  const rightsByDoor: Readonly<Record<string, ReadonlyArray<string>>> = {
    cvety_across_shops: [
      "SELECT audit",
      "SELECT bitrix_connection",
      "SELECT bitrix_pass",
      "DELETE image",
      "SELECT image",
      "UPDATE image width, height, thumbnails, thumbnails_attempts, thumbnails_after, thumbnails_error, was_unused, sweep_after",
      "DELETE image_removal",
      "INSERT image_removal",
      "SELECT image_removal",
      "UPDATE image_removal",
      "SELECT inbox",
      "SELECT order id, shop_id, tracking_id, status, bitrix_order_id, created_at",
      "SELECT order_item shop_id, order_id, product_id, quantity",
      "DELETE outbox",
      "SELECT outbox",
      "UPDATE outbox",
      "SELECT outbox_route",
      "SELECT product",
      "SELECT product_image",
      "SELECT shop",
      "SELECT sync_conflict",
    ],
    cvety_identity: [
      "INSERT audit",
      "SELECT audit",
      "DELETE ended_session",
      "INSERT ended_session",
      "SELECT ended_session",
      "DELETE failed_attempt",
      "INSERT failed_attempt",
      "SELECT failed_attempt",
      "UPDATE failed_attempt",
      "SELECT shop id, is_active",
      "SELECT team_invitation",
      "UPDATE team_invitation status, wrong_codes, updated_at",
      "INSERT user",
      "SELECT user",
      "UPDATE user",
    ],
    cvety_superadmin: [
      "SELECT order",
      "SELECT order_item",
      "SELECT product",
      "SELECT shop",
      `SELECT user ${person}`,
    ],
  }
  for (const [door, expected] of Object.entries(rightsByDoor)) {
    it.effect(`behind the door ${door} has these rights and no others`, () =>
      Effect.gen(function* () {
        const { witness } = yield* TestDatabase
        const rights = yield* Effect.promise(
          () => witness`
            SELECT c.relname AS table, a.privilege_type AS right,
                   string_agg(a.attname, ', ' ORDER BY a.attnum) AS columns
            FROM pg_class c
            CROSS JOIN LATERAL (
              SELECT privilege_type, grantee, NULL AS attname, NULL AS attnum
              FROM aclexplode(c.relacl)
              UNION ALL
              SELECT e.privilege_type, e.grantee, attname, attnum
              FROM pg_attribute, aclexplode(attacl) e
              WHERE attrelid = c.oid
            ) a
            WHERE a.grantee = ${door}::regrole AND c.relkind IN ('r', 'p')
            GROUP BY 1, 2
            ORDER BY 1, 2`,
        )
        assert.deepStrictEqual(
          rights.map(({ table, right, columns }) => `${right} ${table} ${columns ?? ""}`.trim()),
          expected,
        )
      }),
    )
  }

  const refusals: ReadonlyArray<[statement: string, refusal: RegExp]> = [
    ["SET ROLE cvety", /permission denied to set role/],
    ["SET SESSION AUTHORIZATION cvety", /permission denied to set session authorization/],
    [`SET LOCAL row_security = off; SELECT FROM "order"`, /would be affected by row-level security/],
    [`ALTER TABLE "order" DISABLE ROW LEVEL SECURITY`, /must be owner/],
    [`DROP POLICY one_shop ON "order"`, /must be owner/],
    ["CREATE TABLE note (id integer)", /permission denied for schema public/],
    [`TRUNCATE "order"`, /permission denied/],
    [`DELETE FROM "order"`, /permission denied/],
    ["UPDATE order_history SET notes = ''", /permission denied/],
    ["DELETE FROM order_history", /permission denied/],
    ["UPDATE inbox SET answer = '{}'", /permission denied/],
    ["UPDATE inbox SET payload = '{}'", /permission denied/],
    ["DELETE FROM inbox", /permission denied/],
    ["SELECT protect_tenant_table('inbox', 'shop_id')", /permission denied/],
    ['SET LOCAL ROLE cvety_across_shops; SELECT phone FROM "order"', /permission denied/],
    [`SET LOCAL ROLE cvety_across_shops; SELECT FROM "user"`, /permission denied/],
    ["SET LOCAL ROLE cvety_across_shops; SELECT product_name FROM order_item", /permission denied/],
    ["SET LOCAL ROLE cvety_across_shops; UPDATE product SET enabled = false", /permission denied/],
    ["SET LOCAL ROLE cvety_across_shops; SELECT FROM product_variant", /permission denied/],
    ["SET LOCAL ROLE cvety_across_shops; SELECT FROM order_history", /permission denied/],
    [`SET LOCAL ROLE cvety_across_shops; UPDATE "order" SET notes = ''`, /permission denied/],
    ["SET LOCAL ROLE cvety_across_shops; UPDATE inbox SET state = 'parked'", /permission denied/],
    ["SET LOCAL ROLE cvety_across_shops; DELETE FROM outbox_route", /permission denied/],
    ["SET LOCAL ROLE cvety_across_shops; UPDATE bitrix_connection SET enabled = false", /permission denied/],
    ["SET LOCAL ROLE cvety_across_shops; SELECT FROM bitrix_product", /permission denied/],
    ["SET LOCAL ROLE cvety_across_shops; DELETE FROM sync_conflict", /permission denied/],
    ["DELETE FROM outbox", /permission denied/],
    ["DELETE FROM sync_conflict", /permission denied/],
    ["DELETE FROM bitrix_connection", /permission denied/],
  ]
  for (const [statement, refusal] of refusals) {
    it.effect(`is refused: ${statement}`, () =>
      Effect.gen(function* () {
        const run = yield* AppSession.make
        const outcome = yield* run(SHOP_ID, ...statement.split("; "))
        assert.match(String(outcome.refusal), refusal)
      }),
    )
  }
})

/** The tenant tables, and a session of the working role, with rows of each shop in every one of them. */
class World extends Context.Service<
  World,
  { readonly tables: ReadonlyArray<TenantTable>; readonly run: Effect.Success<typeof AppSession.make> }
>()("cvety/test/tenancy") {
  static readonly layer = Layer.effect(
    World,
    Effect.gen(function* () {
      const { witness } = yield* TestDatabase
      yield* Effect.promise(async () => {
        for (const shop of [SHOP_ID, OTHER_SHOP_ID]) {
          await runAll(witness, insertMarkedShop(shop, ["view_orders"]) + insertConnection(shop))
        }
      })
      const tables = yield* Effect.promise(() => findTenantTables(witness))
      return { tables, run: yield* AppSession.make }
    }),
  ).pipe(Layer.provideMerge(TestDatabase.layer))
}

layer(World.layer, { excludeTestServices: true })("the rows of two shops", (it) => {
  it.effect("are there for the shop that owns them, and for nobody when no shop is set", () =>
    Effect.gen(function* () {
      const { run, tables } = yield* World
      for (const { name, shopColumn } of tables) {
        const select = `SELECT DISTINCT ${shopColumn} AS shop FROM "${name}"`
        for (const shop of [SHOP_ID, OTHER_SHOP_ID]) {
          assert.deepStrictEqual(yield* run(shop, select), { rows: [{ shop }], refusal: undefined }, name)
        }
        assert.deepStrictEqual(yield* run(null, select), { rows: [], refusal: undefined }, name)
      }
    }),
  )

  it.effect("cannot be inserted for another shop, nor when no shop is set", () =>
    Effect.gen(function* () {
      const { run, tables } = yield* World
      const { witness } = yield* TestDatabase
      for (const table of tables) {
        const insert = yield* Effect.promise(() => copyOfRow(witness, table, SHOP_ID))
        for (const shop of [OTHER_SHOP_ID, null]) {
          assert.match(String((yield* run(shop, insert)).refusal), /violates row-level security/, table.name)
        }
      }
    }),
  )

  it.effect("cannot be changed by another shop, nor given to one", () =>
    Effect.gen(function* () {
      const { run, tables } = yield* World
      const { witness } = yield* TestDatabase
      for (const { name, shopColumn } of tables) {
        const columns = yield* Effect.promise(() => updatableColumns(witness, name))
        for (const column of columns.slice(0, 1)) {
          const update = `UPDATE "${name}" SET ${column} = ${column}`
          const own = yield* run(
            OTHER_SHOP_ID,
            `WITH changed AS (${update} RETURNING ${shopColumn} AS shop) SELECT DISTINCT shop FROM changed`,
          )
          assert.deepStrictEqual(own, { rows: [{ shop: OTHER_SHOP_ID }], refusal: undefined }, name)
          const none = yield* run(null, `${update} RETURNING 1`)
          assert.deepStrictEqual(none, { rows: [], refusal: undefined }, name)
        }
        if (!columns.includes(shopColumn)) continue
        const given = yield* run(SHOP_ID, `UPDATE "${name}" SET ${shopColumn} = ${OTHER_SHOP_ID}`)
        assert.match(String(given.refusal), /violates row-level security/, name)
      }
    }),
  )

  it.effect("are seen together only by work across shops, which asks for it in its transaction", () =>
    Effect.gen(function* () {
      const { run } = yield* World
      const select = `SELECT DISTINCT shop_id FROM "order" ORDER BY shop_id`
      const both = [{ shop_id: SHOP_ID }, { shop_id: OTHER_SHOP_ID }]
      const across = yield* run(null, "SET LOCAL ROLE cvety_across_shops", select)
      assert.deepStrictEqual(across, { rows: both, refusal: undefined })
      const after = yield* run(null, select)
      assert.deepStrictEqual(after, { rows: [], refusal: undefined })
    }),
  )

  it.effect("cannot refer to each other", () =>
    Effect.gen(function* () {
      const { run } = yield* World
      const outcome = yield* run(
        OTHER_SHOP_ID,
        `INSERT INTO order_history (shop_id, order_id, changed_by, field_name)
         VALUES (${OTHER_SHOP_ID}, ${idOf(SHOP_ID, ORDER)}, 'admin', 'notes')`,
      )
      assert.strictEqual(outcome.refusal, "order_history_shop_id_order_id_fkey")
    }),
  )
})

function unprotected(table: string): [string, string] {
  return [
    `${table}: row security is not enabled and forced`,
    `${table}: rows are not kept to the current shop by exactly one policy`,
  ]
}

const escapesAfter = async (witness: postgres.Sql, change: string): Promise<ReadonlyArray<string>> => {
  const session = await witness.reserve()
  await session`BEGIN`
  await session.unsafe(change)
  const found = await findEscapes(session)
  await session`ROLLBACK`
  session.release()
  return found
}

const copyOfRow = async (witness: postgres.Sql, { name, shopColumn }: TenantTable, shop: number) => {
  const [table] = await witness<Array<{ columns: string; row: string }>>`
    SELECT string_agg(quote_ident(attname), ', ') AS columns,
           (SELECT quote_literal(to_jsonb(t)) FROM ${witness(name)} t WHERE t.${witness(shopColumn)} = ${shop} LIMIT 1) AS row
    FROM pg_attribute
    WHERE attrelid = quote_ident(${name})::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity <> 'a'`
  return `INSERT INTO "${name}" (${table?.columns})
          SELECT ${table?.columns} FROM jsonb_populate_record(NULL::"${name}", ${table?.row})`
}

const updatableColumns = async (witness: postgres.Sql, name: string) => {
  const columns = await witness<Array<{ attname: string }>>`
    SELECT attname
    FROM pg_attribute
    WHERE attrelid = quote_ident(${name})::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity <> 'a'
      AND has_column_privilege('cvety_app', attrelid, attnum, 'UPDATE')
    ORDER BY attname = 'status', attnum`
  return columns.map(({ attname }) => attname)
}
