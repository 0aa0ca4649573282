import { layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { makeHttpClient } from "../support/HttpClient.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { insertOrder } from "../support/TestOrders.ts"
import { startNode } from "../support/TestNode.ts"
import { SECRET, TestService } from "../support/TestService.ts"

layer(TestService.layer, { excludeTestServices: true })("probe", (it) => {
  it.effect("probes", () =>
    Effect.gen(function* () {
      const { witness } = yield* TestDatabase
      const { url, log } = yield* startNode({ settings: { WEBHOOK_SECRET_PREVIOUS: "" } })
      const client = makeHttpClient(url)
      const o = yield* Effect.promise(() => insertOrder(witness))
      const post = (body: any, headers: any = {}) =>
        client.send({ method: "POST", path: "/api/v1/webhooks/order-status-sync", headers: { "x-webhook-secret": SECRET, ...headers }, body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body) })
      const show = (name: string, p: Promise<any>) => Effect.promise(async () => { const r = await p.catch((e) => ({ status: -1, text: String(e) })); console.log(name.padEnd(40), r.status, r.text?.slice(0, 300), r.headers?.connection, r.isReused) })
      const id = o.bitrixOrderId
      yield* show("no header, previous empty", client.send({ method: "POST", path: "/api/v1/webhooks/order-status-sync", body: "{}" }))
      for (const at of ["9999-12-31T23:59:59-05:00", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+05:00", "2025-02-30T00:00:00Z", "2025-09-26 14:59:39+0500", "2025-09-26T14:59:39.123456789+05:00", "2025-09-26 14:59:39.123456789+0500", "2025-09-26T24:00:00Z", "2025-09-26T14:59Z","2025-09-26T14:59:39+05", "2025-09-26T14:59:39+9999", "0100-01-01T00:00:00Z"])
        yield* show(at, post({ order_id: id, status: "AP", occurred_at: at }))
      for (const oid of ['"100004"', "100004.0", "1e400", "-1e400", "1e308", "1e30", "1.5", "true", "null", '"abc"', '"12.0"', '" 12 "', "0", "-5", '"-5"', '"+5"', '""', '" "', "[]", "{}", "2147483648", "9223372036854775808", "9223372036854775807", "123456789012345678901234567890", "100000000000000001.0", '"0x10"', '"1e3"', "1e3", '"1_000"', `"${"9".repeat(101)}"`, `"${"0".repeat(200)}5"`, "-0", "-0.0"])
        yield* show("id " + oid.slice(0, 40), post(`{"order_id":${oid},"status":"AP"}`))
      yield* show("no ct", post({ order_id: id, status: "ZZ" }))
      yield* show("empty", post(""))
      yield* show("trunc", post('{"order_id": 1, "sta'))
      yield* show("NaN", post('{"order_id": NaN}'))
      yield* show("bad utf8", post(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])))
      yield* show("utf16", post(Buffer.from('\ufeff{"order_id":1,"status":"AP"}', "utf16le")))
      yield* show("utf16 noBOM", post(Buffer.from('{"order_id":1,"status":"AP"}', "utf16le")))
      yield* show("deep", post("[".repeat(40000)))
      yield* show("array", post("[1,2]"))
      yield* show("num", post("5"))
      yield* show("str", post('"x"'))
      yield* show("null", post("null"))
      yield* show("obj", post("{}"))
      yield* show("5MB", post("x".repeat(5_000_000)))
      yield* show("5MB chunked", client.send({ method: "POST", path: "/api/v1/webhooks/order-status-sync", headers: { "x-webhook-secret": SECRET }, body: "x".repeat(5_000_000), isChunked: true }))
      yield* show("after", post({ order_id: id, status: "AP" }))
      yield* show("401 5MB chunked", client.send({ method: "POST", path: "/api/v1/webhooks/order-status-sync", headers: { "x-webhook-secret": "x" }, body: "x".repeat(5_000_000), isChunked: true }))
      yield* show("after", post({ order_id: id, status: "AP" }))
      for (const m of ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND"])
        yield* show(m, client.send({ method: m, path: "/api/v1/webhooks/order-status-sync" }))
      for (const p of ["/nope", "/api/v1/webhooks/order-status-sync/", "/api/v1/orders/by-tracking/%00/status", "/api/v1/orders/by-tracking/0123456789/status", "/api/v1/orders/by-tracking/%/status", "/api/v1/orders/by-tracking/%zz/status", "/api/v1/orders/by-tracking/%ff/status", "/%", "/api/v1/orders/%", "/api/v1/orders/by-tracking//status", "//", "/?x", "/api/v1/orders/by-tracking/900000789/status", "/api/v1/orders/by-tracking/900000789/status/", "*", "http://x/health"])
        yield* show(p, client.send({ path: p }))
      for (const line of log.filter((l) => l.level !== "Info")) console.log(line.level, line.text.slice(0, 400))
      client.close()
    }),
  )
})
