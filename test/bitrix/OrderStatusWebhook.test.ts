import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as RawHttp from "../support/RawHttp.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { startNode } from "../support/TestNode.ts"
import { chainOf, historyOf, inboxOf, insertOrder, nextId, statusOf } from "../support/TestOrders.ts"
import type { Answer } from "../support/TestService.ts"
import { OTHER_SHOP_ID, PREVIOUS_SECRET, postStatus, SECRET, TestService } from "../support/TestService.ts"

/** The webhook and the witness, with every effect of a test behind one `yield*`. */
const world = Effect.gen(function* () {
  const { url } = yield* TestService
  const { witness } = yield* TestDatabase
  return {
    url,
    witness,
    post: (body: unknown, headers: Readonly<Record<string, string>> = {}): Effect.Effect<Answer> =>
      Effect.promise(() => postStatus(url, body, headers)),
    order: (options: Parameters<typeof insertOrder>[1] = {}) =>
      Effect.promise(() => insertOrder(witness, options)),
    chain: (orderId: number) => Effect.promise(() => chainOf(witness, orderId)),
    history: (orderId: number) => Effect.promise(() => historyOf(witness, orderId)),
    status: (orderId: number) => Effect.promise(() => statusOf(witness, orderId)),
    inbox: (bitrixOrderId: number | string) => Effect.promise(() => inboxOf(witness, bitrixOrderId)),
  }
})

const unknownOrder = (bitrixOrderId: number | string) => ({
  status: "skipped",
  reason: "Order not found in Railway",
  bitrix_order_id: bitrixOrderId,
})

