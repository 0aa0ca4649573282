/**
 * Opens an account of a director and a shop of their own, both or neither.
 *
 * The shop gets its number first, because the rows of both are written in the tenant of that shop. Of two who register
 * one phone at the same time the second waits for the first and is refused. Registrations are limited by address,
 * whether they succeed or not: a refusal tells that a phone has an account.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type { AttemptsTooMany } from "../auth/AccountFault.ts"
import { FailedAttempts } from "../auth/FailedAttempts.ts"
import { PasswordHasher } from "../auth/PasswordHasher.ts"
import type { User } from "../auth/User.ts"
import { PhoneTaken } from "../auth/User.ts"
import { Users } from "../auth/Users.ts"
import type { CallerFacts } from "../platform/Caller.ts"
import { Caller } from "../platform/Caller.ts"
import { Db, refuse } from "../platform/Db.ts"
import { currentTrace } from "../platform/Outbox.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { Overloaded } from "../shared/Overloaded.ts"
import type { Phone } from "../shared/Phone.ts"
import type { ShopId } from "../shared/ShopId.ts"
import { Milestones } from "./Milestones.ts"
import { DEFAULT_NAME } from "./Shop.ts"
import { ShopNotifications } from "./ShopNotifications.ts"
import { ShopsRepo } from "./ShopsRepo.ts"

interface Registrant {
  readonly name: string
  readonly phone: Phone
  readonly password: Redacted.Redacted
  readonly caller: CallerFacts
}

export class Registration extends Context.Service<
  Registration,
  {
    readonly register: (
      registrant: Registrant,
    ) => Effect.Effect<User, PhoneTaken | AttemptsTooMany | Overloaded | DatabaseUnavailable>
  }
>()("cvety/shops/Registration") {
  static readonly layerNoDeps = Layer.effect(
    Registration,
    Effect.gen(function* () {
      const db = yield* Db
      const shops = yield* ShopsRepo
      const users = yield* Users
      const milestones = yield* Milestones
      const notifications = yield* ShopNotifications
      const hasher = yield* PasswordHasher
      const attempts = yield* FailedAttempts

      const allocate = db.transactThrough("across_shops", {
        read: [shops.nextId()],
        write: ([[next]]) => ({ queries: [], answer: next?.id }),
      })

      const open = Effect.fnUntraced(function* (
        shopId: ShopId,
        { name, phone, passwordHash }: Pick<Registrant, "name" | "phone"> & { passwordHash: string },
      ) {
        const traceParent = yield* currentTrace
        const director = {
          name,
          phone,
          role: "DIRECTOR",
          shopId,
          isSuperadmin: false,
          invitedBy: null,
          passwordHash,
        } as const
        return yield* db.transact({
          read: [users.insert(director), users.findAccountByPhone(phone)],
          write: ([[inserted], [account]]) => {
            if (inserted === undefined || account === undefined) {
              return refuse(new PhoneTaken())
            }
            const shop = {
              id: shopId,
              name: DEFAULT_NAME,
              city: null,
              address: null,
              created_at: account.created_at,
            }
            return {
              queries: [
                shops.insert({ id: shopId, name: DEFAULT_NAME, ownerId: inserted.id, phone }),
                milestones.begin(shopId),
                notifications.registered({
                  shop,
                  owner: { name, phone },
                  at: account.created_at,
                  traceParent,
                }),
              ],
              answer: account,
            }
          },
        })
      })

      const register: Registration["Service"]["register"] = Effect.fn("Registration.register")(function* ({
        name,
        phone,
        password,
        caller,
      }) {
        if (caller.address !== null) {
          yield* attempts.count([{ kind: "registration.address", subject: caller.address }])
        }
        const passwordHash = yield* hasher.hash(password)
        const shopId = yield* allocate
        if (shopId === undefined) return yield* Effect.die(new Error("a sequence gave no number"))
        return yield* open(shopId, { name, phone, passwordHash }).pipe(
          Effect.provideService(TenantContext, { shopId }),
          Effect.provideService(Caller, caller),
        )
      })

      return { register }
    }),
  )

  static readonly layer = Registration.layerNoDeps.pipe(
    Layer.provide([ShopsRepo.layer, Users.layer, Milestones.layer, ShopNotifications.layer]),
  )
}
