import { gzipSync } from "node:zlib"
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RawHttp from "../support/RawHttp.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { insertOrder, nextId } from "../support/TestOrders.ts"
import { SECRET, TestService } from "../support/TestService.ts"

class Wire extends Context.Service<
  Wire,
  RawHttp.RawHttp & { readonly order: Effect.Effect<{ readonly id: number; readonly bitrixOrderId: number }> }
>()("cvety/test/webhookTolerance") {
  static readonly layer = Layer.effect(
    Wire,
    Effect.gen(function* () {
      const { url } = yield* TestService
      const { witness } = yield* TestDatabase
      return { ...(yield* RawHttp.make(url)), order: Effect.promise(() => insertOrder(witness)) }
    }),
  ).pipe(Layer.provideMerge(TestService.layer))
}

const validBody = (bitrixOrderId: number) => JSON.stringify({ order_id: bitrixOrderId, status: "AP" })

/** An event for nobody: valid, and changes nothing. */
const harmless = () => validBody(nextId())

const MISSING_ORDER = "Order not found in Railway"

layer(Wire.layer, { excludeTestServices: true })("a body of the webhook", (it) => {
  it.effect("is read as JSON under every type that the old service took for JSON", () =>
    Effect.gen(function* () {
      const { webhook } = yield* Wire
      for (const type of [
        undefined,
        "",
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'APPLICATION/JSON; Charset="utf8"',
        "application/json; boundary=x",
        "application/vnd.x+json",
        "application/problem+json; charset=utf-8",
        "application/vnd.cvety.v1+json",
      ]) {
        const { status, body } = yield* webhook(harmless(), {
          headers: type === undefined ? {} : { "content-type": type },
        })
        assert.strictEqual(status, 200, type)
        assert.strictEqual(body.reason, MISSING_ORDER, type)
      }
    }),
  )

  it.effect("of another type or charset is refused with 415", () =>
    Effect.gen(function* () {
      const { webhook } = yield* Wire
      for (const type of [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "text/plain;charset=UTF-8",
        "text/json",
        "application/xml",
        "application/jsonp",
        "application/json2",
        "json",
        "*/*",
        "application/json; charset=windows-1251",
        "application/json; charset=utf-16",
      ]) {
        const { status, body } = yield* webhook(harmless(), { headers: { "content-type": type } })
        assert.strictEqual(status, 415, type)
        assert.deepStrictEqual(body, { detail: "Request body must be JSON in UTF-8" }, type)
      }
    }),
  )

  it.effect("that is compressed is refused with 415, whatever is in it", () =>
    Effect.gen(function* () {
      const { webhook } = yield* Wire
      const gzip = gzipSync(harmless())
      for (const encoding of ["gzip", "GZIP", "deflate", "br", "gzip, identity"]) {
        const { status } = yield* webhook(gzip, { headers: { "content-encoding": encoding } })
        assert.strictEqual(status, 415, encoding)
      }
      const identity = yield* webhook(harmless(), { headers: { "content-encoding": "identity" } })
      assert.strictEqual(identity.status, 200)
      const undeclared = yield* webhook(gzip)
      assert.strictEqual(undeclared.status, 400)
    }),
  )

  it.effect("is read although its sender offers to speak another protocol", () =>
    Effect.gen(function* () {
      const { webhook } = yield* Wire
      for (const protocol of ["h2c", "websocket", "TLS/1.3"]) {
        for (const isChunked of [false, true]) {
          const { status, body } = yield* webhook(harmless(), {
            headers: {
              connection: "Upgrade, HTTP2-Settings",
              upgrade: protocol,
              "http2-settings": "AAMAAABk",
            },
            isChunked,
          })
          assert.strictEqual(status, 200, protocol)
          assert.strictEqual(body.reason, MISSING_ORDER)
        }
      }
    }),
  )

  it.effect("may begin with a byte order mark, and with space around it", () =>
    Effect.gen(function* () {
      const { webhook } = yield* Wire
      for (const [before, after] of [
        ["\ufeff", ""],
        ["\ufeff \r\n\t", "\n\n"],
      ]) {
        const { status } = yield* webhook(`${before}${harmless()}${after}`)
        assert.strictEqual(status, 200, JSON.stringify(before))
      }
      assert.strictEqual((yield* webhook(`\ufeff\ufeff${harmless()}`)).status, 422)
    }),
  )

  it.effect("may have keys that nobody knows, however they are called", () =>
    Effect.gen(function* () {
      const { webhook, order } = yield* Wire
      const { id, bitrixOrderId } = yield* order
      const { status, body } = yield* webhook(
        `{"__proto__":{"status":"F"},"constructor":1,"":null,"secret":"x","Status":"F","order":{"a":[[1]]},
          "order_id":${bitrixOrderId},"status":"AP","toString":false,"shop_id":8}`,
      )
      assert.strictEqual(status, 200)
      assert.deepStrictEqual([body.order_id, body.new_status], [id, "accepted"])
    }),
  )

  it.effect("does not find its fields in the prototype of an object", () =>
    Effect.gen(function* () {
      const { webhook } = yield* Wire
      const { status, body } = yield* webhook('{"__proto__":{"order_id":1,"status":"AP"}}')
      assert.strictEqual(status, 422)
      assert.deepStrictEqual(
        body.detail.map(({ type }: { type: string }) => type),
        ["missing", "missing"],
      )
    }),
  )

  it.effect("with a key twice means the last one", () =>
    Effect.gen(function* () {
      const { webhook, order } = yield* Wire
      const { id, bitrixOrderId } = yield* order
      const { body } = yield* webhook(
        `{"order_id":1,"status":"XX","status":"F","order_id":${bitrixOrderId},"status":"AP"}`,
      )
      assert.deepStrictEqual([body.order_id, body.new_status], [id, "accepted"])
      const spoiled = yield* webhook(`{"order_id":${bitrixOrderId},"status":"CO","status":null}`)
      assert.strictEqual(spoiled.status, 422)
    }),
  )

  it.effect("may write its optional fields as null", () =>
    Effect.gen(function* () {
      const { webhook, order } = yield* Wire
      const { bitrixOrderId } = yield* order
      const { body } = yield* webhook(
        `{"order_id":${bitrixOrderId},"status":"AP","changed_by_id":null,"notes":null,"event_id":null,"occurred_at":null}`,
      )
      assert.strictEqual(body.status, "success")
    }),
  )

  it.effect("that is no JSON is a 422 that says where, and nothing of what it said", () =>
    Effect.gen(function* () {
      const { webhook } = yield* Wire
      for (const text of [
        "",
        " ",
        "{",
        '{"order_id": 1, "status": "AP"',
        '{"order_id": 1, "status": "AP',
        '{"order_id": 1, "status": "AP"}}',
        "{'order_id': 1}",
        "{order_id: 1}",
        '{"order_id": NaN, "status": "AP"}',
        '{"order_id": Infinity, "status": "AP"}',
        '{"order_id": -Infinity, "status": "AP"}',
        '{"order_id": 01, "status": "AP"}',
        '{"order_id": 1., "status": "AP"}',
        '{"order_id": +1, "status": "AP"}',
        '{"order_id": 1,, "status": "AP"}',
        '{"order_id": 1, "status": "AP",}',
        '{"order_id": 1, "status": "line\nbreak"}',
        '{"order_id": 1, "status": "\\x41"}',
        "order_id=1&status=AP",
        "<order/>",
        "undefined",
        'sesame-opens {"order_id": 1}',
        '{"order_id": sesame-opens}',
        '{"order_id": 1 sesame-opens}',
        "]".repeat(1_000),
      ]) {
        const { status, body } = yield* webhook(text)
        assert.strictEqual(status, 422, text.slice(0, 60))
        assert.strictEqual(body.detail.length, 1)
        assert.deepStrictEqual(Object.keys(body.detail[0]).sort(), ["input", "loc", "msg", "type"])
        assert.strictEqual(body.detail[0].type, "json_invalid")
        assert.strictEqual(body.detail[0].loc[0], "body")
        assert.match(body.detail[0].msg, /^JSON decode error: ./)
        assert.notInclude(JSON.stringify(body), "sesame")
      }
    }),
  )

  it.effect("with a number beyond every number is a 422, not an error of ours", () =>
    Effect.gen(function* () {
      const { webhook } = yield* Wire
      for (const field of ["order_id", "changed_by_id"]) {
        for (const number of ["1e999", "-1e999", "1e400"]) {
          const { status, body } = yield* webhook(`{"order_id":1,"status":"AP","${field}":${number}}`)
          assert.strictEqual(status, 422, `${field} ${number}`)
          assert.deepStrictEqual(body.detail[0].loc, ["body", field])
          assert.match(body.detail[0].input, /^-?Infinity$/)
        }
      }
    }),
  )

  it.effect("in another encoding than UTF-8 is a clear 4xx", () =>
    Effect.gen(function* () {
      const { webhook } = yield* Wire
      const text = '{"order_id":1,"status":"AP","notes":"Принят"}'
      const notUtf8 = [
        Buffer.from(`\ufeff${text}`, "utf16le"),
        Buffer.from(`\ufeff${text}`, "utf16le").swap16(),
        Buffer.from(text, "utf16le"),
        Buffer.from(text, "latin1"),
        Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
        Buffer.from([0x22, 0xc0, 0x80, 0x22]),
        Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]),
        Buffer.from([0x22, 0xf4, 0x90, 0x80, 0x80, 0x22]),
        Buffer.from([0x22, 0xd0]),
      ]
      for (const [index, bytes] of notUtf8.entries()) {
        const { status, body } = yield* webhook(bytes)
        assert.include([400, 422], status, `case ${index}`)
        assert.isDefined(body.detail)
      }
      const { status, body } = yield* webhook(notUtf8[0] ?? "")
      assert.strictEqual(status, 400)
      assert.deepStrictEqual(body, { detail: "Request body is not valid UTF-8" })
    }),
  )

  it.effect("that is nested deeply is refused before anything walks it", () =>
    Effect.gen(function* () {
      const { webhook } = yield* Wire
      const tooDeep = { detail: "Request body is nested deeper than 32 levels" }
      for (const text of [
        "[".repeat(60_000),
        `${"[".repeat(30_000)}${"]".repeat(30_000)}`,
        '{"a":'.repeat(12_000),
        `{"order_id":1,"status":"AP","x":${"[".repeat(32)}${"]".repeat(32)}}`,
      ]) {
        const { status, body } = yield* webhook(text)
        assert.strictEqual(status, 400, text.slice(0, 40))
        assert.deepStrictEqual(body, tooDeep)
      }
      const atTheLimit = `{"order_id":${nextId()},"status":"AP","x":${"[".repeat(31)}${"]".repeat(31)}}`
      assert.strictEqual((yield* webhook(atTheLimit)).status, 200)
      const brackets = `{"order_id":${nextId()},"status":"AP","x":"\\"${"[{".repeat(1_000)}"}`
      assert.strictEqual((yield* webhook(brackets)).status, 200)
    }),
  )

  it.effect("of more than 64 KiB is refused with 413, and the next request is served", () =>
    Effect.gen(function* () {
      const { webhook } = yield* Wire
      const padded = (bytes: number) => harmless().padEnd(bytes)
      const tooLarge = { detail: "Request body is larger than 65536 bytes" }

      assert.strictEqual((yield* webhook(padded(65_536))).status, 200)
      assert.strictEqual((yield* webhook(padded(65_536), { isChunked: true })).status, 200)
      for (const bytes of [65_537, 200_000, 5_000_000]) {
        for (const isChunked of [false, true]) {
          const name = `${bytes} bytes, ${isChunked ? "in chunks" : "with a length"}`
          const { status, body } = yield* webhook(padded(bytes), { isChunked })
          assert.strictEqual(status, 413, name)
          assert.deepStrictEqual(body, tooLarge, name)
          assert.strictEqual((yield* webhook(harmless())).status, 200, `after ${name}`)
        }
      }
    }),
  )

  it.effect("that is no object is a 422 in list form", () =>
    Effect.gen(function* () {
      const { webhook } = yield* Wire
      for (const [text, input] of [
        ["[]", []],
        ['[{"order_id":1,"status":"AP"}]', []],
        ["5", 5],
        ["-0.5e-3", -0.0005],
        ['"x"', "x"],
        ['"{\\"order_id\\":1}"', '{"order_id":1}'],
        ["null", null],
        ["true", true],
        ["12345678901234567890", "12345678901234567890"],
      ] as const) {
        const { status, body } = yield* webhook(text)
        assert.strictEqual(status, 422, text)
        assert.strictEqual(body.detail.length, 1, text)
        const [problem] = body.detail
        assert.deepStrictEqual(Object.keys(problem).sort(), ["input", "loc", "msg", "type"], text)
        assert.deepStrictEqual([problem.loc, problem.input], [["body"], input], text)
        assert.isString(problem.msg)
      }
    }),
  )

  it.effect("without the required fields names each of them as missing", () =>
    Effect.gen(function* () {
      const { webhook } = yield* Wire
      const missing = (field: string) => ({
        type: "missing",
        loc: ["body", field],
        msg: "Field required",
        input: null,
      })
      assert.deepStrictEqual((yield* webhook("{}")).body, {
        detail: [missing("order_id"), missing("status")],
      })
      assert.deepStrictEqual((yield* webhook('{"status":"AP"}')).body, { detail: [missing("order_id")] })
      const { status, body } = yield* webhook('{"order_id":1}')
      assert.strictEqual(status, 422)
      assert.deepStrictEqual(body, { detail: [missing("status")] })
    }),
  )

  it.effect("with several wrong fields has one entry for each, with what came", () =>
    Effect.gen(function* () {
      const { webhook } = yield* Wire
      const { status, body } = yield* webhook(
        JSON.stringify({
          order_id: "x".repeat(5_000),
          status: 5,
          changed_by_id: [1],
          notes: { a: 1 },
          event_id: "",
          occurred_at: "now",
        }),
      )
      assert.strictEqual(status, 422)
      const problems: ReadonlyArray<{ loc: ReadonlyArray<string>; input: unknown }> = body.detail
      assert.deepStrictEqual(Object.fromEntries(problems.map(({ loc, input }) => [loc.join("."), input])), {
        "body.order_id": `${"x".repeat(100)}…`,
        "body.status": 5,
        "body.changed_by_id": [],
        "body.notes": {},
        "body.event_id": "",
        "body.occurred_at": "now",
      })
    }),
  )

  it.effect("with a status or an event id that is far too long is a 422", () =>
    Effect.gen(function* () {
      const { webhook } = yield* Wire
      const event = (more: object) => webhook(JSON.stringify({ order_id: nextId(), status: "AP", ...more }))
      assert.strictEqual((yield* event({ status: "A".repeat(65) })).status, 422)
      assert.strictEqual((yield* event({ status: "A".repeat(64) })).status, 200)
      assert.strictEqual((yield* event({ event_id: "e".repeat(201) })).status, 422)
      assert.strictEqual((yield* event({ event_id: `${nextId()}`.padEnd(200, "🌷") })).status, 200)
    }),
  )
})