layer(TestService.layer, { excludeTestServices: true })("the order-status webhook", (it) => {
  it.effect("changes the order and records its history in one answer", () =>
    Effect.gen(function* () {
      const { post, witness } = yield* world
      const event = { order_id: 123456, status: "AP", changed_by_id: 42, notes: "Принят флорист" }

      const first = yield* post(event)
      assert.strictEqual(first.status, 200)
      assert.deepStrictEqual(first.body, {
        status: "success",
        order_id: 789,
        railway_order_id: 789,
        bitrix_order_id: 123456,
        old_status: "new",
        new_status: "accepted",
        history_recorded: true,
      })

      const second = yield* post(event)
      assert.deepStrictEqual(second.body, {
        status: "skipped",
        reason: "Status unchanged",
        bitrix_order_id: 123456,
        current_status: "accepted",
      })

      const history = yield* Effect.promise(
        () =>
          witness`SELECT changed_by, field_name, old_value, new_value, notes, bitrix_user_id FROM order_history`,
      )
      assert.deepStrictEqual(
        [...history],
        [
          {
            changed_by: "bitrix",
            field_name: "status",
            old_value: "new",
            new_value: "accepted",
            notes: "Принят флорист",
            bitrix_user_id: "42",
          },
        ],
      )
    }),
  )

  it.effect("answers 401 to every secret that is not exactly one of the two", () =>
    Effect.gen(function* () {
      const { post, order, status } = yield* world
      const { id, bitrixOrderId } = yield* order()
      for (const secret of [
        "",
        "wrong",
        SECRET.toUpperCase(),
        `${SECRET} x`,
        `${SECRET}x`,
        SECRET.slice(0, -1),
        `${SECRET}, ${SECRET}`,
        `Bearer ${SECRET}`,
      ]) {
        const answer = yield* post({ order_id: bitrixOrderId, status: "AP" }, { "x-webhook-secret": secret })
        assert.strictEqual(answer.status, 401, JSON.stringify(secret))
        assert.deepStrictEqual(answer.body, { detail: "Invalid webhook secret" })
      }
      assert.strictEqual(yield* status(id), "new")
    }),
  )

  it.effect("accepts the secret in the header and nowhere else", () =>
    Effect.gen(function* () {
      const { url, order } = yield* world
      const { bitrixOrderId } = yield* order()
      const { send } = yield* RawHttp.make(url)
      const request = {
        method: "POST",
        path: RawHttp.WEBHOOK,
        body: JSON.stringify({ order_id: bitrixOrderId, status: "AP", secret: SECRET }),
      }
      const inBody = yield* send(request)
      const inUrl = yield* send({ ...request, path: `${RawHttp.WEBHOOK}?X-Webhook-Secret=${SECRET}` })
      const spelled = yield* send({ ...request, headers: { "X-WEBHOOK-SECRET": SECRET } })
      assert.deepStrictEqual([inBody.status, inUrl.status, spelled.status], [401, 401, 200])
    }),
  )

  it.effect("checks the secret before it reads the body", () =>
    Effect.gen(function* () {
      const { url } = yield* world
      const { send } = yield* RawHttp.make(url)
      const unread: ReadonlyArray<RawHttp.Sent> = [
        {},
        { body: "" },
        { body: "{" },
        { body: new Uint8Array([0xff, 0xfe]) },
        { body: "a=1", headers: { "content-type": "application/x-www-form-urlencoded" } },
        { body: "x", headers: { "content-encoding": "gzip" } },
        { body: "[".repeat(2_000_000) },
        { body: "[".repeat(2_000_000), isChunked: true },
      ]
      const answers = yield* Effect.forEach(unread, (request) =>
        send({
          method: "POST",
          path: RawHttp.WEBHOOK,
          ...request,
          headers: { "x-webhook-secret": "wrong", ...request.headers },
        }),
      )
      for (const { status, body } of answers) {
        assert.strictEqual(status, 401)
        assert.deepStrictEqual(body, { detail: "Invalid webhook secret" })
      }
    }),
  )

  it.effect("accepts both live secrets, and only the current one when there is no other", () =>
    Effect.gen(function* () {
      const { post, order } = yield* world
      const { bitrixOrderId } = yield* order()
      const event = { order_id: bitrixOrderId, status: "AP" }
      assert.strictEqual((yield* post(event)).status, 200)
      assert.strictEqual((yield* post(event, { "x-webhook-secret": PREVIOUS_SECRET })).status, 200)

      const rotated = yield* startNode({ settings: { WEBHOOK_SECRET_PREVIOUS: "" } })
      const send = (secret: string) =>
        Effect.promise(() => postStatus(rotated.url, event, { "x-webhook-secret": secret }))
      assert.deepStrictEqual(
        [(yield* send(SECRET)).status, (yield* send(PREVIOUS_SECRET)).status, (yield* send("")).status],
        [200, 401, 401],
      )
    }),
  )

  it.effect("warns of a wrong secret without repeating it", () =>
    Effect.gen(function* () {
      const { url, log } = yield* startNode()
      const wrong = "a-secret-with-a-typing-mistake"
      yield* Effect.promise(() =>
        postStatus(url, { order_id: 1, status: "AP" }, { "x-webhook-secret": wrong }),
      )
      yield* Effect.promise(() => postStatus(url, { order_id: 1, status: "AP" }))

      const warnings = log.filter(({ level }) => level === "Warn")
      assert.strictEqual(warnings.length, 1)
      assert.include(warnings[0]?.text, "webhook authentication failed")
      for (const { text } of log) {
        assert.notInclude(text, wrong)
        assert.notInclude(text, SECRET)
        assert.notInclude(text, PREVIOUS_SECRET)
      }
    }),
  )

  it.effect("understands every status code of the mapping", () =>
    Effect.gen(function* () {
      const { post, order, chain } = yield* world
      const { id, bitrixOrderId } = yield* order()
      const steps = [
        ["PD", "new", "paid"],
        ["AP", "paid", "accepted"],
        ["CO", "accepted", "assembled"],
        ["DE", "assembled", "in_delivery"],
        ["F", "in_delivery", "delivered"],
        ["RF", "delivered", "cancelled"],
        ["N", "cancelled", "new"],
        ["UN", "new", "cancelled"],
      ] as const
      for (const [code, from, to] of steps) {
        const { body } = yield* post({ order_id: bitrixOrderId, status: code })
        assert.deepStrictEqual(
          [body.status, body.old_status, body.new_status, body.history_recorded],
          ["success", from, to, true],
          code,
        )
      }
      assert.deepStrictEqual(
        yield* chain(id),
        steps.map(([, from, to]) => `${from} -> ${to}`),
      )
    }),
  )

  it.effect("says in the history which moves leave the usual path", () =>
    Effect.gen(function* () {
      const { post, order, witness } = yield* world
      const { id, bitrixOrderId } = yield* order()
      yield* post({ order_id: bitrixOrderId, status: "F" })
      yield* post({ order_id: bitrixOrderId, status: "DE" })
      yield* post({ order_id: bitrixOrderId, status: "CO" })
      const rows = yield* Effect.promise(
        () => witness`SELECT is_override FROM order_history WHERE order_id = ${id} ORDER BY id`,
      )
      assert.deepStrictEqual(
        rows.map((row) => row["is_override"]),
        [true, true, false],
      )
    }),
  )

  it.effect("skips an unknown order and parks its event", () =>
    Effect.gen(function* () {
      const { post, inbox } = yield* world
      const bitrixOrderId = nextId()
      const { status, body } = yield* post({ order_id: bitrixOrderId, status: "AP" })
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(body, unknownOrder(bitrixOrderId))
      const [entry] = yield* inbox(bitrixOrderId)
      assert.strictEqual(entry?.["state"], "parked")
      assert.deepStrictEqual(entry?.["answer"], body)
    }),
  )

  it.effect("skips a status that is not mapped, whatever its letters, and parks its event", () =>
    Effect.gen(function* () {
      const { post, order, inbox, status } = yield* world
      const { id, bitrixOrderId } = yield* order()
      const codes = ["XX", "ap", " AP", "AP ", "", "accepted", "Ж", "constructor", "__proto__"]
      for (const code of codes) {
        const answer = yield* post({ order_id: bitrixOrderId, status: code })
        assert.strictEqual(answer.status, 200, code)
        assert.deepStrictEqual(answer.body, {
          status: "skipped",
          reason: `Unknown status: ${code}`,
          bitrix_order_id: bitrixOrderId,
        })
      }
      assert.deepStrictEqual(
        (yield* inbox(bitrixOrderId)).map((entry) => entry["state"]),
        codes.map(() => "parked"),
      )
      assert.strictEqual(yield* status(id), "new")
    }),
  )

  it.effect("skips a status that the order already has, without history and without touching the row", () =>
    Effect.gen(function* () {
      const { post, order, history, inbox, witness } = yield* world
      const { id, bitrixOrderId } = yield* order()
      const updatedAt = () =>
        Effect.promise(async () => (await witness`SELECT updated_at FROM "order" WHERE id = ${id}`)[0])
      const before = yield* updatedAt()
      const { body } = yield* post({ order_id: bitrixOrderId, status: "N" })
      assert.deepStrictEqual(body, {
        status: "skipped",
        reason: "Status unchanged",
        bitrix_order_id: bitrixOrderId,
        current_status: "new",
      })
      assert.deepStrictEqual(yield* history(id), [])
      assert.deepStrictEqual(yield* updatedAt(), before)
      assert.deepStrictEqual(
        (yield* inbox(bitrixOrderId)).map((entry) => entry["state"]),
        ["skipped"],
      )
    }),
  )

  it.effect("skips an event that is older than the last one applied", () =>
    Effect.gen(function* () {
      const { post, order, chain } = yield* world
      const { id, bitrixOrderId } = yield* order()
      const at = (occurred_at: string, status: string) =>
        post({ order_id: bitrixOrderId, status, occurred_at })

      assert.strictEqual((yield* at("2026-01-31T15:00:00+05:00", "F")).body.status, "success")
      const stale = yield* at("2026-01-31T14:59:59+05:00", "CO")
      assert.strictEqual(stale.status, 200)
      assert.deepStrictEqual(stale.body, {
        status: "skipped",
        reason: "Stale event",
        bitrix_order_id: bitrixOrderId,
        current_status: "delivered",
      })
      assert.strictEqual((yield* at("2026-01-31T15:00:00+05:00", "RF")).body.status, "success")
      assert.deepStrictEqual(yield* chain(id), ["new -> delivered", "delivered -> cancelled"])
    }),
  )

  it.effect("applies an event without a time although one with a time came before", () =>
    Effect.gen(function* () {
      const { post, order, chain } = yield* world
      const { id, bitrixOrderId } = yield* order()
      yield* post({ order_id: bitrixOrderId, status: "AP", occurred_at: "2026-01-31T15:00:00Z" })
      yield* post({ order_id: bitrixOrderId, status: "CO" })
      yield* post({ order_id: bitrixOrderId, status: "DE", occurred_at: "2026-01-31T14:00:00Z" })
      assert.deepStrictEqual(yield* chain(id), ["new -> accepted", "accepted -> assembled"])
    }),
  )

  it.effect("reads the time of an event with any offset, with or without a colon", () =>
    Effect.gen(function* () {
      const { post, order, inbox } = yield* world
      const { bitrixOrderId } = yield* order()
      const spellings = [
        "2026-01-31T14:59:39+0500",
        "2026-01-31T14:59:39+05:00",
        "2026-01-31T09:59:39Z",
        "2026-01-31T09:59:39.000Z",
        "2026-01-31 14:59:39+0500",
        "2026-01-31T04:29:39.000000-0530",
      ]
      for (const occurred_at of spellings) {
        const { status } = yield* post({ order_id: bitrixOrderId, status: "N", occurred_at })
        assert.strictEqual(status, 200, occurred_at)
      }
      assert.deepStrictEqual(
        (yield* inbox(bitrixOrderId)).map((entry) => entry["payload"].occurred_at),
        spellings.map(() => "2026-01-31T09:59:39.000Z"),
      )
    }),
  )

  it.effect("refuses a time that names no moment, or one that no calendar of ours holds", () =>
    Effect.gen(function* () {
      const { post, order, inbox } = yield* world
      const { bitrixOrderId } = yield* order()
      for (const occurred_at of [
        "",
        "yesterday",
        "2026-01-31",
        "2026-01-31T14:59:39",
        "2026-01-31T14:59:39+5",
        "2026-01-31T14:59:39+99:99",
        "2026-13-31T14:59:39Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00",
        "+010000-01-01T00:00:00Z",
        1_769_850_000,
        true,
      ]) {
        const { status, body } = yield* post({ order_id: bitrixOrderId, status: "AP", occurred_at })
        assert.strictEqual(status, 422, String(occurred_at))
        assert.deepStrictEqual(body.detail[0].loc, ["body", "occurred_at"])
      }
      assert.deepStrictEqual(yield* inbox(bitrixOrderId), [])
    }),
  )

  it.effect("is not led astray by a sender whose clock is far ahead", () =>
    Effect.gen(function* () {
      const { post, order, chain } = yield* world
      const { id, bitrixOrderId } = yield* order()
      yield* post({ order_id: bitrixOrderId, status: "AP", occurred_at: "9999-12-31T23:59:59Z" })
      const { body } = yield* post({
        order_id: bitrixOrderId,
        status: "CO",
        occurred_at: new Date().toISOString(),
      })
      assert.strictEqual(body.status, "success")
      assert.deepStrictEqual(yield* chain(id), ["new -> accepted", "accepted -> assembled"])
    }),
  )

  it.effect("looks for the order first, then at the status, then at the time, then for a difference", () =>
    Effect.gen(function* () {
      const { post, order } = yield* world
      const { bitrixOrderId } = yield* order()
      yield* post({ order_id: bitrixOrderId, status: "AP", occurred_at: "2026-01-31T15:00:00Z" })
      const old = { occurred_at: "2026-01-31T14:00:00Z" }
      const reason = (event: object) => Effect.map(post(event), ({ body }) => body.reason)

      assert.deepStrictEqual(
        [
          yield* reason({ order_id: nextId(), status: "XX", ...old }),
          yield* reason({ order_id: bitrixOrderId, status: "XX", ...old }),
          yield* reason({ order_id: bitrixOrderId, status: "AP", ...old }),
          yield* reason({ order_id: bitrixOrderId, status: "AP" }),
        ],
        ["Order not found in Railway", "Unknown status: XX", "Stale event", "Status unchanged"],
      )
    }),
  )

  it.effect("answers a repeated event id exactly as the first time, also after later events", () =>
    Effect.gen(function* () {
      const { post, order, chain, inbox } = yield* world
      const { id, bitrixOrderId } = yield* order()
      const event = { order_id: bitrixOrderId, status: "AP", event_id: `e-${nextId()}` }

      const first = yield* post(event)
      assert.strictEqual(first.body.status, "success")
      yield* post({ order_id: bitrixOrderId, status: "CO" })
      const repeated = yield* post(event)
      const withAnotherBody = yield* post({ ...event, status: "F", notes: "другое" })

      assert.strictEqual(JSON.stringify(repeated.body), JSON.stringify(first.body))
      assert.strictEqual(JSON.stringify(withAnotherBody.body), JSON.stringify(first.body))
      assert.deepStrictEqual(yield* chain(id), ["new -> accepted", "accepted -> assembled"])
      assert.strictEqual((yield* inbox(bitrixOrderId)).length, 2)
    }),
  )

  it.effect("answers a repeated event id as skipped when it was skipped, whatever has changed since", () =>
    Effect.gen(function* () {
      const { post, order, chain, inbox } = yield* world
      const { id, bitrixOrderId } = yield* order()
      const unchanged = { order_id: bitrixOrderId, status: "N", event_id: `e-${nextId()}` }
      const unmapped = { order_id: bitrixOrderId, status: "XX", event_id: `e-${nextId()}` }

      const first = [yield* post(unchanged), yield* post(unmapped)]
      yield* post({ order_id: bitrixOrderId, status: "AP" })
      const again = [yield* post(unchanged), yield* post(unmapped)]

      assert.deepStrictEqual(
        again.map(({ body }) => JSON.stringify(body)),
        first.map(({ body }) => JSON.stringify(body)),
      )
      assert.deepStrictEqual(yield* chain(id), ["new -> accepted"])
      assert.strictEqual((yield* inbox(bitrixOrderId)).length, 3)
    }),
  )

  it.effect("applies an event once when its deliveries arrive together", () =>
    Effect.gen(function* () {
      const { post, order, chain } = yield* world
      const { id, bitrixOrderId } = yield* order()
      const event = { order_id: bitrixOrderId, status: "AP", event_id: `e-${nextId()}` }
      const answers = yield* Effect.all(
        Array.from({ length: 20 }, () => post(event)),
        { concurrency: "unbounded" },
      )
      assert.deepStrictEqual(
        answers.map(({ body }) => body.new_status),
        answers.map(() => "accepted"),
      )
      assert.deepStrictEqual(yield* chain(id), ["new -> accepted"])
    }),
  )

  it.effect("gives the first answer to an event id that another node is recording at the same moment", () =>
    Effect.gen(function* () {
      const { url, post, witness, inbox } = yield* world
      const event = { order_id: nextId(), status: "AP", event_id: `e-${nextId()}` }
      const first = unknownOrder(event.order_id)
      const answer = yield* Effect.promise(async () => {
        let pending: Promise<Answer> | undefined
        await witness.begin(async (transaction) => {
          await transaction`
            INSERT INTO inbox (id, shop_id, source, subject, event_id, payload, answer, state, reason)
            VALUES (gen_random_uuid(), 17008, 'bitrix.order_status', ${String(event.order_id)}, ${event.event_id},
                    ${transaction.json(event)}, ${transaction.json(first)}, 'parked', ${first.reason})`
          pending = postStatus(url, event)
          await untilBlocked(witness)
        })
        return pending
      })
      assert.strictEqual(answer?.status, 200)
      assert.deepStrictEqual(answer?.body, first)
      assert.deepStrictEqual((yield* post(event)).body, first)
      assert.strictEqual((yield* inbox(event.order_id)).length, 1)
    }),
  )

  it.effect("takes the order id as a number, as decimal text or as a float without a fraction", () =>
    Effect.gen(function* () {
      const { post, order } = yield* world
      const { bitrixOrderId: id } = yield* order()
      const spellings = [`${id}`, `"${id}"`, `${id}.0`, `"${id}.0"`, `" ${id} "`, `"+${id}"`, `"000${id}"`]
      const codes = ["AP", "CO"]
      for (const [index, spelling] of spellings.entries()) {
        const { status, body } = yield* post(`{"order_id":${spelling},"status":"${codes[index % 2]}"}`)
        assert.strictEqual(status, 200, spelling)
        assert.deepStrictEqual([body.status, body.bitrix_order_id], ["success", id], spelling)
      }
    }),
  )

  it.effect("treats ids that no order can have as unknown orders", () =>
    Effect.gen(function* () {
      const { post } = yield* world
      const ids: ReadonlyArray<readonly [string, number | string]> = [
        ["0", 0],
        ["-0", 0],
        ["-5", -5],
        ['"-5"', -5],
        ["2147483648", 2_147_483_648],
        ["9007199254740993", "9007199254740993"],
        ["9223372036854775807", "9223372036854775807"],
        ["9223372036854775808", "9223372036854775808"],
        ['"9223372036854775808"', "9223372036854775808"],
        ["-9223372036854775809", "-9223372036854775809"],
        ["123456789012345678901234567890", "123456789012345678901234567890"],
      ]
      for (const [spelling, echoed] of ids) {
        const { status, body } = yield* post(`{"order_id":${spelling},"status":"AP"}`)
        assert.strictEqual(status, 200, spelling)
        assert.deepStrictEqual(body, unknownOrder(echoed), spelling)
      }
    }),
  )

  it.effect("finds an order whose id is beyond what a double holds, and not its neighbour", () =>
    Effect.gen(function* () {
      const { post, order, status } = yield* world
      const { id } = yield* order({ bitrixOrderId: 9_007_199_254_740_995n })
      const neighbour = yield* order({ bitrixOrderId: 9_007_199_254_740_996n })
      const { body } = yield* post('{"order_id":9007199254740995,"status":"AP"}')
      assert.deepStrictEqual([body.order_id, body.bitrix_order_id], [id, "9007199254740995"])
      assert.deepStrictEqual([yield* status(id), yield* status(neighbour.id)], ["accepted", "new"])
    }),
  )

  it.effect("refuses an order id that is no whole number", () =>
    Effect.gen(function* () {
      const { post } = yield* world
      for (const spelling of [
        "1e400",
        "-1e400",
        "1.5",
        "true",
        "null",
        "[]",
        "[1]",
        "{}",
        '""',
        '" "',
        '"abc"',
        '"12.5"',
        '"1e3"',
        '"0x10"',
        '"1 2"',
        '"١٢"',
        '"NaN"',
        '"Infinity"',
        `"${"9".repeat(60_000)}"`,
      ]) {
        const { status, body } = yield* post(`{"order_id":${spelling},"status":"AP"}`)
        assert.strictEqual(status, 422, spelling.slice(0, 50))
        assert.deepStrictEqual(body.detail[0].loc, ["body", "order_id"], spelling.slice(0, 50))
      }
    }),
  )

  it.effect("keeps who changed the status in Bitrix when that can be an id of a user", () =>
    Effect.gen(function* () {
      const { post, order, history } = yield* world
      const { id, bitrixOrderId } = yield* order()
      const codes = ["AP", "CO", "DE", "F", "RF", "N", "PD"]
      const givenIds = ['"17"', "18.0", "9223372036854775807", "0", "-1", "9223372036854775808", "null"]
      for (const [index, changedBy] of givenIds.entries()) {
        const body = `{"order_id":${bitrixOrderId},"status":"${codes[index]}","changed_by_id":${changedBy}}`
        assert.strictEqual((yield* post(body)).body.status, "success", changedBy)
      }
      assert.deepStrictEqual(
        (yield* history(id)).map((step) => step["bitrix_user_id"]),
        ["17", "18", "9223372036854775807", null, null, null, null],
      )
    }),
  )

  it.effect("cuts notes that are too long instead of losing the change of status", () =>
    Effect.gen(function* () {
      const { post, order, history } = yield* world
      const { id, bitrixOrderId } = yield* order()
      yield* post({ order_id: bitrixOrderId, status: "AP", notes: "ж".repeat(20_000) })
      yield* post({ order_id: bitrixOrderId, status: "CO", notes: `${"x".repeat(3_999)}🌷🌷` })
      yield* post({ order_id: bitrixOrderId, status: "DE", notes: "" })
      assert.deepStrictEqual(
        (yield* history(id)).map((step) => step["notes"]),
        [`${"ж".repeat(4_000)}…`, `${"x".repeat(3_999)}\ufffd…`, ""],
      )
    }),
  )

  it.effect("survives text that PostgreSQL cannot hold, in every field", () =>
    Effect.gen(function* () {
      const { post, order, history } = yield* world
      const { id, bitrixOrderId } = yield* order()
      const event = `e-${nextId()}`
      const changed = yield* post(
        `{"order_id":${bitrixOrderId},"status":"AP","notes":"a\\u0000b\\ud800c\\udc00","event_id":"${event}\\u0000"}`,
      )
      assert.strictEqual(changed.body.status, "success")
      const repeated = yield* post(`{"order_id":${bitrixOrderId},"status":"CO","event_id":"${event}\\u0000"}`)
      assert.deepStrictEqual(repeated.body, changed.body)
      const unmapped = yield* post(`{"order_id":${bitrixOrderId},"status":"\\u0000\\udfff"}`)
      assert.strictEqual(unmapped.body.reason, "Unknown status: \ufffd\ufffd")
      assert.deepStrictEqual(
        (yield* history(id)).map((step) => step["notes"]),
        ["a\ufffdb\ufffdc\ufffd"],
      )
    }),
  )

  it.effect("leaves the other shop's order with the same Bitrix id alone", () =>
    Effect.gen(function* () {
      const { post, order, status, history } = yield* world
      const bitrixOrderId = nextId()
      const other = yield* order({ bitrixOrderId, shopId: OTHER_SHOP_ID })
      assert.deepStrictEqual(
        (yield* post({ order_id: bitrixOrderId, status: "CO" })).body,
        unknownOrder(bitrixOrderId),
      )
      const ours = yield* order({ bitrixOrderId })
      assert.strictEqual(
        (yield* post({ order_id: bitrixOrderId, status: "AP" })).body.railway_order_id,
        ours.id,
      )
      assert.strictEqual(yield* status(other.id), "new")
      assert.deepStrictEqual(yield* history(other.id), [])
    }),
  )

  it.effect("waits for an order that somebody else holds for a moment", () =>
    Effect.gen(function* () {
      const { url, order, witness, inbox, chain } = yield* world
      const { id, bitrixOrderId } = yield* order()
      const { waiting } = yield* Effect.promise(() =>
        witness.begin(async (transaction) => {
          await transaction`SELECT FROM "order" WHERE id = ${id} FOR UPDATE`
          const waiting = postStatus(url, { order_id: bitrixOrderId, status: "AP" })
          await new Promise((resolve) => setTimeout(resolve, 300))
          return { waiting }
        }),
      )
      const { status, body } = yield* Effect.promise(() => waiting)
      assert.deepStrictEqual([status, body.status], [200, "success"])
      assert.deepStrictEqual(yield* chain(id), ["new -> accepted"])
      assert.strictEqual((yield* inbox(bitrixOrderId)).length, 1)
    }),
  )

  it.effect("lets no event of an order overtake one that was received before it", () =>
    Effect.gen(function* () {
      const { url, order, witness } = yield* world
      const connections = yield* Effect.all(Array.from({ length: 3 }, () => RawHttp.make(url)))
      yield* Effect.forEach(connections, ({ send }) => send({ path: "/" }))
      const crowd = async (bitrixOrderId: number, pauseMs: number) => {
        const answers: Array<Promise<RawHttp.Received>> = []
        for (const [index, status] of ["AP", "CO", "DE"].entries()) {
          const body = JSON.stringify({ order_id: bitrixOrderId, status })
          const headers = { "x-webhook-secret": SECRET }
          const request = { method: "POST", path: RawHttp.WEBHOOK, headers, body }
          const connection = connections[index]
          if (connection !== undefined) answers.push(connection.exchange(request))
          await new Promise((resolve) => setTimeout(resolve, pauseMs))
        }
        await Promise.all(answers)
      }
      for (let n = 0; n < 60; n++) {
        const { id, bitrixOrderId } = yield* order()
        yield* Effect.promise(() => crowd(bitrixOrderId, 1 + (n % 3)))
        const steps = yield* Effect.promise(
          () => witness`
            SELECT i.received_at
            FROM order_history h
            JOIN inbox i ON i.id = h.inbox_id
            WHERE h.order_id = ${id}
            ORDER BY h.id`,
        )
        const received = steps.map((step): number => step["received_at"].getTime())
        assert.deepStrictEqual(
          received,
          received.toSorted((a, b) => a - b),
        )
      }
    }),
  )

  it.effect("applies the events of other orders while somebody else holds one order", () =>
    Effect.gen(function* () {
      const { url, order, witness, status } = yield* world
      const held = yield* order()
      const free = yield* Effect.all(Array.from({ length: 8 }, () => order()))
      const answers = yield* Effect.promise(() =>
        witness.begin(async (transaction) => {
          await transaction`SELECT FROM "order" WHERE id = ${held.id} FOR UPDATE`
          const waiting = postStatus(url, { order_id: held.bitrixOrderId, status: "AP" })
          const others = await Promise.all(
            free.map(({ bitrixOrderId }) => postStatus(url, { order_id: bitrixOrderId, status: "AP" })),
          )
          return [...others, await waiting]
        }),
      )
      assert.deepStrictEqual(
        answers.map(({ status }) => status),
        [...free.map(() => 200), 503],
      )
      assert.deepStrictEqual(answers.at(-1)?.body, { detail: "Service temporarily unavailable" })
      assert.strictEqual(answers.at(-1)?.headers.get("retry-after"), "1")
      assert.strictEqual(yield* status(held.id), "new")
    }),
  )
})

/** Waits until some other session waits for a lock. */
const untilBlocked = async (witness: Effect.Success<typeof world>["witness"]): Promise<void> => {
  for (;;) {
    const [row] = await witness`
      SELECT count(*)::integer AS waiting
      FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`
    if (row?.["waiting"] > 0) return
  }
}
