/**
 * A query as a value: one statement and how its rows are read. Repositories make them, `Db` runs them; there is no
 * way to run one without a transaction and its tenant.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Statement from "effect/sql/Statement"

export interface Query<out A> {
  readonly statement: Statement.Statement<unknown>
  readonly decode: (rows: ReadonlyArray<unknown>) => A
}

/** The SQL template tag. A statement made with it refuses to run by itself. */
export const sql = Statement.make(
  Effect.die(new Error("a statement runs through Db, in a transaction of a tenant")),
  PgClient.makeCompiler(),
  [],
  undefined,
)

/** Reads every row with the schema; a row that does not fit is a defect of ours. */
export const rows = <S extends Schema.Codec<unknown, unknown>>(
  schema: S,
  statement: Statement.Statement<unknown>,
): Query<ReadonlyArray<S["Type"]>> => {
  const decodeRow = Schema.decodeUnknownSync(schema)
  return { statement, decode: (rows) => rows.map((row) => decodeRow(row)) }
}

/** For statements whose rows nobody reads. */
export const command = (statement: Statement.Statement<unknown>): Query<void> => ({
  statement,
  decode: () => undefined,
})
