/** A session of the working role, as the program has it, whose transactions are all rolled back. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import postgres from "postgres"
import { DatabaseUrl } from "../../src/platform/DatabaseUrl.ts"

export interface Outcome {
  /** Of the last statement. */
  readonly rows: ReadonlyArray<postgres.Row>
  /** Why a statement was refused: the constraint, or what PostgreSQL says. */
  readonly refusal: string | undefined
}

/** `run(17008, ...statements)` for a shop, `run(null, ...statements)` without one. */
export const make = Effect.gen(function* () {
  const { app } = yield* DatabaseUrl
  const sql = yield* Effect.acquireRelease(
    Effect.sync(() => postgres(Redacted.value(app), { max: 1, onnotice: () => {} })),
    (sql) => Effect.promise(() => sql.end({ timeout: 1 })),
  )
  const run = async (shopId: number | null, ...statements: ReadonlyArray<string>): Promise<Outcome> => {
    let rows: ReadonlyArray<postgres.Row> = []
    try {
      await sql.begin(async (transaction) => {
        if (shopId !== null) await transaction`SELECT set_config('cvety.shop_id', ${String(shopId)}, true)`
        for (const statement of statements) rows = await transaction.unsafe(statement)
        throw rollback
      })
    } catch (error) {
      if (error === rollback) return { rows: [...rows], refusal: undefined }
      if (!(error instanceof postgres.PostgresError)) throw error
      return { rows: [], refusal: error.constraint_name ?? error.message }
    }
    return { rows: [], refusal: undefined }
  }
  return (shopId: number | null, ...statements: ReadonlyArray<string>) =>
    Effect.promise(() => run(shopId, ...statements))
})

const rollback = new Error("rolled back")
