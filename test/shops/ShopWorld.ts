/** Shops of their own for every test, and requests to the service in the name of their people. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type postgres from "postgres"
import * as RawHttp from "../support/RawHttp.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { TestService } from "../support/TestService.ts"
import * as TestToken from "../support/TestToken.ts"

export interface Made {
  readonly id: number
  readonly directorId: number
  readonly phone: string
}

export class ShopWorld extends Context.Service<
  ShopWorld,
  {
    readonly witness: postgres.Sql
    /** A shop with its director. Columns of the shop as given, otherwise as a registration leaves them. */
    readonly makeShop: (changes?: Readonly<Record<string, unknown>>) => Effect.Effect<Made>
    readonly tokenOf: (shop: Made, role?: string) => Effect.Effect<string>
    /** Without a body when none is given, without a token when none is given. */
    readonly call: (
      method: "GET" | "PUT" | "POST",
      path: string,
      options?: { readonly token?: string; readonly body?: unknown },
    ) => Effect.Effect<RawHttp.Received>
    readonly noticesOf: (shopId: number) => Effect.Effect<ReadonlyArray<Notice>>
  }
>()("cvety/test/ShopWorld") {
  static readonly layer = Layer.effect(
    ShopWorld,
    Effect.gen(function* () {
      const { url } = yield* TestService
      const { witness } = yield* TestDatabase
      const http = yield* RawHttp.make(url, 8)
      let last = 30_000

      const insertUser = (sql: postgres.ISql, id: number, shopId: number, role: string) => sql`
        INSERT INTO "user" (id, name, phone, role, shop_id, password_hash)
        VALUES (${id}, 'Айгерим <b>&', ${phoneOf(id)}, ${role}, ${shopId}, '!')`

      const makeShop = (changes: Readonly<Record<string, unknown>> = {}) =>
        Effect.promise(async () => {
          last += 1
          const id = last
          await witness.begin(async (sql) => {
            await insertUser(sql, id, id, "DIRECTOR")
            await sql`INSERT INTO shop ${sql({ id, owner_id: id, ...changes } as never)}`
          })
          return { id, directorId: id, phone: phoneOf(id) }
        })

      const tokenOf = Effect.fnUntraced(function* (shop: Made, role = "DIRECTOR") {
        let id = shop.directorId
        if (role !== "DIRECTOR") {
          last += 1
          id = last
          yield* Effect.promise(async () => insertUser(witness, id, shop.id, role))
        }
        return yield* TestToken.sign({ sub: String(id), user_id: id, role, shop_id: shop.id })
      })

      return {
        witness,
        makeShop,
        tokenOf,
        call: (method, path, { token, body } = {}) =>
          http.send({
            method,
            path,
            headers: {
              ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
              ...(body === undefined ? {} : { "content-type": "application/json" }),
            },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          }),
        noticesOf: (shopId) =>
          Effect.promise(
            () => witness<Array<Notice>>`
              SELECT payload ->> 'event' AS event, payload ->> 'text' AS text, payload, target, state
              FROM outbox
              WHERE shop_id = ${shopId}
              ORDER BY id`,
          ),
      }
    }),
  ).pipe(Layer.provideMerge(TestService.layerWith({ FRONTEND_ADMIN_URL: "https://admin.example/" })))
}

export interface Notice {
  readonly event: string
  readonly text: string
  readonly payload: Record<string, unknown>
  readonly target: string
  readonly state: string
}

export const phoneOf = (id: number): string => `+77000${String(id).padStart(6, "0")}`

/** What Telegram would refuse: a `<` or `&` that begins no tag and no entity of its own. */
export const bareMarkup = /<(?!\/?(?:b|a)[ >])|&(?!(?:amp|lt|gt|quot);)/