layer(Wire.layer, { excludeTestServices: true })("the path of the webhook", (it) => {
  it.effect("knows no method but POST, and says so", () =>
    Effect.gen(function* () {
      const { send } = yield* Wire
      for (const method of ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"]) {
        for (const path of [RawHttp.WEBHOOK, `${RawHttp.WEBHOOK}/`, `${RawHttp.WEBHOOK}?x=1`]) {
          const { status, headers, body } = yield* send({
            method,
            path,
            headers: { "x-webhook-secret": SECRET },
          })
          assert.strictEqual(status, 405, `${method} ${path}`)
          assert.strictEqual(headers.allow, "POST")
          if (method !== "HEAD") assert.deepStrictEqual(body, { detail: "Method Not Allowed" })
        }
      }
    }),
  )

  it.effect("works with a trailing slash and with a query", () =>
    Effect.gen(function* () {
      const { webhook } = yield* Wire
      for (const path of [`${RawHttp.WEBHOOK}/`, `${RawHttp.WEBHOOK}?a=%00`, `${RawHttp.WEBHOOK}/?`]) {
        const { status, body } = yield* webhook(harmless(), { path })
        assert.strictEqual(status, 200, path)
        assert.strictEqual(body.reason, MISSING_ORDER)
      }
    }),
  )

  it.effect("has no neighbours: an unknown path is a 404, for every method and every spelling", () =>
    Effect.gen(function* () {
      const { send } = yield* Wire
      for (const method of ["GET", "POST", "DELETE", "OPTIONS"]) {
        for (const path of [
          "/api/v1/webhooks/order-status",
          "/api/v1/webhooks/order-status-sync/x",
          "/api/v1/Webhooks/order-status-sync",
          "/api/v2/webhooks/order-status-sync",
          "/.env",
          "/%",
          "/%00",
          "/%ff%fe",
          "/a".repeat(2_000),
        ]) {
          const { status, body } = yield* send({ method, path })
          assert.strictEqual(status, 404, `${method} ${path.slice(0, 60)}`)
          assert.deepStrictEqual(body, { detail: "Not Found" })
        }
      }
    }),
  )
})

