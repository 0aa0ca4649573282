import { assert, layer } from "@effect/vitest"
import * as argon2 from "@node-rs/argon2"
import * as Effect from "effect/Effect"
import type postgres from "postgres"
import * as AppSession from "../support/AppSession.ts"
import { eventually } from "../support/eventually.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { call, insertPerson, insertShop, nextPhone } from "../support/TestPeople.ts"
import { TestService } from "../support/TestService.ts"

const world = Effect.gen(function* () {
  const { url } = yield* TestService
  const { witness } = yield* TestDatabase
  const director = yield* insertShop(witness)
  const person = (role: string) => insertPerson(witness, { role, shopId: director.shopId })
  const as =
    ({ token }: { readonly token: string }) =>
    (method: string, path: string, body?: unknown) =>
      call(url, method, path, { token, body })
  return { url, witness, director, person, as }
})

/** Whether somebody waits for a row that another transaction holds. */
const isBlocked = (witness: postgres.Sql) =>
  Effect.promise(async () => {
    const waiting = await witness`
      SELECT FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%UPDATE "user"%'`
    return waiting.length > 0
  })

layer(TestService.layer, { excludeTestServices: true })("the team of a shop", (it) => {
  it.effect("lists its people, newest first, by role, by words and by page", () =>
    Effect.gen(function* () {
      const { director, person, as, witness } = yield* world
      const florist = yield* person("FLORIST")
      yield* Effect.promise(() => witness`UPDATE "user" SET name = '100% Роза_' WHERE id = ${florist.id}`)
      const gone = yield* person("COURIER")
      yield* Effect.promise(() => witness`UPDATE "user" SET is_active = false WHERE id = ${gone.id}`)
      const ask = as(director)
      const idsOf = (answer: { readonly body: any }) => answer.body.map((user: { id: number }) => user.id)
      assert.deepStrictEqual(idsOf(yield* ask("GET", "/profile/team")), [florist.id, director.id])
      assert.includeMembers(idsOf(yield* ask("GET", "/profile/team?active_only=false")), [gone.id])
      assert.deepStrictEqual(idsOf(yield* ask("GET", "/profile/team?role=FLORIST")), [florist.id])
      assert.deepStrictEqual(idsOf(yield* ask("GET", "/profile/team?search=100%25")), [florist.id])
      assert.deepStrictEqual(idsOf(yield* ask("GET", "/profile/team?search=%25")), [florist.id])
      assert.deepStrictEqual(idsOf(yield* ask("GET", "/profile/team?skip=1&limit=1")), [director.id])
      assert.strictEqual((yield* ask("GET", "/profile/team?limit=0")).status, 422)
      const [member] = (yield* ask("GET", "/profile/team?role=DIRECTOR")).body
      assert.deepStrictEqual(Object.keys(member).toSorted(), [
        "created_at",
        "id",
        "invited_by",
        "is_active",
        "is_superadmin",
        "name",
        "phone",
        "role",
        "shop_id",
        "updated_at",
      ])
    }),
  )

  it.effect("counts its own people only", () =>
    Effect.gen(function* () {
      const { director, person, as } = yield* world
      yield* person("COURIER")
      const { status, body } = yield* as(director)("GET", "/profile/stats")
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(body, {
        total_active_users: 2,
        users_by_role: { SUPERADMIN: 0, ADMIN: 0, DIRECTOR: 1, MANAGER: 0, FLORIST: 0, COURIER: 1 },
        pending_invitations: 0,
      })
    }),
  )

  it.effect("is closed to florists and couriers", () =>
    Effect.gen(function* () {
      const { person, as } = yield* world
      const florist = as(yield* person("FLORIST"))
      for (const [method, path] of [
        ["GET", "/profile/team"],
        ["GET", "/profile/stats"],
        ["GET", "/profile/team/invitations"],
        ["DELETE", "/profile/team/1"],
        ["PUT", "/profile/team/1/role?new_role=FLORIST"],
      ] as const) {
        assert.strictEqual((yield* florist(method, path)).status, 403, path)
      }
    }),
  )

  it.effect("loses a removed colleague's sessions with the next request", () =>
    Effect.gen(function* () {
      const { director, person, as } = yield* world
      const florist = yield* person("FLORIST")
      assert.strictEqual((yield* as(florist)("GET", "/auth/users")).status, 200)
      assert.deepStrictEqual(
        yield* Effect.map(as(director)("DELETE", `/profile/team/${florist.id}`), ({ status }) => status),
        200,
      )
      assert.strictEqual((yield* as(florist)("GET", "/auth/users")).status, 401)
      assert.strictEqual((yield* as(florist)("GET", "/auth/me")).status, 401)
    }),
  )

  it.effect("follows the rules of who may touch whom, in the words of the admin panel", () =>
    Effect.gen(function* () {
      const { director, person, as } = yield* world
      const manager = yield* person("MANAGER")
      const second = yield* person("DIRECTOR")
      const florist = yield* person("FLORIST")
      const refusals: ReadonlyArray<[typeof director | typeof manager, string, string, number, string]> = [
        [manager, "DELETE", `/${director.id}`, 403, "Only directors can remove other directors"],
        [manager, "DELETE", `/${manager.id}`, 400, "Cannot remove yourself from the team"],
        [
          manager,
          "PUT",
          `/${second.id}/role?new_role=FLORIST`,
          403,
          "Only directors can manage director roles",
        ],
        [
          manager,
          "PUT",
          `/${florist.id}/role?new_role=DIRECTOR`,
          403,
          "Only directors can manage director roles",
        ],
        [manager, "PUT", `/${florist.id}/role?new_role=ADMIN`, 403, "Cannot manage a role above your own"],
        [
          manager,
          "PUT",
          `/${manager.id}/role?new_role=DIRECTOR`,
          403,
          "Only directors can manage director roles",
        ],
        [
          manager,
          "PUT",
          `/${manager.id}/role?new_role=ADMIN`,
          403,
          "Only managers and directors can change user roles",
        ],
        [
          director,
          "PUT",
          `/${director.id}/role?new_role=FLORIST`,
          400,
          "Cannot demote yourself from director role",
        ],
      ]
      for (const [by, method, path, status, detail] of refusals) {
        const answer = yield* as(by)(method, `/profile/team${path}`)
        assert.deepStrictEqual(
          { status: answer.status, body: answer.body },
          { status, body: { detail } },
          path,
        )
      }
      const invalid = yield* as(director)("PUT", `/profile/team/${florist.id}/role?new_role=SUPERADMIN`)
      assert.strictEqual(invalid.status, 422)
      const promoted = yield* as(director)("PUT", `/profile/team/${florist.id}/role?new_role=MANAGER`)
      assert.strictEqual(promoted.body.role, "MANAGER")
      assert.strictEqual((yield* as(florist)("GET", "/auth/users")).status, 401)
      const refreshed = yield* as(florist)("POST", "/auth/refresh")
      assert.strictEqual(refreshed.status, 200)
      assert.strictEqual(
        (yield* as({ token: refreshed.body.access_token })("GET", "/profile/team")).status,
        200,
      )
    }),
  )

  it.effect("keeps its only director, whoever asks", () =>
    Effect.gen(function* () {
      const { director, as } = yield* world
      const { status, body } = yield* as(director)("PUT", `/profile/team/${director.id}/role?new_role=ADMIN`)
      assert.deepStrictEqual(
        [status, body],
        [400, { detail: "Cannot demote the last director. At least one director must remain" }],
      )
      assert.strictEqual((yield* as(director)("DELETE", `/profile/team/${director.id}`)).status, 400)
    }),
  )

  it.effect("has no power over an operator of the platform who is one of it", () =>
    Effect.gen(function* () {
      const { witness, director, as } = yield* world
      const operator = yield* insertPerson(witness, {
        role: "FLORIST",
        shopId: director.shopId,
        isSuperadmin: true,
      })
      for (const [method, path] of [
        ["DELETE", ""],
        ["PUT", "/role?new_role=COURIER"],
      ] as const) {
        const { status, body } = yield* as(director)(method, `/profile/team/${operator.id}${path}`)
        assert.deepStrictEqual([status, body], [403, { detail: "Cannot manage a role above your own" }])
      }
      assert.strictEqual((yield* as(operator)("GET", "/superadmin/stats")).status, 200)
    }),
  )

  it.effect("keeps a director when two demote each other at once", () =>
    Effect.gen(function* () {
      const { witness, as } = yield* world
      for (let round = 0; round < 15; round++) {
        const first = yield* insertShop(witness)
        const second = yield* insertPerson(witness, { role: "DIRECTOR", shopId: first.shopId })
        const answers = yield* Effect.all(
          [
            as(first)("PUT", `/profile/team/${second.id}/role?new_role=FLORIST`),
            as(second)("PUT", `/profile/team/${first.id}/role?new_role=FLORIST`),
          ],
          { concurrency: "unbounded" },
        )
        assert.strictEqual(answers.filter(({ status }) => status === 200).length, 1)
        const left = yield* Effect.promise(
          () => witness`SELECT FROM "user" WHERE shop_id = ${first.shopId} AND role = 'DIRECTOR'`,
        )
        assert.strictEqual(left.length, 1)
      }
    }),
  )

  it.effect("knows nobody of another shop", () =>
    Effect.gen(function* () {
      const { director, as } = yield* world
      const other = yield* Effect.flatMap(world, ({ person }) => person("FLORIST"))
      for (const [method, suffix] of [
        ["DELETE", ""],
        ["PUT", "/role?new_role=MANAGER"],
      ] as const) {
        const foreign = yield* as(director)(method, `/profile/team/${other.id}${suffix}`)
        const missing = yield* as(director)(method, `/profile/team/999999${suffix}`)
        assert.strictEqual(foreign.status, 404)
        assert.deepStrictEqual(foreign.body, { detail: "User not found" })
        assert.deepStrictEqual(missing.body, foreign.body)
      }
    }),
  )
})

