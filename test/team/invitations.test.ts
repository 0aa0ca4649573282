import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestDatabase } from "../support/TestDatabase.ts"
import { call, insertPerson, insertShop, nextPhone } from "../support/TestPeople.ts"
import { TestService } from "../support/TestService.ts"

const PASSWORD = "a password of mine"

const world = Effect.gen(function* () {
  const { url } = yield* TestService
  const { witness } = yield* TestDatabase
  // Everybody in these tests calls from one address.
  yield* Effect.promise(() => witness`DELETE FROM failed_attempt`)
  const director = yield* insertShop(witness)
  const invite = (phone: string, role = "FLORIST", by = director) =>
    call(url, "POST", "/profile/team/invite", { token: by.token, body: { phone, name: "Новенький", role } })
  const accept = (phone: string, code: string) =>
    call(url, "POST", "/auth/accept-invitation", { body: { phone, code, password: PASSWORD } })
  return { url, witness, director, invite, accept }
})

layer(TestService.layer, { excludeTestServices: true })("an invitation", (it) => {
  it.effect("shows its code to the team, becomes an account, and the account logs in", () =>
    Effect.gen(function* () {
      const { url, director, invite, accept } = yield* world
      const phone = nextPhone()
      const invited = yield* invite(phone)
      assert.strictEqual(invited.status, 200)
      assert.match(invited.body.invitation_code, /^[0-9]{6}$/)
      assert.strictEqual(invited.body.invited_by_user.id, director.id)
      assert.strictEqual(invited.body.status, "pending")
      const listed = yield* call(url, "GET", "/profile/team/invitations", { token: director.token })
      assert.deepStrictEqual(listed.body, [invited.body])

      const accepted = yield* accept(phone.replace("+7", "8"), invited.body.invitation_code)
      assert.strictEqual(accepted.status, 200)
      assert.deepStrictEqual(Object.keys(accepted.body).toSorted(), ["access_token", "token_type", "user"])
      assert.strictEqual(accepted.body.user.role, "FLORIST")
      assert.strictEqual(accepted.body.user.invited_by, director.id)
      const me = yield* call(url, "GET", "/profile/", { token: accepted.body.access_token })
      assert.strictEqual(me.body.shop_id, director.shopId)
      const login = yield* call(url, "POST", "/auth/login", { body: { phone, password: PASSWORD } })
      assert.strictEqual(login.status, 200)
      assert.strictEqual((yield* accept(phone, invited.body.invitation_code)).status, 400)
    }),
  )

  it.effect("answers alike whatever is wrong with it", () =>
    Effect.gen(function* () {
      const { witness, director, invite, accept } = yield* world
      const wrong = { status: 400, body: { detail: "Invitation code is invalid or expired" } }
      const phone = nextPhone()
      const { body } = yield* invite(phone)
      const late = nextPhone()
      const lateCode = (yield* invite(late)).body.invitation_code
      yield* Effect.promise(
        () => witness`UPDATE team_invitation SET expires_at = now() WHERE phone = ${late}`,
      )
      for (const [given, code] of [
        [nextPhone(), "123456"],
        [phone, body.invitation_code === "100000" ? "100001" : "100000"],
        [late, lateCode],
        ["not a phone", "123456"],
      ] as const) {
        const { status, body } = yield* accept(given, code)
        assert.deepStrictEqual({ status, body }, wrong, given)
      }
      yield* Effect.promise(() => witness`UPDATE shop SET is_active = false WHERE id = ${director.shopId}`)
      const blocked = yield* accept(phone, body.invitation_code)
      assert.deepStrictEqual({ status: blocked.status, body: blocked.body }, wrong)
    }),
  )

  it.effect("is over after the fifth wrong code, and no crowd gets more answers", () =>
    Effect.gen(function* () {
      const { witness, invite, accept } = yield* world
      const patient = nextPhone()
      const fifth = (yield* invite(patient)).body.invitation_code
      for (let attempt = 0; attempt < 4; attempt++)
        yield* accept(patient, fifth === "100000" ? "100001" : "100000")
      assert.strictEqual((yield* accept(patient, fifth)).status, 200)
      yield* Effect.promise(() => witness`DELETE FROM failed_attempt`)

      const phone = nextPhone()
      const { body } = yield* invite(phone)
      const wrong = body.invitation_code === "100000" ? "100001" : "100000"
      const crowd = yield* Effect.all(
        Array.from({ length: 100 }, () => accept(phone, wrong)),
        { concurrency: "unbounded" },
      )
      assert.isAtMost(crowd.filter(({ status }) => status !== 429).length, 5)
      yield* Effect.promise(() => witness`DELETE FROM failed_attempt`)
      assert.strictEqual((yield* accept(phone, body.invitation_code)).status, 400)
    }),
  )

  it.effect("can be given anew when the last one is over by date or was cancelled, not before", () =>
    Effect.gen(function* () {
      const { url, witness, director, invite } = yield* world
      const phone = nextPhone()
      const first = yield* invite(phone)
      const again = yield* invite(phone)
      assert.deepStrictEqual(again.body, { detail: "Invitation for this phone number is already pending" })
      yield* Effect.promise(
        () => witness`UPDATE team_invitation SET expires_at = now() WHERE phone = ${phone}`,
      )
      const second = yield* invite(phone)
      assert.strictEqual(second.status, 200)
      const cancel = (id: number) =>
        call(url, "DELETE", `/profile/team/invitations/${id}`, { token: director.token })
      assert.strictEqual((yield* cancel(second.body.id)).status, 200)
      assert.strictEqual((yield* cancel(first.body.id)).status, 400)
      assert.strictEqual((yield* invite(phone)).status, 200)
      const other = yield* insertShop(witness)
      const foreign = yield* call(url, "DELETE", `/profile/team/invitations/${first.body.id}`, {
        token: other.token,
      })
      assert.deepStrictEqual(foreign.body, { detail: "Invitation not found" })
    }),
  )

  it.effect("tells of colleagues, not of accounts elsewhere", () =>
    Effect.gen(function* () {
      const { witness, director, invite, accept } = yield* world
      const colleague = yield* insertPerson(witness, { role: "FLORIST", shopId: director.shopId })
      const stranger = yield* insertShop(witness)
      assert.deepStrictEqual((yield* invite(colleague.phone)).body, {
        detail: "User with this phone number already exists",
      })
      const invited = yield* invite(stranger.phone)
      assert.strictEqual(invited.status, 200)
      const accepted = yield* accept(stranger.phone, invited.body.invitation_code)
      assert.deepStrictEqual(
        { status: accepted.status, body: accepted.body },
        { status: 400, body: { detail: "Phone number already registered" } },
      )
      const asked: Array<number> = []
      for (let attempt = 0; attempt < 6; attempt++) {
        asked.push((yield* accept(stranger.phone, invited.body.invitation_code)).status)
      }
      assert.deepStrictEqual(asked, [400, 400, 400, 400, 429, 429])
    }),
  )

  it.effect("gives no role above the inviter's, and never the platform's", () =>
    Effect.gen(function* () {
      const { witness, director, invite } = yield* world
      const manager = yield* insertPerson(witness, { role: "MANAGER", shopId: director.shopId })
      const by = { ...manager, shopId: director.shopId }
      assert.strictEqual((yield* invite(nextPhone(), "DIRECTOR", by)).status, 403)
      assert.strictEqual((yield* invite(nextPhone(), "ADMIN", by)).status, 403)
      assert.strictEqual((yield* invite(nextPhone(), "MANAGER", by)).status, 200)
      assert.strictEqual((yield* invite(nextPhone(), "SUPERADMIN")).status, 422)
    }),
  )

  it.effect("shows its code to nobody whom it would make more than they are", () =>
    Effect.gen(function* () {
      const { url, witness, director, invite } = yield* world
      const readers = {
        director,
        admin: yield* insertPerson(witness, { role: "ADMIN", shopId: director.shopId }),
        manager: yield* insertPerson(witness, { role: "MANAGER", shopId: director.shopId }),
      }
      const codes: Array<string> = []
      for (const role of ["DIRECTOR", "ADMIN", "MANAGER"])
        codes.push((yield* invite(nextPhone(), role)).body.invitation_code)
      const [ofManager, ofAdmin, ofDirector] = codes.toReversed()
      const seen = (reader: { readonly token: string }) =>
        Effect.map(call(url, "GET", "/profile/team/invitations", { token: reader.token }), ({ body }) =>
          body.map((one: { invitation_code: string }) => one.invitation_code),
        )
      const HIDDEN = "******"
      assert.deepStrictEqual(yield* seen(readers.director), [ofManager, ofAdmin, ofDirector])
      assert.deepStrictEqual(yield* seen(readers.admin), [ofManager, ofAdmin, HIDDEN])
      assert.deepStrictEqual(yield* seen(readers.manager), [ofManager, HIDDEN, HIDDEN])
    }),
  )

  it.effect("is listed as expired once its time is over", () =>
    Effect.gen(function* () {
      const { url, witness, director, invite } = yield* world
      const phone = nextPhone()
      yield* invite(phone)
      yield* invite(nextPhone())
      yield* Effect.promise(
        () => witness`UPDATE team_invitation SET expires_at = now() WHERE phone = ${phone}`,
      )
      const find = (query: string) =>
        Effect.map(
          call(url, "GET", `/profile/team/invitations${query}`, { token: director.token }),
          ({ body }) => body.map((one: { status: string }) => one.status),
        )
      assert.deepStrictEqual(yield* find(""), ["pending", "expired"])
      assert.deepStrictEqual(yield* find("?status_filter=pending"), ["pending"])
      assert.deepStrictEqual(yield* find("?status_filter=expired"), ["expired"])
    }),
  )

  it.effect("accepted twice at once makes one account", () =>
    Effect.gen(function* () {
      const { witness, invite, accept } = yield* world
      for (let round = 0; round < 5; round++) {
        const phone = nextPhone()
        const { body } = yield* invite(phone)
        const answers = yield* Effect.all(
          [accept(phone, body.invitation_code), accept(phone, body.invitation_code)],
          { concurrency: "unbounded" },
        )
        assert.deepStrictEqual(answers.map(({ status }) => status).toSorted(), [200, 400])
        const accounts = yield* Effect.promise(() => witness`SELECT FROM "user" WHERE phone = ${phone}`)
        assert.strictEqual(accounts.length, 1)
        yield* Effect.promise(() => witness`DELETE FROM failed_attempt`)
      }
    }),
  )
})