layer(Wire.layer, { excludeTestServices: true })("X-Request-ID", (it) => {
  /** One request for each kind of answer, errors included. */
  const kinds: Readonly<Record<string, RawHttp.Sent>> = {
    "200": { path: "/health" },
    "200 metrics": { path: "/metrics" },
    "200 webhook": { method: "POST", path: RawHttp.WEBHOOK, body: '{"order_id":0,"status":"AP"}' },
    "400": { method: "POST", path: RawHttp.WEBHOOK, body: new Uint8Array([0xff]) },
    "401": { method: "POST", path: RawHttp.WEBHOOK, headers: { "x-webhook-secret": "wrong" } },
    "401 token": { path: "/api/v1/orders/789" },
    "404": { path: "/nowhere" },
    "404 order": { path: "/api/v1/orders/by-tracking/000000000/status" },
    "405": { path: RawHttp.WEBHOOK },
    "413": { method: "POST", path: RawHttp.WEBHOOK, body: "x".repeat(70_000) },
    "415": { method: "POST", path: RawHttp.WEBHOOK, body: "x", headers: { "content-type": "text/plain" } },
    "422": { method: "POST", path: RawHttp.WEBHOOK, body: "{}" },
  }

  it.effect("comes back on every answer, errors included", () =>
    Effect.gen(function* () {
      const { send } = yield* Wire
      for (const [kind, request] of Object.entries(kinds)) {
        const { status, headers } = yield* send({
          ...request,
          headers: { "x-webhook-secret": SECRET, ...request.headers, "x-request-id": "req-7:a.b_C" },
        })
        assert.strictEqual(String(status), kind.slice(0, 3))
        assert.strictEqual(headers["x-request-id"], "req-7:a.b_C", kind)
      }
    }),
  )

  it.effect("is made when none was given, a new one each time", () =>
    Effect.gen(function* () {
      const { send } = yield* Wire
      const ids = new Set<string>()
      for (const [kind, request] of Object.entries(kinds)) {
        const { headers } = yield* send({
          ...request,
          headers: { "x-webhook-secret": SECRET, ...request.headers },
        })
        assert.match(String(headers["x-request-id"]), /^req_[0-9a-f]{12}$/, kind)
        ids.add(String(headers["x-request-id"]))
      }
      assert.strictEqual(ids.size, Object.keys(kinds).length)
    }),
  )

  it.effect("is replaced when it would be unsafe to repeat or to log", () =>
    Effect.gen(function* () {
      const { send } = yield* Wire
      for (const given of [
        "",
        "a b",
        "a\tb",
        '{"a":1}',
        "a,b",
        "<script>",
        "%0d%0a",
        "é",
        "x".repeat(129),
        "'; DROP TABLE inbox; --",
      ]) {
        const { status, headers } = yield* send({ path: "/", headers: { "x-request-id": given } })
        assert.strictEqual(status, 200)
        assert.match(String(headers["x-request-id"]), /^req_[0-9a-f]{12}$/, given)
      }
      const longest = "x".repeat(128)
      const { headers } = yield* send({ path: "/", headers: { "x-request-id": longest } })
      assert.strictEqual(headers["x-request-id"], longest)
    }),
  )
})
