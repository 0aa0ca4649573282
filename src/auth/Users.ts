/** Accounts as parts of others' work: what access asks of them, and what other domains do in their own transactions. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { UsersRepo } from "./UsersRepo.ts"

export class Users extends Context.Service<
  Users,
  Pick<
    UsersRepo["Service"],
    "create" | "findAccountByPhone" | "findAccountOfSession" | "guard" | "insert" | "savePassword"
  >
>()("cvety/auth/Users") {
  static readonly layerNoDeps = Layer.effect(
    Users,
    Effect.map(
      UsersRepo,
      ({ create, findAccountByPhone, findAccountOfSession, guard, insert, savePassword }) => ({
        create,
        findAccountByPhone,
        findAccountOfSession,
        guard,
        insert,
        savePassword,
      }),
    ),
  )

  static readonly layer = Users.layerNoDeps.pipe(Layer.provide(UsersRepo.layer))
}
