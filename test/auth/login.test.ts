import { assert, layer } from "@effect/vitest"
import * as argon2 from "@node-rs/argon2"
import * as bcrypt from "@node-rs/bcrypt"
import * as Effect from "effect/Effect"
import { decodeJwt } from "jose"
import { TestDatabase } from "../support/TestDatabase.ts"
import { ask, logIn, nextAddress, TRUSTING } from "../support/TestLogin.ts"
import { insertPerson, insertShop, nextPhone } from "../support/TestPeople.ts"
import { SHOP_ID, TestService } from "../support/TestService.ts"

const PASSWORD = "верный пароль"
const REFUSED = { detail: "Incorrect phone number or password" }
const WINDOW_MINUTES = 15

const personWith = Effect.fnUntraced(function* (hash: Promise<string>, isActive = true) {
  const { witness } = yield* TestDatabase
  const passwordHash = yield* Effect.promise(() => hash)
  return yield* insertPerson(witness, { role: "MANAGER", isActive, passwordHash })
})
const person = () => personWith(argon2.hash(PASSWORD))

const hashOf = Effect.fnUntraced(function* (id: number) {
  const { witness } = yield* TestDatabase
  const [row] = yield* Effect.promise(() => witness`SELECT password_hash FROM "user" WHERE id = ${id}`)
  return String(row?.["password_hash"])
})

layer(TestService.layerWith(TRUSTING), { excludeTestServices: true, concurrent: true })("a login", (it) => {
  it.effect("answers a token for seven days and the user, without the shop and the hash", () =>
    Effect.gen(function* () {
      const { url } = yield* TestService
      const { id, phone } = yield* person()
      const { status, body } = yield* logIn(url, phone, PASSWORD)
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(Object.keys(body).sort(), ["access_token", "token_type", "user"])
      assert.strictEqual(body.token_type, "bearer")
      assert.deepStrictEqual(Object.keys(body.user).sort(), [
        "created_at",
        "id",
        "invited_by",
        "is_active",
        "is_superadmin",
        "name",
        "phone",
        "role",
        "updated_at",
      ])
      assert.deepInclude(body.user, { id, phone, role: "MANAGER", is_active: true, invited_by: null })
      const claims = decodeJwt(body.access_token)
      assert.deepInclude(claims, {
        sub: String(id),
        user_id: id,
        phone,
        role: "MANAGER",
        shop_id: SHOP_ID,
        ver: 0,
      })
      assert.strictEqual((claims.exp ?? 0) - (claims.iat ?? 0), 7 * 86_400)
      const me = yield* ask(url, "GET", "/auth/me", { token: body.access_token })
      assert.deepStrictEqual([me.status, me.body], [200, body.user])
    }),
  )

  it.effect("takes the phone in every usual spelling", () =>
    Effect.gen(function* () {
      const { url } = yield* TestService
      const { phone } = yield* person()
      const digits = phone.slice(2)
      for (const spelling of [
        `+7${digits}`,
        `7${digits}`,
        `8${digits}`,
        digits,
        `+7 (${digits.slice(0, 3)}) ${digits.slice(3, 6)}-${digits.slice(6)}`,
      ]) {
        assert.strictEqual((yield* logIn(url, spelling, PASSWORD)).status, 200, spelling)
      }
    }),
  )

  it.effect("with a phone that is none is refused like any wrong one", () =>
    Effect.gen(function* () {
      const { url } = yield* TestService
      yield* Effect.forEach(
        ["", "123", "abc", "+12025550100", "\u0000", "🌷"],
        (phone) =>
          Effect.map(logIn(url, phone, PASSWORD), ({ status, body }) =>
            assert.deepStrictEqual([status, body], [401, REFUSED], phone),
          ),
        { concurrency: "unbounded" },
      )
    }),
  )

  it.effect("with a form answers the same, for the page of the documentation", () =>
    Effect.gen(function* () {
      const { url } = yield* TestService
      const { id, phone } = yield* person()
      const send = (password: string) =>
        ask(url, "POST", "/auth/token", {
          body: String(new URLSearchParams({ username: phone, password, grant_type: "password" })),
          headers: { "content-type": "application/x-www-form-urlencoded" },
        })
      const { status, body } = yield* send(PASSWORD)
      assert.deepStrictEqual([status, body.token_type, body.user?.id], [200, "bearer", id])
      const wrong = yield* send("wrong")
      assert.deepStrictEqual([wrong.status, wrong.body], [401, REFUSED])
    }),
  )

  for (const variant of ["2a", "2b", "2y"] as const) {
    it.effect(`verifies a $${variant}$ hash of the old service and replaces it by argon2id`, () =>
      Effect.gen(function* () {
        const { url } = yield* TestService
        const old = bcrypt.hash(PASSWORD, { cost: 5 }).then((hash) => `$${variant}$${hash.slice(4)}`)
        const { id, phone, token } = yield* personWith(old)
        assert.strictEqual((yield* logIn(url, phone, "wrong")).status, 401)
        assert.match(yield* hashOf(id), /^\$2/)
        assert.strictEqual((yield* logIn(url, phone, PASSWORD)).status, 200)
        assert.match(yield* hashOf(id), /^\$argon2id\$/)
        assert.strictEqual((yield* logIn(url, phone, PASSWORD)).status, 200)
        assert.strictEqual((yield* logIn(url, phone, "wrong")).status, 401)
        assert.strictEqual((yield* ask(url, "GET", "/auth/me", { token })).status, 200)
      }),
    )
  }

  it.effect("of the staff of a blocked shop says so, to who knows the password", () =>
    Effect.gen(function* () {
      const { url } = yield* TestService
      const { witness } = yield* TestDatabase
      const { shopId } = yield* insertShop(witness)
      const passwordHash = yield* Effect.promise(() => argon2.hash(PASSWORD))
      const { phone } = yield* insertPerson(witness, { role: "FLORIST", shopId, passwordHash })
      yield* Effect.promise(() => witness`UPDATE shop SET is_active = false WHERE id = ${shopId}`)
      const right = yield* logIn(url, phone, PASSWORD)
      assert.deepStrictEqual([right.status, right.body], [403, { detail: "Shop is blocked" }])
      const wrong = yield* logIn(url, phone, "wrong")
      assert.deepStrictEqual([wrong.status, wrong.body], [401, REFUSED])
    }),
  )
})

