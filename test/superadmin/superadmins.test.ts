/** The command line in a process of its own, and the settings of a node, against one database. */
import { execFile } from "node:child_process"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { COMPILE_CACHE } from "../support/CompileCache.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { startNode } from "../support/TestNode.ts"
import { call, insertShop, nextPhone } from "../support/TestPeople.ts"
import { TestService } from "../support/TestService.ts"

const PASSWORD = "a password of theirs"

const world = Effect.gen(function* () {
  const { url } = yield* TestService
  const { url: databaseUrl, witness } = yield* TestDatabase
  yield* Effect.promise(() => witness`DELETE FROM failed_attempt`)
  const run = (args: ReadonlyArray<string>, password?: string) =>
    Effect.callback<{ readonly code: number; readonly text: string }>((resume) => {
      execFile(
        process.execPath,
        ["src/cli/superadmin.ts", ...args],
        {
          env: {
            ...process.env,
            DATABASE_URL: databaseUrl,
            ...COMPILE_CACHE,
            ...(password === undefined ? {} : { SUPERADMIN_PASSWORD: password }),
          },
        },
        (error, stdout, stderr) =>
          resume(Effect.succeed({ code: error === null ? 0 : 1, text: `${stdout}${stderr}` })),
      )
    })
  const logIn = (phone: string, password: string, at = url) =>
    call(at, "POST", "/auth/login", { body: { phone, password } })
  const mayAct = (token: string) =>
    Effect.map(call(url, "GET", "/superadmin/stats", { token }), ({ status }) => status)
  return { witness, run, logIn, mayAct }
})

layer(TestService.layer, { excludeTestServices: true, timeout: 60_000 })(
  "operators of the platform",
  (it) => {
    it.effect(
      "are made, given another password and unmade by the command line",
      () =>
        Effect.gen(function* () {
          const { witness, run, logIn, mayAct } = yield* world
          const phone = nextPhone()
          const made = yield* run(["create", "--phone", phone, "--name", "Оператор"])
          const password = /shown only here: (\S+)/.exec(made.text)?.[1] ?? ""
          assert.isAtLeast(password.length, 20, made.text)
          const session = yield* logIn(phone, password)
          assert.strictEqual(session.body.user.role, "SUPERADMIN")
          assert.strictEqual(yield* mayAct(session.body.access_token), 200)
          const again = yield* run(["create", "--phone", phone, "--name", "Оператор"], PASSWORD)
          assert.strictEqual(again.code, 1)

          assert.strictEqual((yield* run(["reset-password", "--phone", phone], "short")).code, 1)
          const reset = yield* run(["reset-password", "--phone", phone], PASSWORD)
          assert.strictEqual(reset.code, 0)
          assert.notInclude(reset.text, PASSWORD)
          assert.strictEqual(yield* mayAct(session.body.access_token), 401)
          assert.strictEqual((yield* logIn(phone, PASSWORD)).status, 200)

          assert.strictEqual((yield* run(["revoke", "--phone", phone])).code, 0)
          assert.strictEqual((yield* logIn(phone, PASSWORD)).status, 401)
          const told = yield* Effect.promise(
            () => witness`
            SELECT actor_kind, action FROM audit
            WHERE shop_id = 0 AND record_id = (SELECT id::text FROM "user" WHERE phone = ${phone}) ORDER BY seq`,
          )
          assert.deepStrictEqual(
            told.map(({ actor_kind, action }) => [actor_kind, action]),
            [
              ["cli", "superadmin.create"],
              ["cli", "superadmin.reset_password"],
              ["cli", "superadmin.revoke"],
            ],
          )
        }),
      60_000,
    )

    it.effect(
      "can be people of a shop, who stay that when they are operators no more",
      () =>
        Effect.gen(function* () {
          const { witness, run, mayAct } = yield* world
          const director = yield* insertShop(witness)
          assert.strictEqual(yield* mayAct(director.token), 403)
          assert.strictEqual((yield* run(["grant", "--phone", director.phone])).code, 0)
          assert.strictEqual(yield* mayAct(director.token), 200)
          assert.strictEqual((yield* run(["revoke", "--phone", director.phone])).code, 0)
          assert.strictEqual(yield* mayAct(director.token), 401)
          const rows = yield* Effect.promise(
            () => witness`SELECT is_active, is_superadmin, role FROM "user" WHERE id = ${director.id}`,
          )
          assert.deepStrictEqual({ ...rows[0] }, { is_active: true, is_superadmin: false, role: "DIRECTOR" })
          assert.strictEqual((yield* run(["grant", "--phone", nextPhone()])).code, 1)
        }),
      60_000,
    )

    it.effect(
      "are made by the settings of a node when the phone is unknown, and never changed by them",
      () =>
        Effect.gen(function* () {
          const { logIn } = yield* world
          const phone = nextPhone()
          const settings = { SUPERADMIN_PHONE: phone, SUPERADMIN_PASSWORD: PASSWORD }
          yield* Effect.scoped(startNode({ settings }))
          const session = yield* logIn(phone, PASSWORD)
          assert.strictEqual(session.body.user.is_superadmin, true)
          yield* Effect.scoped(
            startNode({ settings: { ...settings, SUPERADMIN_PASSWORD: "another password" } }),
          )
          assert.strictEqual((yield* logIn(phone, PASSWORD)).status, 200)
          assert.strictEqual((yield* logIn(phone, "another password")).status, 401)
          for (const unfit of [
            { SUPERADMIN_PHONE: nextPhone(), SUPERADMIN_PASSWORD: "short" },
            { SUPERADMIN_PHONE: nextPhone() },
            { SUPERADMIN_PASSWORD: PASSWORD },
          ]) {
            const start = yield* Effect.exit(Effect.scoped(startNode({ settings: unfit })))
            assert.strictEqual(start._tag, "Failure", JSON.stringify(unfit))
          }
        }),
      60_000,
    )
  },
)
