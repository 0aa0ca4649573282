import { spawnSync } from "node:child_process"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as fc from "fast-check"
import postgres from "postgres"
import { Audit } from "../../src/audit/Audit.ts"
import { DatabaseUrl } from "../../src/platform/DatabaseUrl.ts"
import * as AppSession from "../support/AppSession.ts"
import { COMPILE_CACHE } from "../support/CompileCache.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { call, insertPerson, insertShop, nextPhone } from "../support/TestPeople.ts"
import { TestService } from "../support/TestService.ts"

const world = Effect.gen(function* () {
  const { url } = yield* TestService
  const { url: databaseUrl, witness } = yield* TestDatabase
  const director = yield* insertShop(witness)
  const verify = (shopId: number, ...more: ReadonlyArray<string>) =>
    spawnSync(process.execPath, ["src/cli/audit.ts", "verify", "--shop", String(shopId), ...more], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"], DATABASE_URL: databaseUrl, ...COMPILE_CACHE },
    })
  const outcome = Effect.map(
    Effect.provide(
      Effect.flatMap(Audit, (audit) => audit.verify(director.shopId, new Map())),
      Audit.layer,
    ),
    ([chain]) => chain?.outcome ?? {},
  )
  return { url, witness, director, verify, outcome }
})

layer(TestService.layer, { excludeTestServices: true })("the audit", (it) => {
  it.effect("tells who changed what, from where, before and after, and keeps secrets", () =>
    Effect.gen(function* () {
      const { url, witness, director } = yield* world
      const florist = yield* insertPerson(witness, { role: "FLORIST", shopId: director.shopId })
      yield* call(url, "PUT", `/profile/team/${florist.id}/role?new_role=MANAGER`, { token: director.token })
      const invited = yield* call(url, "POST", "/profile/team/invite", {
        token: director.token,
        body: { phone: nextPhone(), name: "Новенький", role: "COURIER" },
      })
      const { body } = yield* call(url, "GET", "/audit?limit=2", { token: director.token })
      const [invitation, role] = body.items
      assert.deepInclude(role, {
        actor_kind: "user",
        actor_id: String(director.id),
        action: "profile.changeRole",
        address: "127.0.0.1",
        operation: "update",
        record_type: "user",
        record_id: String(florist.id),
        before: { role: "FLORIST" },
        after: { role: "MANAGER" },
      })
      assert.match(role.request_id, /^req_/)
      assert.strictEqual(invitation.record_type, "team_invitation")
      assert.strictEqual(invitation.after.invitation_code, "***")
      assert.notInclude(JSON.stringify(body), invited.body.invitation_code)
      assert.strictEqual(body.next_cursor, role.seq)
      const next = yield* call(url, "GET", `/audit?before=${body.next_cursor}`, { token: director.token })
      assert.isTrue(next.body.items.every((entry: { seq: number }) => entry.seq < role.seq))
      const ofFlorist = yield* call(url, "GET", `/audit?record_type=user&record_id=${florist.id}`, {
        token: director.token,
      })
      assert.deepStrictEqual(
        ofFlorist.body.items.map((entry: { operation: string }) => entry.operation),
        ["update", "insert"],
      )
    }),
  )

  it.effect("is for directors", () =>
    Effect.gen(function* () {
      const { url, witness, director } = yield* world
      const manager = yield* insertPerson(witness, { role: "MANAGER", shopId: director.shopId })
      assert.strictEqual((yield* call(url, "GET", "/audit", { token: manager.token })).status, 403)
    }),
  )

  it.effect("knows a password that was changed, not the password nor its hash", () =>
    Effect.gen(function* () {
      const { url, witness, director } = yield* world
      const [before] = yield* Effect.promise(
        () =>
          witness`UPDATE "user" SET password_hash = '$argon2id$secret' WHERE id = ${director.id} RETURNING id`,
      )
      assert.strictEqual(before?.["id"], director.id)
      const { body } = yield* call(url, "GET", "/audit?limit=1", { token: director.token })
      assert.deepInclude(body.items[0], {
        actor_kind: "system",
        before: { password_hash: "***" },
        after: { password_hash: "***" },
      })
    }),
  )

  it.effect("appends for the working role and does nothing else for it", () =>
    Effect.gen(function* () {
      const { director } = yield* world
      const run = yield* AppSession.make
      for (const statement of [
        "UPDATE audit SET actor_id = '1'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
      ]) {
        assert.match(
          String((yield* run(director.shopId, statement)).refusal),
          /permission denied|must be owner/,
        )
      }
      const forged = yield* run(
        director.shopId,
        `INSERT INTO audit (shop_id, seq, at, actor_kind, operation, record_type, record_id, hash)
         VALUES (${director.shopId}, 1, '2000-01-01', 'user', 'update', 'user', '1', '\\x00')
         RETURNING seq > 1 AS is_appended, at > now() - interval '1 minute' AS is_now, length(hash) AS hash_bytes`,
      )
      assert.deepStrictEqual([...forged.rows], [{ is_appended: true, is_now: true, hash_bytes: 32 }])
    }),
  )

  it.effect("keeps every chain whole under changes from many connections at once", () =>
    Effect.gen(function* () {
      const { witness, director, verify } = yield* world
      const { app } = yield* DatabaseUrl
      const people = yield* Effect.all(
        Array.from({ length: 6 }, () => insertPerson(witness, { role: "FLORIST", shopId: director.shopId })),
      )
      const sql = postgres(Redacted.value(app), { max: 6, onnotice: () => {} })
      const change = fc.record({
        person: fc.nat(people.length - 1),
        other: fc.nat(people.length - 1),
        name: fc.string({ maxLength: 20 }).filter((text) => !text.includes("\u0000")),
        isUndone: fc.boolean(),
      })
      const undone = new Error("undone")
      yield* Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(fc.array(change, { minLength: 4, maxLength: 24 }), async (changes) => {
            await Promise.all(
              changes.map(({ person, other, name, isUndone }) =>
                sql
                  .begin(async (transaction) => {
                    await transaction`SELECT set_config('cvety.shop_id', ${String(director.shopId)}, true)`
                    for (const index of [person, other].toSorted()) {
                      await transaction`UPDATE "user" SET name = ${name} WHERE id = ${people[index]?.id ?? 0}`
                    }
                    if (isUndone) throw undone
                  })
                  .catch((error: unknown) => {
                    if (error !== undone) throw error
                  }),
              ),
            )
          }),
          { numRuns: 15 },
        ),
      )
      yield* Effect.promise(() => sql.end())
      const { status, stdout } = verify(director.shopId)
      assert.strictEqual(status, 0, stdout)
      assert.match(
        stdout,
        new RegExp(`shop ${director.shopId}  \\d+ entries  head ${director.shopId}:\\d+:[0-9a-f]{64}`),
      )
    }),
  )

  const tamperings: ReadonlyArray<[what: string, statement: string, found: object]> = [
    [
      "changed",
      "UPDATE audit SET after = '{}' WHERE shop_id = $1 AND seq = 2",
      { seq: 2, reason: "an entry was changed" },
    ],
    [
      "removed",
      "DELETE FROM audit WHERE shop_id = $1 AND seq = 2",
      { seq: 2, reason: "an entry is missing" },
    ],
    [
      "changed together with its hash",
      `UPDATE audit a SET actor_id = '1', hash = sha256(convert_to(audit_text(
         ROW(a.shop_id, a.seq, a.at, a.actor_kind, '1', a.action, a.address, a.request_id, a.operation, a.record_type,
             a.record_id, a.before, a.after, a.previous_hash, a.hash)::audit), 'UTF8'))
       WHERE shop_id = $1 AND seq = 2`,
      { seq: 3, reason: "an entry does not follow the one before" },
    ],
  ]
  for (const [what, statement, found] of tamperings) {
    it.effect(`shows an entry that was ${what} by the owner of the database`, () =>
      Effect.gen(function* () {
        const { witness, director, outcome } = yield* world
        for (let index = 0; index < 3; index++)
          yield* insertPerson(witness, { role: "FLORIST", shopId: director.shopId })
        assert.notProperty(yield* outcome, "reason")
        yield* Effect.promise(() => witness.unsafe(statement, [director.shopId]))
        assert.deepStrictEqual(yield* outcome, found)
      }),
    )
  }

  it.effect("shows a tail that was cut off to whoever noted the head", () =>
    Effect.gen(function* () {
      const { witness, director, verify } = yield* world
      yield* insertPerson(witness, { role: "FLORIST", shopId: director.shopId })
      const head = /head (\S+)/.exec(verify(director.shopId).stdout)?.[1] ?? ""
      assert.strictEqual(verify(director.shopId, "--expect", head).status, 0)
      yield* Effect.promise(
        () => witness`
          DELETE FROM audit
          WHERE shop_id = ${director.shopId}
            AND seq = (SELECT max(seq) FROM audit WHERE shop_id = ${director.shopId})`,
      )
      assert.strictEqual(verify(director.shopId).status, 0)
      assert.notStrictEqual(verify(director.shopId, "--expect", head).status, 0)
      yield* insertPerson(witness, { role: "COURIER", shopId: director.shopId })
      assert.match(verify(director.shopId, "--expect", head).stdout, /an entry is not the one noted down/)
    }),
  )
})