// What is measured shares its node with nobody.
layer(TestService.layerWith(TRUSTING), { excludeTestServices: true })("a login", (it) => {
  it.effect(
    "that fails tells neither by its text nor by its time why",
    () =>
      Effect.gen(function* () {
        const { url } = yield* TestService
        const cases = {
          unknown: () => Effect.succeed({ phone: nextPhone() }),
          argon2: person,
          bcrypt: () => personWith(bcrypt.hash(PASSWORD, { cost: 12 })),
          blocked: () => personWith(argon2.hash(PASSWORD), false),
        }
        // The quickest of each: what a busy machine adds is nobody's secret.
        const quickest: Array<number> = []
        for (const [name, make] of Object.entries(cases)) {
          const elapsed: Array<number> = []
          const { phone } = yield* make()
          for (let i = 0; i < 4; i++) {
            const password = name === "blocked" ? PASSWORD : "wrong"
            const { status, body, elapsedMs } = yield* logIn(url, phone, password)
            assert.deepStrictEqual([status, body], [401, REFUSED], name)
            elapsed.push(elapsedMs)
          }
          quickest.push(Math.min(...elapsed))
        }
        assert.isBelow(Math.max(...quickest) - Math.min(...quickest), 60, String(quickest))
      }),
    60_000,
  )
})

