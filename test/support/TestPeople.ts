/** People of a shop put into the database by the witness, each with a phone that no other test uses, and their tokens. */
import * as Effect from "effect/Effect"
import type postgres from "postgres"
import type { Answer } from "./TestService.ts"
import { SHOP_ID } from "./TestService.ts"
import * as TestToken from "./TestToken.ts"

let lastId = 700_000

export interface TestPerson {
  readonly id: number
  readonly phone: string
  readonly shopId: number | null
  readonly token: string
}

export const nextPhone = (): string => `+7701${String(++lastId).padStart(7, "0")}`

export const insertPerson = (
  witness: postgres.ISql,
  person: {
    readonly id?: number
    readonly role: string
    readonly shopId?: number | null
    readonly isActive?: boolean
    readonly isSuperadmin?: boolean
    readonly passwordHash?: string
    readonly name?: string
  },
): Effect.Effect<TestPerson> =>
  Effect.gen(function* () {
    const id = person.id ?? ++lastId
    const phone = `+7702${String(id).padStart(7, "0")}`
    const shopId = person.shopId === undefined ? SHOP_ID : person.shopId
    yield* Effect.promise(
      () => witness`
        INSERT INTO "user" (id, name, phone, role, shop_id, is_active, is_superadmin, password_hash)
        VALUES (${id}, ${person.name ?? "Сотрудник"}, ${phone}, ${person.role}, ${shopId}, ${person.isActive ?? true},
                ${person.isSuperadmin ?? false}, ${person.passwordHash ?? "!"})`,
    )
    const token = yield* TestToken.sign({
      sub: String(id),
      user_id: id,
      phone,
      role: person.role,
      shop_id: shopId,
      ver: 0,
      jti: `test-${id}`,
    })
    return { id, phone, shopId, token }
  })

/** A shop with its director. */
export const insertShop = (witness: postgres.Sql): Effect.Effect<TestPerson & { readonly shopId: number }> =>
  Effect.gen(function* () {
    const shopId = ++lastId
    const ownerId = ++lastId
    const director = yield* Effect.promise(() =>
      witness.begin(async (transaction) => {
        await transaction`
          INSERT INTO shop (id, name, owner_id) VALUES (${shopId}, ${`Магазин ${shopId}`}, ${ownerId})`
        return Effect.runPromise(insertPerson(transaction, { id: ownerId, role: "DIRECTOR", shopId }))
      }),
    )
    return { ...director, shopId }
  })

/** One request of an API client, and how long its answer took. A text as body is sent as it is. */
export const call = (
  url: string,
  method: string,
  path: string,
  options: {
    readonly token?: string | undefined
    readonly body?: unknown
    readonly headers?: Readonly<Record<string, string>>
  } = {},
): Effect.Effect<Answer & { readonly elapsedMs: number }> =>
  Effect.promise(async () => {
    const { token, body, headers } = options
    const startMs = performance.now()
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    })
    const answer = await response.json()
    const elapsedMs = performance.now() - startMs
    return { status: response.status, headers: response.headers, body: answer, elapsedMs }
  })
