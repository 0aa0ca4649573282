/** A shop of its own, and an operator of the platform who calls. */
import * as Effect from "effect/Effect"
import { TestDatabase } from "./TestDatabase.ts"
import { call, insertPerson, insertShop } from "./TestPeople.ts"
import { TestService } from "./TestService.ts"

export const superadminWorld = Effect.gen(function* () {
  const { url } = yield* TestService
  const { witness } = yield* TestDatabase
  const director = yield* insertShop(witness)
  const superadmin = yield* insertPerson(witness, {
    role: "SUPERADMIN",
    shopId: null,
    isSuperadmin: true,
  })
  const ask = (method: string, path: string, body?: unknown) =>
    call(url, method, `/superadmin${path}`, { token: superadmin.token, body })
  return { url, witness, director, shopId: director.shopId, superadmin, ask }
})
