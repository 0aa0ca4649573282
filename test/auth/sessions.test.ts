import { assert, layer } from "@effect/vitest"
import * as argon2 from "@node-rs/argon2"
import * as Effect from "effect/Effect"
import { TestDatabase } from "../support/TestDatabase.ts"
import { ask, logIn, TRUSTING } from "../support/TestLogin.ts"
import { insertPerson, insertShop } from "../support/TestPeople.ts"
import { SHOP_ID, TestService } from "../support/TestService.ts"
import * as TestToken from "../support/TestToken.ts"

const PASSWORD = "верный пароль"
const ENDED = { detail: "Could not validate credentials" }

const person = Effect.fnUntraced(function* (role = "MANAGER") {
  const { witness } = yield* TestDatabase
  const { url } = yield* TestService
  const passwordHash = yield* Effect.promise(() => argon2.hash(PASSWORD))
  const inserted = yield* insertPerson(witness, { role, passwordHash })
  const session = Effect.map(logIn(url, inserted.phone, PASSWORD), ({ body }) => String(body.access_token))
  const { id, phone } = inserted
  // As the old service made them: no version and no id.
  const legacy = yield* TestToken.sign({ sub: String(id), user_id: id, phone, role, shop_id: SHOP_ID })
  return { ...inserted, session, legacy }
})

const statusOf = (token: string, path = "/auth/me") =>
  Effect.gen(function* () {
    const { url } = yield* TestService
    const { status, body, headers } = yield* ask(url, "GET", path, { token })
    if (status === 401) {
      assert.deepStrictEqual(body, ENDED)
      assert.strictEqual(headers.get("www-authenticate"), "Bearer")
    }
    return status
  })

