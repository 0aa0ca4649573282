/** A shop of its own for every test, with its director, its goods and requests about them. */
import * as Effect from "effect/Effect"
import { TestDatabase } from "../support/TestDatabase.ts"
import { call, insertPerson, insertShop } from "../support/TestPeople.ts"
import { insertProduct, insertSale } from "../support/TestProducts.ts"
import { TestService } from "../support/TestService.ts"

export const world = Effect.gen(function* () {
  const { url } = yield* TestService
  const { witness } = yield* TestDatabase
  const director = yield* insertShop(witness)
  const { shopId } = director
  const ask = (method: string, path: string, options: Parameters<typeof call>[3] = {}) =>
    call(url, method, `/products${path}`, options)
  return {
    witness,
    shopId,
    director,
    insert: (product: Omit<Parameters<typeof insertProduct>[1], "shopId"> = {}) =>
      Effect.promise(() => insertProduct(witness, { shopId, ...product })),
    sell: (quantities: Readonly<Record<number, number>>, sale: object = {}) =>
      Effect.promise(() =>
        insertSale(witness, {
          shopId,
          quantities: new Map(Object.entries(quantities).map(([id, quantity]) => [Number(id), quantity])),
          ...sale,
        }),
      ),
    colleague: (role: string) => insertPerson(witness, { role, shopId }),
    /** As anybody. */
    look: (path: string) => ask("GET", path),
    /** As the director of the shop. */
    act: (method: string, path: string, body?: unknown) => ask(method, path, { token: director.token, body }),
    ask,
    connectBitrix: Effect.promise(
      () => witness`INSERT INTO outbox_route (shop_id, target) VALUES (${shopId}, 'bitrix')`,
    ),
    /** What was recorded for Bitrix, oldest first. */
    facts: Effect.promise(
      () => witness`
        SELECT aggregate_type, aggregate_id, payload, before, state, generation
        FROM outbox
        WHERE shop_id = ${shopId} AND target = 'bitrix'
        ORDER BY id`,
    ),
    block: Effect.promise(() => witness`UPDATE shop SET is_active = false WHERE id = ${shopId}`),
  }
})

export const idsOf = (body: ReadonlyArray<{ readonly id: number }>): Array<number> => body.map(({ id }) => id)
