import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { eventually } from "../support/eventually.ts"
import * as RawHttp from "../support/RawHttp.ts"
import * as ServiceProcess from "../support/ServiceProcess.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { insertOrder } from "../support/TestOrders.ts"
import { SECRET, SHOP_ID } from "../support/TestService.ts"
import * as TestToken from "../support/TestToken.ts"

const NOTES = "пожалуйста-тихо"
const WRONG_SECRET = "a-secret-with-a-typing-mistake"
const TRACE_ID = "0af7651916cd43dd8448eb211c80319c"

/** A process that traces: nobody listens where its spans go. */
class Process extends Context.Service<
  Process,
  RawHttp.RawHttp & {
    /** Every line so far, each of which must be JSON. */
    readonly lines: Effect.Effect<ReadonlyArray<Record<string, unknown>>>
    /** The lines of one request, once there are any. */
    readonly linesOf: (requestId: string) => Effect.Effect<ReadonlyArray<Record<string, unknown>>>
    readonly raw: () => string
  }
>()("cvety/test/JsonLog") {
  static readonly layer = Layer.effect(
    Process,
    Effect.gen(function* () {
      const { url: databaseUrl } = yield* TestDatabase
      const service = yield* ServiceProcess.start({
        APP_ENV: "production",
        DATABASE_URL: databaseUrl,
        IMAGES_BASE_URL: "https://api.example",
        RUN_SEEDS: "true",
        OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
      })
      const lines = Effect.sync(() => service.lines.map((line): Record<string, unknown> => JSON.parse(line)))
      const linesOf = (requestId: string) =>
        Effect.map(lines, (lines) => lines.filter((line) => line["request_id"] === requestId))
      return {
        ...(yield* RawHttp.make(service.url)),
        lines,
        linesOf: (requestId) =>
          Effect.andThen(
            eventually(
              Effect.map(linesOf(requestId), (lines) => lines.length > 0),
              "2 seconds",
            ),
            linesOf(requestId),
          ),
        raw: () => service.lines.join("\n"),
      }
    }),
  ).pipe(Layer.provideMerge(TestDatabase.layer))
}

layer(Process.layer, { excludeTestServices: true })("the log of the service", (it) => {
  it.effect("is one JSON object per line from its first line on, each with time, level and event", () =>
    Effect.gen(function* () {
      const { lines } = yield* Process
      const written = yield* lines
      assert.isAbove(written.length, 0)
      for (const line of written) {
        assert.strictEqual(new Date(String(line["timestamp"])).toISOString(), line["timestamp"])
        assert.include(["debug", "info", "warn", "error"], line["level"])
        assert.isString(line["event"])
        assert.isNotEmpty(line["event"])
      }
      assert.deepStrictEqual(
        written.filter(({ level }) => level === "error"),
        [],
      )
    }),
  )

  it.effect("ties an event to its request, its trace and its shop, and says what was answered", () =>
    Effect.gen(function* () {
      const { webhook, linesOf } = yield* Process
      const { witness } = yield* TestDatabase
      const { bitrixOrderId } = yield* Effect.promise(() => insertOrder(witness))
      const { body } = yield* webhook(
        JSON.stringify({ order_id: bitrixOrderId, status: "AP", notes: NOTES, event_id: "log-1" }),
        {
          headers: { "x-request-id": "log.success", traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01` },
        },
      )
      const [line, ...others] = yield* linesOf("log.success")
      assert.deepStrictEqual(others, [])
      assert.deepInclude(line, {
        level: "info",
        request_id: "log.success",
        trace_id: TRACE_ID,
        shop_id: SHOP_ID,
        event_id: "log-1",
        answer: body,
      })
    }),
  )

  it.effect("warns of a wrong secret, of no shop in particular", () =>
    Effect.gen(function* () {
      const { webhook, linesOf } = yield* Process
      yield* webhook("{}", {
        headers: { "x-webhook-secret": WRONG_SECRET, "x-request-id": "log.unauthentic" },
      })
      const [line] = yield* linesOf("log.unauthentic")
      assert.deepInclude(line, { level: "warn", event: "webhook authentication failed: invalid secret" })
      assert.notProperty(line, "shop_id")
    }),
  )

  it.effect("tells what went wrong unexpectedly, by the request id that the caller was given", () =>
    Effect.gen(function* () {
      const { webhook, linesOf } = yield* Process
      const { witness } = yield* TestDatabase
      const { bitrixOrderId } = yield* Effect.promise(() => insertOrder(witness))
      yield* Effect.promise(
        () =>
          witness`ALTER TABLE order_history ADD CONSTRAINT no_such_notes CHECK (notes NOT LIKE '%тихо-тихо%')`,
      )
      const { status, headers, body } = yield* webhook(
        JSON.stringify({ order_id: bitrixOrderId, status: "AP", notes: `${NOTES}-тихо` }),
      )
      yield* Effect.promise(() => witness`ALTER TABLE order_history DROP CONSTRAINT no_such_notes`)
      assert.strictEqual(status, 500)
      assert.deepStrictEqual(body, {
        detail: "Internal Server Error",
        request_id: headers["x-request-id"],
      })
      const [line] = yield* linesOf(String(headers["x-request-id"]))
      assert.deepInclude(line, { level: "error", event: "request failed unexpectedly" })
      assert.isNotEmpty(line?.["error"])
    }),
  )

  it.effect("holds no secret, no token, no notes, no phone and no name, whatever was asked", () =>
    Effect.gen(function* () {
      const { send, webhook, raw, lines } = yield* Process
      const token = yield* TestToken.sign({ shop_id: SHOP_ID })
      const order = yield* send({ path: "/api/v1/orders/789", headers: { authorization: `Bearer ${token}` } })
      assert.strictEqual(order.status, 200)
      yield* send({ path: "/api/v1/orders/789", headers: { authorization: `Bearer ${token}x` } })
      yield* send({ path: "/api/v1/orders/by-tracking/900000789/status" })
      yield* send({ path: `/nowhere?token=${token}&phone=%2B70000000013` })
      yield* webhook(`{"order_id":123456,"status":"AP","notes":"${NOTES} ${order.body.phone}"}`)
      yield* webhook(`{"order_id":"${NOTES}","status":5,"notes":[]}`)
      yield* webhook(`{"notes":"${NOTES}`)
      yield* webhook("{}", { headers: { "x-webhook-secret": WRONG_SECRET } })
      yield* Effect.sleep(100)

      yield* lines
      for (const secret of [
        SECRET,
        WRONG_SECRET,
        ServiceProcess.SIGNING_KEY,
        token,
        NOTES,
        order.body.phone,
        order.body.customerName,
        order.body.delivery_address,
        "+7700",
        "postgres://",
        "postgresql://",
      ]) {
        assert.notInclude(raw(), secret)
      }
    }),
  )
})
