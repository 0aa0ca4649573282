/**
 * What a shop writes is never answered differently because another shop has the same: nobody learns by trying.
 *
 * Three keys are unique for everybody, and say so on purpose. The phone of an account, because a login names a phone
 * and no shop: whoever registers, changes their phone or accepts an invitation is told that it is taken. The owner of
 * a shop, who is an account. The tracking id, which the service makes at random and nobody chooses.
 */
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { grantable } from "../../src/auth/Permission.ts"
import * as AppSession from "../support/AppSession.ts"
import {
  idOf,
  insertInvitation,
  insertMarkedShop,
  ORDER,
  OWNER,
  PASSWORD,
  phoneOf,
  run as runAll,
  userOf,
} from "../support/MarkedShop.ts"
import * as RawHttp from "../support/RawHttp.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { SECRET, TestService } from "../support/TestService.ts"
import * as TestToken from "../support/TestToken.ts"

const SHOP = 70_001
const OTHER = 70_002
const NOWHERE = 79_999

class World extends Context.Service<
  World,
  {
    readonly ask: (
      method: string,
      path: string,
      body?: object,
      headers?: Readonly<Record<string, string>>,
    ) => Effect.Effect<RawHttp.Received>
    readonly run: Effect.Success<typeof AppSession.make>
  }
>()("cvety/test/isolation/covertAnswers") {
  static readonly layer = Layer.effect(
    World,
    Effect.gen(function* () {
      const { url } = yield* TestService
      const { witness } = yield* TestDatabase
      const http = yield* RawHttp.make(url, 1)
      for (const shop of [SHOP, OTHER]) {
        yield* Effect.promise(() => runAll(witness, insertMarkedShop(shop, grantable)))
      }
      const token = yield* TestToken.sign({
        sub: String(idOf(SHOP, userOf("DIRECTOR"))),
        user_id: idOf(SHOP, userOf("DIRECTOR")),
        shop_id: SHOP,
      })
      return {
        ask: (method, path, body, headers = { authorization: `Bearer ${token}` }) =>
          http.send({
            method,
            path,
            headers: { ...headers, "content-type": "application/json" },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          }),
        run: yield* AppSession.make,
      }
    }),
  ).pipe(Layer.provideMerge(TestService.layerWith({ RUN_SEEDS: "false", WEBHOOK_SHOP_ID: String(SHOP) })))
}

/** An answer without what is new in every answer: ids, codes, times, the value that was asked about. */
const shapeOf = ({ status, text, headers }: RawHttp.Received) => ({
  status,
  body: text.replaceAll(/cvk_[\w-]+/g, "KEY").replaceAll(/\d+/g, "0"),
  headers: Object.keys(headers).toSorted(),
})

layer(World.layer, { excludeTestServices: true, timeout: 60_000 })("a value that another shop has", (it) => {
  it.effect("is answered as a free one when somebody is invited by phone", () =>
    Effect.gen(function* () {
      const { ask } = yield* World
      const { witness } = yield* TestDatabase
      const invite = (phone: string) =>
        Effect.map(
          ask("POST", "/api/v1/profile/team/invite", { phone, name: "Новый человек", role: "COURIER" }),
          shapeOf,
        )
      yield* Effect.promise(() => runAll(witness, insertInvitation(OTHER, 2)))
      const free = yield* invite(phoneOf(NOWHERE, 1))
      assert.strictEqual(free.status, 200, free.body)
      assert.deepStrictEqual(yield* invite(phoneOf(OTHER, 502)), free, "invited elsewhere")
      assert.deepStrictEqual(yield* invite(phoneOf(OTHER, userOf("FLORIST"))), free, "an account elsewhere")
      const again = yield* invite(phoneOf(NOWHERE, 1))
      assert.strictEqual(again.status, 400)
    }),
  )

  it.effect("is answered as a free one when a key of a machine is named", () =>
    Effect.gen(function* () {
      const { ask } = yield* World
      const issue = (name: string) =>
        Effect.map(
          ask("POST", "/api/v1/service-credentials", { name, permissions: ["view_orders"] }),
          shapeOf,
        )
      const free = yield* issue("Бот 79999 1")
      assert.strictEqual(free.status, 200, free.body)
      assert.deepStrictEqual(yield* issue(`Бот ${OTHER} 1`), free)
    }),
  )

  it.effect("is answered as a missing one when an account names who invited it", () =>
    Effect.gen(function* () {
      const { ask } = yield* World
      const register = (place: number, invitedBy: number) =>
        Effect.map(
          ask(
            "POST",
            "/api/v1/auth/register",
            {
              name: "Новый магазин",
              phone: phoneOf(NOWHERE, place),
              password: PASSWORD,
              invited_by: invitedBy,
            },
            {},
          ),
          shapeOf,
        )
      const missing = yield* register(11, idOf(NOWHERE, OWNER))
      assert.strictEqual(missing.status, 200, missing.body)
      assert.deepStrictEqual(yield* register(12, idOf(OTHER, OWNER)), missing)
    }),
  )

  it.effect("is answered as a new one when Bitrix names an event or an order", () =>
    Effect.gen(function* () {
      const { ask } = yield* World
      const post = (event_id: string, order_id: number) =>
        Effect.map(
          ask(
            "POST",
            "/api/v1/webhooks/order-status-sync",
            { event_id, order_id, status: "AP" },
            { "x-webhook-secret": SECRET },
          ),
          shapeOf,
        )
      const unknown = yield* post("79999", idOf(NOWHERE, ORDER))
      assert.strictEqual(unknown.status, 200)
      assert.deepStrictEqual(yield* post(String(OTHER), idOf(OTHER, ORDER)), unknown)
    }),
  )

  const order = (changes: Readonly<Record<string, string | number>>) =>
    insertion(`"order"`, {
      shop_id: SHOP,
      tracking_id: "799990001",
      order_number: "79999-1",
      customer_name: "Покупатель",
      phone: "+70000000013",
      subtotal: 0,
      total: 0,
      ...changes,
    })
  const user = (changes: Readonly<Record<string, string | number>>) =>
    insertion(`"user"`, {
      shop_id: SHOP,
      name: "Человек",
      phone: phoneOf(NOWHERE, 21),
      password_hash: "!",
      ...changes,
    })
  const keys: ReadonlyArray<[what: string, statement: string, refusal?: string]> = [
    ["number of an order", order({ order_number: `${OTHER}-1` })],
    ["number of an order in Bitrix", order({ bitrix_order_id: idOf(OTHER, ORDER) })],
    ["tracking id", order({ tracking_id: String(idOf(OTHER, ORDER)) }), "order_tracking_id_key"],
    ["phone of an account", user({ phone: phoneOf(OTHER, OWNER) }), "user_phone_key"],
    [
      "phone of an invitation",
      insertion("team_invitation", {
        shop_id: SHOP,
        phone: phoneOf(OTHER, 501),
        name: "Человек",
        role: "COURIER",
        invited_by: idOf(SHOP, OWNER),
        invitation_code: "123456",
        expires_at: "2099-01-01",
      }),
    ],
  ]
  for (const [what, statement, refusal] of keys) {
    it.effect(`is ${refusal === undefined ? "free for" : "refused to"} the database as ${what}`, () =>
      Effect.gen(function* () {
        const { run } = yield* World
        assert.strictEqual((yield* run(SHOP, statement)).refusal, refusal)
      }),
    )
  }
})

const insertion = (table: string, row: Readonly<Record<string, string | number>>): string =>
  `INSERT INTO ${table} (${Object.keys(row).join(", ")})
   VALUES (${Object.values(row)
     .map((value) => `'${value}'`)
     .join(", ")})`