layer(TestService.layerWith(TRUSTING), { excludeTestServices: true })("a session", (it) => {
  it.effect("says that it is valid and whose it is", () =>
    Effect.gen(function* () {
      const { url } = yield* TestService
      const { id, session, legacy } = yield* person()
      for (const token of [yield* session, legacy]) {
        const { status, body } = yield* ask(url, "GET", "/auth/verify-token", { token })
        assert.deepStrictEqual(
          [status, body.valid, body.message, body.user?.id],
          [200, true, "Token is valid", id],
        )
      }
    }),
  )

  it.effect("is refreshed by a new token, and the old one lives on", () =>
    Effect.gen(function* () {
      const { url } = yield* TestService
      const { session } = yield* person()
      const token = yield* session
      const { status, body } = yield* ask(url, "POST", "/auth/refresh", { token })
      assert.deepStrictEqual([status, body.token_type], [200, "bearer"])
      assert.notStrictEqual(body.access_token, token)
      assert.deepStrictEqual([yield* statusOf(token), yield* statusOf(body.access_token)], [200, 200])
    }),
  )

  it.effect("ends when it logs out, and no other session of the account with it", () =>
    Effect.gen(function* () {
      const { url } = yield* TestService
      const { session, legacy } = yield* person()
      const tokens = [yield* session, yield* session, legacy] as const
      const out = yield* ask(url, "POST", "/auth/logout", { token: tokens[0] })
      assert.deepStrictEqual(
        [out.status, out.body],
        [200, { message: "Successfully logged out", detail: "The token is no longer valid" }],
      )
      assert.deepStrictEqual(yield* Effect.forEach(tokens, (token) => statusOf(token)), [401, 200, 200])
      assert.strictEqual(yield* statusOf(tokens[0], "/auth/users"), 401)
      yield* ask(url, "POST", "/auth/logout", { token: legacy })
      assert.deepStrictEqual(yield* Effect.forEach(tokens, (token) => statusOf(token)), [401, 200, 401])
    }),
  )

  it.effect("of the old service that logged out stays over, however its signature is spelled", () =>
    Effect.gen(function* () {
      const { url } = yield* TestService
      const { legacy } = yield* person()
      // Four last characters stand for the same bytes, and one sign of padding may follow.
      const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
      const last = alphabet.indexOf(legacy.slice(-1))
      const spellings = [
        ...Array.from({ length: 4 }, (_, bits) => legacy.slice(0, -1) + alphabet[(last & ~3) | bits]),
        `${legacy}=`,
      ]
      assert.strictEqual(yield* statusOf(legacy), 200)
      assert.strictEqual((yield* ask(url, "POST", "/auth/logout", { token: legacy })).status, 200)
      for (const token of spellings) {
        for (const path of ["/auth/me", "/auth/users"]) {
          assert.strictEqual(yield* statusOf(token, path), 401, token.slice(-3))
        }
      }
    }),
  )

  it.effect("ends with all others of the account when it logs out everywhere", () =>
    Effect.gen(function* () {
      const { url } = yield* TestService
      const { session, legacy } = yield* person()
      const other = yield* person()
      const tokens = [yield* session, yield* session, legacy, other.token]
      const out = yield* ask(url, "POST", "/auth/logout?everywhere=true", { token: tokens[0] })
      assert.strictEqual(out.status, 200)
      for (const path of ["/auth/me", "/auth/users"]) {
        const statuses = yield* Effect.forEach(tokens, (token) => statusOf(token, path))
        assert.deepStrictEqual(statuses, [401, 401, 401, 200], path)
      }
      assert.strictEqual(yield* statusOf(yield* session), 200)
    }),
  )

  for (const way of ["query", "body"] as const) {
    it.effect(`changes the password by its ${way}: all others end, its answer has a new token`, () =>
      Effect.gen(function* () {
        const { url } = yield* TestService
        const { phone, session, legacy } = yield* person()
        const tokens = [yield* session, yield* session, legacy]
        const given = { current_password: PASSWORD, new_password: "новый & пароль" }
        const { status, body } = yield* ask(
          url,
          "PUT",
          way === "query" ? `/auth/change-password?${new URLSearchParams(given)}` : "/auth/change-password",
          { token: tokens[0], ...(way === "body" ? { body: given } : {}) },
        )
        assert.deepStrictEqual([status, body.message], [200, "Password changed successfully"])
        const after = yield* Effect.forEach([...tokens, body.access_token], (token) => statusOf(token))
        assert.deepStrictEqual(after, [401, 401, 401, 200])
        assert.strictEqual((yield* logIn(url, phone, PASSWORD)).status, 401)
        assert.strictEqual((yield* logIn(url, phone, given.new_password)).status, 200)
      }),
    )
  }

  it.effect("keeps its password when the current one is wrong or the new one short, five times at most", () =>
    Effect.gen(function* () {
      const { url } = yield* TestService
      const { token } = yield* person()
      const change = (current_password: string, new_password: string) =>
        Effect.map(
          ask(url, "PUT", "/auth/change-password", { token, body: { current_password, new_password } }),
          ({ status, body }) => [status, body.detail],
        )
      assert.deepStrictEqual(yield* change(PASSWORD, "12345"), [
        400,
        "New password must be at least 6 characters long",
      ])
      for (let i = 0; i < 5; i++) {
        assert.deepStrictEqual(yield* change("wrong", "123456"), [400, "Current password is incorrect"])
      }
      assert.deepStrictEqual(yield* change(PASSWORD, "123456"), [429, "Too many attempts, try again later"])
      assert.strictEqual(yield* statusOf(token), 200)
    }),
  )

  it.effect("is told which password is missing, and no attempt is counted for it", () =>
    Effect.gen(function* () {
      const { url } = yield* TestService
      const { token } = yield* person()
      const change = (query: string, body?: object) =>
        Effect.map(
          ask(url, "PUT", `/auth/change-password${query}`, {
            token,
            ...(body === undefined ? {} : { body }),
          }),
          ({ status, body }) => [status, body.detail?.[0]?.loc?.[1], body.detail?.[0]?.msg],
        )
      for (let i = 0; i < 6; i++) {
        assert.deepStrictEqual(yield* change("?new_password=123456"), [
          422,
          "current_password",
          "Field required",
        ])
      }
      assert.deepStrictEqual(yield* change("", { current_password: PASSWORD }), [
        422,
        "new_password",
        "Field required",
      ])
      const changed = yield* change("?current_password=wrong", {
        current_password: PASSWORD,
        new_password: "battery staple",
      })
      assert.strictEqual(changed[0], 200, "the body counts")
    }),
  )

  it.effect("of a user who was blocked is refused from the next request on", () =>
    Effect.gen(function* () {
      const { witness } = yield* TestDatabase
      const { id, token } = yield* person()
      const paths = ["/auth/me", "/auth/users", "/orders/789"]
      assert.deepStrictEqual(yield* Effect.forEach(paths, (path) => statusOf(token, path)), [200, 200, 200])
      yield* Effect.promise(() => witness`UPDATE "user" SET is_active = false WHERE id = ${id}`)
      assert.deepStrictEqual(yield* Effect.forEach(paths, (path) => statusOf(token, path)), [401, 401, 401])
    }),
  )

  it.effect("of the staff of a blocked shop is told so", () =>
    Effect.gen(function* () {
      const { url } = yield* TestService
      const { witness } = yield* TestDatabase
      const { shopId, token } = yield* insertShop(witness)
      assert.strictEqual(yield* statusOf(token, "/auth/users"), 200)
      yield* Effect.promise(() => witness`UPDATE shop SET is_active = false WHERE id = ${shopId}`)
      for (const path of ["/auth/me", "/auth/users", "/orders/789"]) {
        const { status, body } = yield* ask(url, "GET", path, { token })
        assert.deepStrictEqual([status, body], [403, { detail: "Shop is blocked" }], path)
      }
    }),
  )

  it.effect("of a role that was changed is refused in the shop until it is refreshed", () =>
    Effect.gen(function* () {
      const { url } = yield* TestService
      const { witness } = yield* TestDatabase
      const { id, token } = yield* person()
      yield* Effect.promise(() => witness`UPDATE "user" SET role = 'FLORIST' WHERE id = ${id}`)
      assert.strictEqual(yield* statusOf(token, "/auth/users"), 401)
      const { body } = yield* ask(url, "POST", "/auth/refresh", { token })
      assert.strictEqual(yield* statusOf(body.access_token, "/auth/users"), 200)
    }),
  )

  it.effect("is refused when its token is forged or makes no sense", () =>
    Effect.gen(function* () {
      const { id, phone } = yield* person()
      const own = { sub: String(id), user_id: id, phone, role: "MANAGER" }
      const valid = yield* TestToken.sign(own)
      const [header = "", payload = "", signature = ""] = valid.split(".")
      const director = TestToken.forge({}, { ...own, role: "DIRECTOR" }).split(".")[1]
      const tokens = {
        "wrong key": yield* TestToken.sign(own, { key: "another-signing-key-of-32-characters" }),
        "alg none": TestToken.forge({ alg: "none" }, own),
        "swapped alg": `${Buffer.from(JSON.stringify({ alg: "HS512" })).toString("base64url")}.${payload}.${signature}`,
        HS512: yield* TestToken.sign(own, { algorithm: "HS512" }),
        expired: yield* TestToken.sign(own, { expires: Math.floor(Date.now() / 1e3) - 1 }),
        "no end": yield* TestToken.sign(own, { expires: null }),
        "other payload": `${header}.${director}.${signature}`,
        "sub no number": yield* TestToken.sign({ ...own, sub: "admin" }),
        "sub empty": yield* TestToken.sign({ ...own, sub: "" }),
        "sub of nobody": yield* TestToken.sign({ ...own, sub: "2147483647" }),
        "version ahead": yield* TestToken.sign({ ...own, ver: 1 }),
      }
      assert.strictEqual(yield* statusOf(valid), 200)
      for (const [name, token] of Object.entries(tokens)) {
        for (const path of ["/auth/me", "/auth/users"]) {
          assert.strictEqual(yield* statusOf(token, path), 401, `${name} ${path}`)
        }
      }
    }),
  )
})
