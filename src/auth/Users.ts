/** What other domains may do with accounts, as parts of their own transactions. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { UsersRepo } from "./UsersRepo.ts"

export class Users extends Context.Service<
  Users,
  Pick<UsersRepo["Service"], "create" | "findAccountByPhone" | "insert" | "savePassword">
>()("cvety/auth/Users") {
  static readonly layerNoDeps = Layer.effect(
    Users,
    Effect.map(UsersRepo, ({ create, findAccountByPhone, insert, savePassword }) => ({
      create,
      findAccountByPhone,
      insert,
      savePassword,
    })),
  )

  static readonly layer = Users.layerNoDeps.pipe(Layer.provide(UsersRepo.layer))
}