layer(TestService.layer, { excludeTestServices: true })("a profile", (it) => {
  it.effect("reads and changes by the person it is of", () =>
    Effect.gen(function* () {
      const { person, as } = yield* world
      const florist = yield* person("FLORIST")
      const phone = nextPhone()
      const changed = yield* as(florist)("PUT", "/profile/", {
        name: "  Новая  ",
        phone: phone.replace("+7", "8"),
      })
      assert.strictEqual(changed.status, 200)
      assert.deepStrictEqual([changed.body.name, changed.body.phone], ["Новая", phone])
      const read = yield* as(florist)("GET", "/profile")
      assert.deepStrictEqual(read.body, changed.body)
    }),
  )

  it.effect("refuses what is not the person's to change", () =>
    Effect.gen(function* () {
      const { director, person, as } = yield* world
      const florist = yield* person("FLORIST")
      const manager = yield* person("MANAGER")
      const refusals: ReadonlyArray<[{ readonly token: string }, object, number, string?]> = [
        [florist, { role: "MANAGER" }, 403, "Only managers and directors can change user roles"],
        [manager, { role: "DIRECTOR" }, 403, "Only managers and directors can change user roles"],
        [director, { role: "FLORIST" }, 400, "Cannot demote yourself from director role"],
        [florist, { is_active: false }, 400, "Cannot deactivate yourself"],
        [florist, { phone: director.phone }, 400, "Phone number already in use"],
        [florist, { password: "new password" }, 400, "Current password is incorrect"],
        [florist, { name: null }, 422],
        [florist, { phone: null }, 422],
        [florist, { password: null }, 422],
        [florist, { phone: "12345" }, 422],
        [florist, { password: "short" }, 422],
      ]
      for (const [by, body, status, detail] of refusals) {
        const answer = yield* as(by)("PUT", "/profile/", body)
        assert.strictEqual(answer.status, status, JSON.stringify(body))
        if (detail !== undefined) assert.deepStrictEqual(answer.body, { detail })
      }
    }),
  )

  it.effect("lets nobody find out whose phones have accounts by trying", () =>
    Effect.gen(function* () {
      const { director, person, as } = yield* world
      const prober = yield* person("FLORIST")
      const statuses: Array<number> = []
      for (let attempt = 0; attempt < 7; attempt++) {
        statuses.push((yield* as(prober)("PUT", "/profile/", { phone: director.phone })).status)
      }
      assert.deepStrictEqual(statuses, [400, 400, 400, 400, 400, 429, 429])
    }),
  )

  it.effect("changes a password together with the rest or not at all, and ends other sessions", () =>
    Effect.gen(function* () {
      const { url, director, witness, as } = yield* world
      const hash = yield* Effect.promise(() => argon2.hash("the current one"))
      const florist = yield* insertPerson(witness, {
        role: "FLORIST",
        shopId: director.shopId,
        passwordHash: hash,
      })
      const passwords = { password: "the next one", current_password: "the current one" }
      const taken = yield* as(florist)("PUT", "/profile/", { ...passwords, phone: director.phone })
      assert.deepStrictEqual(taken.body, { detail: "Phone number already in use" })
      assert.strictEqual((yield* as(florist)("GET", "/auth/me")).status, 200)
      const changed = yield* as(florist)("PUT", "/profile/", { ...passwords, name: "Айгерим" })
      assert.deepStrictEqual([changed.status, changed.body.name], [200, "Айгерим"])
      assert.strictEqual((yield* as(florist)("GET", "/auth/me")).status, 401)
      const login = yield* call(url, "POST", "/auth/login", {
        body: { phone: florist.phone, password: "the next one" },
      })
      assert.strictEqual(login.status, 200)
    }),
  )

  it.effect("that names a role loses to a demotion at the same moment", () =>
    Effect.gen(function* () {
      const { witness, person, as } = yield* world
      for (const [given, status, detail] of [
        ["ADMIN", 200, undefined],
        ["MANAGER", 403, "Only managers and directors can change user roles"],
      ] as const) {
        const { id, token } = yield* person("ADMIN")
        const answer = yield* Effect.promise(() =>
          witness.begin(async (demotion) => {
            await demotion`UPDATE "user" SET role = 'FLORIST' WHERE id = ${id}`
            const asked = Effect.runPromise(as({ token })("PUT", "/profile/", { role: given }))
            await Effect.runPromise(eventually(isBlocked(witness), "1 second"))
            return [asked] as const
          }),
        ).pipe(Effect.flatMap(([asked]) => Effect.promise(() => asked)))
        assert.deepStrictEqual([answer.status, answer.body.detail], [status, detail], given)
        const [row] = yield* Effect.promise(() => witness`SELECT role FROM "user" WHERE id = ${id}`)
        assert.strictEqual(row?.["role"], "FLORIST")
      }
    }),
  )

  it.effect("of the caller cannot get a higher role, whatever statement is tried", () =>
    Effect.gen(function* () {
      const { director, person } = yield* world
      const florist = yield* person("FLORIST")
      const run = yield* AppSession.make
      const asFlorist = `SELECT set_config('cvety.caller', '{"kind":"user","id":"${florist.id}"}', true)`
      const raise = `UPDATE "user" SET role = 'MANAGER' WHERE id = ${florist.id} RETURNING role`
      assert.strictEqual((yield* run(director.shopId, asFlorist, raise)).refusal, "user_raises_no_own_role")
      assert.deepStrictEqual([...(yield* run(director.shopId, raise)).rows], [{ role: "MANAGER" }])
    }),
  )
})