layer(TestService.layerWith(TRUSTING), { excludeTestServices: true, concurrent: true })(
  "the limit of logins",
  (it) => {
    it.effect("closes a phone after five failures from anywhere, but no session that is open", () =>
      Effect.gen(function* () {
        const { url } = yield* TestService
        const { phone, token } = yield* person()
        for (let i = 0; i < 5; i++) assert.strictEqual((yield* logIn(url, phone, "wrong")).status, 401)
        for (const password of ["wrong", PASSWORD]) {
          const { status, body, headers } = yield* logIn(url, phone, password)
          assert.deepStrictEqual([status, body], [429, { detail: "Too many attempts, try again later" }])
          const seconds = Number(headers.get("retry-after"))
          assert.isTrue(
            seconds > (WINDOW_MINUTES - 1) * 60 && seconds <= WINDOW_MINUTES * 60,
            String(seconds),
          )
        }
        assert.strictEqual((yield* ask(url, "GET", "/auth/me", { token })).status, 200)
        assert.strictEqual((yield* ask(url, "POST", "/auth/refresh", { token })).status, 200)
      }),
    )

    it.effect("closes an address after five failures with any phones, and no other address", () =>
      Effect.gen(function* () {
        const { url } = yield* TestService
        const { phone } = yield* person()
        const from = nextAddress()
        for (let i = 0; i < 5; i++) {
          assert.strictEqual((yield* logIn(url, nextPhone(), "wrong", from)).status, 401)
        }
        assert.strictEqual((yield* logIn(url, phone, PASSWORD, from)).status, 429)
        assert.strictEqual((yield* logIn(url, phone, PASSWORD)).status, 200)
      }),
    )

    it.effect("forgets the failures of a phone when it logs in, those of the address never", () =>
      Effect.gen(function* () {
        const { url } = yield* TestService
        const { phone } = yield* person()
        const from = nextAddress()
        for (let i = 0; i < 4; i++) yield* logIn(url, phone, "wrong", from)
        assert.strictEqual((yield* logIn(url, phone, PASSWORD, from)).status, 200)
        for (let i = 0; i < 4; i++) assert.strictEqual((yield* logIn(url, phone, "wrong")).status, 401)
        assert.strictEqual((yield* logIn(url, nextPhone(), "wrong", from)).status, 401)
        assert.strictEqual((yield* logIn(url, nextPhone(), "wrong", from)).status, 429)
      }),
    )
  },
)

// These count the attempts of everybody, and keep everybody waiting.
layer(TestService.layerWith(TRUSTING), { excludeTestServices: true })("the limit of logins", (it) => {
  it.effect("slides: each failure counts for a quarter of an hour and no longer", () =>
    Effect.gen(function* () {
      const { url } = yield* TestService
      const { witness } = yield* TestDatabase
      const { phone } = yield* person()
      yield* Effect.promise(() => witness`DELETE FROM failed_attempt`)
      for (let i = 0; i < 5; i++) yield* logIn(url, phone, "wrong")
      assert.strictEqual((yield* logIn(url, phone, PASSWORD)).status, 429)
      // The first of the five is over, the other four are not.
      yield* Effect.promise(
        () => witness`
          UPDATE failed_attempt
          SET failed_at[1] = failed_at[1] - make_interval(mins => ${WINDOW_MINUTES}::integer)
          WHERE cardinality(failed_at) = 5`,
      )
      assert.strictEqual((yield* logIn(url, phone, "wrong")).status, 401)
      assert.strictEqual((yield* logIn(url, phone, PASSWORD)).status, 429)
    }),
  )

  it.effect(
    "lets nobody learn more by asking a hundred times at once",
    () =>
      Effect.gen(function* () {
        const { url } = yield* TestService
        const { phone, token } = yield* person()
        const answers = yield* Effect.all(
          Array.from({ length: 100 }, () => logIn(url, phone, "wrong")),
          { concurrency: 100 },
        )
        const statuses = answers.map(({ status }) => status)
        assert.isAtMost(statuses.filter((status) => status === 401).length, 5)
        // Who comes when too many passwords wait to be hashed is sent away without a look at theirs.
        assert.deepStrictEqual(
          statuses.filter((status) => ![401, 429, 503].includes(status)),
          [],
        )
        assert.strictEqual((yield* logIn(url, phone, PASSWORD)).status, 429)
        assert.strictEqual((yield* ask(url, "GET", "/auth/me", { token })).status, 200)
      }),
    60_000,
  )
})
