/**
 * How a transaction begins: for which shop or through which door, for whom, and with what guard in front.
 *
 * The shop and the caller are told to the database here and nowhere else, with `set_config(..., true)`: they end with
 * the transaction.
 */
import * as Effect from "effect/Effect"
import type { Statement } from "effect/sql/Statement"
import type { CallerFacts } from "./Caller.ts"
import { Caller, CallerGuard, CallerRefused } from "./Caller.ts"
import { sql } from "./Query.ts"

/**
 * The ways to work that belongs to no single shop, each a role with its own few rights:
 * `across_shops` looks up whose a record is and finds what actors must do, `identity` finds accounts by phone and key,
 * `superadmin` lists for the operators of the platform.
 */
export type Door = "across_shops" | "identity" | "superadmin"

/** How a transaction begins, before the caller is introduced. */
export interface Entrance {
  readonly statement: (facts: CallerFacts | null) => ReadonlyArray<Statement<unknown>>
  /** A guard belongs to people of a shop; who comes through a door was looked at when it was opened to them. */
  readonly isGuarded: boolean
}

export const tenant = (shopId: number): Entrance => ({
  statement: (facts) => [
    facts === null
      ? sql`SELECT set_config('cvety.shop_id', ${String(shopId)}, true)`
      : sql`
          SELECT set_config('cvety.shop_id', ${String(shopId)}, true),
                 set_config('cvety.caller', ${JSON.stringify(facts)}, true)`,
  ],
  isGuarded: true,
})

export const through = (door: Door): Entrance => ({
  statement: (facts) => [
    doors[door],
    ...(facts === null ? [] : [sql`SELECT set_config('cvety.caller', ${JSON.stringify(facts)}, true)`]),
  ],
  isGuarded: false,
})

/** The first statements of a transaction, and the look at what the guard among them said. Reading leaves no audit. */
export const greet = (entrance: Entrance, purpose: "read" | "write") =>
  Effect.withFiber<{
    readonly statements: ReadonlyArray<Statement<unknown>>
    readonly refusal: (results: ReadonlyArray<Rows>) => CallerRefused | undefined
  }>((fiber) => {
    const statements = entrance.statement(purpose === "read" ? null : fiber.getRef(Caller))
    const guard = entrance.isGuarded ? fiber.getRef(CallerGuard) : null
    if (guard === null) return Effect.succeed({ statements, refusal: () => undefined })
    return Effect.succeed({
      statements: [...statements, guard.statement],
      refusal: (results) => {
        const verdict = guard.decode(results[statements.length]?.rows ?? [])
        return verdict === "may act" ? undefined : new CallerRefused({ verdict })
      },
    })
  })

/** As much of a result as the guard reads. */
interface Rows {
  readonly rows: ReadonlyArray<unknown>
}

const doors = {
  across_shops: sql`SET LOCAL ROLE cvety_across_shops`,
  identity: sql`SET LOCAL ROLE cvety_identity`,
  superadmin: sql`SET LOCAL ROLE cvety_superadmin`,
} satisfies Record<Door, Statement<unknown>>
