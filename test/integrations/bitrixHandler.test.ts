import { spawn, spawnSync } from "node:child_process"
import { EventEmitter, once } from "node:events"
import { mkdtemp, readdir, readFile, rm, utimes } from "node:fs/promises"
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import { afterEach, assert, beforeEach, describe, it } from "vitest"
import * as OrderStatusEvent from "../../src/bitrix/OrderStatusEvent.ts"
import * as ProductEvent from "../../src/bitrix/ProductEvent.ts"
import * as ProductMapping from "../../src/bitrix/ProductMapping.ts"

const HANDLER = fileURLToPath(new URL("../../integrations/bitrix/", import.meta.url))
const SITE = fileURLToPath(new URL("bitrixSite.php", import.meta.url))
const SECRET = "handler-test-secret-of-no-value"
const IBLOCK = 5
const DAY_MS = 86_400_000
const PHP_SETTINGS = ["error_log=", "log_errors=1", "display_errors=1", "date.timezone=UTC"]

const hasPhp = spawnSync("php", ["-r", 'exit(extension_loaded("curl") ? 0 : 1);']).status === 0
const title = hasPhp
  ? "the handler for Bitrix"
  : "the handler for Bitrix (skipped: no php with curl on the PATH)"

type Outcome = number | "hang" | "reset"

interface Received {
  readonly path: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly body: Record<string, unknown>
}

/** What a backend answers: the outcomes of the script one after another, then 200. */
class Backend {
  readonly received: Array<Received> = []
  readonly arrivals = new EventEmitter()
  script: Array<Outcome> = []
  answerAfterMs = 0
  readonly #server = createServer(async (request, response) => {
    const chunks: Array<Buffer> = []
    for await (const chunk of request) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    this.received.push({ path: request.url, headers: request.headers, text, body: JSON.parse(text) })
    this.arrivals.emit("request")
    const outcome = this.script.shift() ?? 200
    setTimeout(() => this.#answer(response, outcome), this.answerAfterMs)
  })

  async listen(): Promise<void> {
    this.#server.listen(0, "127.0.0.1")
    await once(this.#server, "listening")
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/api/v1`
  }

  get ids(): ReadonlyArray<unknown> {
    return this.received.map(({ body }) => body["event_id"])
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #answer(response: ServerResponse, outcome: Outcome): void {
    if (outcome === "hang") return
    if (outcome === "reset") {
      response.socket?.resetAndDestroy()
      return
    }
    response.writeHead(outcome, { "content-type": "application/json" }).end('{"status":"success"}')
  }
}

interface Fired {
  readonly name: string
  readonly args: ReadonlyArray<unknown>
  readonly products: Readonly<Record<number, unknown>>
}

const property = (value: unknown) => ({ VALUE: value, "~VALUE": value })

const product = (price: unknown, more: Record<string, unknown> = {}) => ({
  fields: {
    IBLOCK_ID: IBLOCK,
    NAME: "Розы &quot;Алматы&quot;",
    "~NAME": 'Розы "Алматы"',
    ACTIVE: "Y",
    PREVIEW_PICTURE: "77",
    DETAIL_PICTURE: null,
    DATE_CREATE_UNIX: "1769853579",
    ...more,
  },
  properties: {
    PRICE: property(price),
    IMAGES: property(["78", "https://pictures.example/79.jpg"]),
    IS_READY: { VALUE: "Да", VALUE_XML_ID: "Y" },
    CATALOG_WIDTH: property("70 см"),
    COLORS: property(false),
  },
})

const saved = (name: string, id: number, products: Fired["products"]): Fired => ({
  name: `iblock/${name}`,
  args: [{ ID: id, IBLOCK_ID: IBLOCK, RESULT: true }],
  products,
})
const updated = (id: number, price: unknown = "7 500 ₸"): Fired =>
  saved("OnAfterIBlockElementUpdate", id, { [id]: product(price) })
const statusChanged = (id: number, from: string, to: string): Fired => ({
  name: "sale/OnSaleStatusOrderChange",
  args: [id, from, to],
  products: {},
})

let backend: Backend
let spool: string
let output: string

const environment = (more: Record<string, string> = {}) => ({
  PATH: process.env["PATH"],
  CVETY_BASE_URL: backend.url,
  CVETY_WEBHOOK_SECRET: SECRET,
  CVETY_IBLOCK_IDS: `${IBLOCK},7`,
  CVETY_SPOOL_DIR: spool,
  CVETY_SITE_ORIGIN: "https://shop.example",
  ...more,
})

const start = (args: ReadonlyArray<string>, more: Record<string, string> = {}) =>
  spawn("php", [...PHP_SETTINGS.flatMap((setting) => ["-d", setting]), ...args], {
    env: environment(more),
  })

const php = async (
  args: ReadonlyArray<string>,
  more: { readonly env?: Record<string, string>; readonly input?: string } = {},
): Promise<{ readonly code: number; readonly text: string }> => {
  const child = start(args, more.env)
  let text = ""
  child.stdout.on("data", (chunk) => (text += chunk))
  child.stderr.on("data", (chunk) => (text += chunk))
  child.stdin.end(more.input ?? "")
  const [code] = await once(child, "close")
  output += text
  return { code, text }
}

const fire = (events: ReadonlyArray<Fired>, env: Record<string, string> = {}) =>
  php([SITE], { env, input: JSON.stringify({ events }) })

/** Events of a site that has no backend to tell: they wait. */
const spooled = async (events: ReadonlyArray<Fired>) => {
  const { text } = await fire(events, { CVETY_BASE_URL: "" })
  assert.include(text, "saved")
}

const flush = (...options: ReadonlyArray<string>) => php([join(HANDLER, "flush.php"), ...options])

const waiting = async (part: "queue" | "rejected" = "queue") => (await readdir(join(spool, part))).sort()

const log = () => readFile(join(spool, "cvety.log"), "utf8")

describe.skipIf(!hasPhp)(title, () => {
  beforeEach(async () => {
    output = ""
    spool = await mkdtemp(join(tmpdir(), "cvety-spool-"))
    backend = new Backend()
    await backend.listen()
  })

  afterEach(async () => {
    await backend.close()
    const files = await readdir(spool, { recursive: true, withFileTypes: true })
    const texts = await Promise.all(
      files.filter((file) => file.isFile()).map((file) => readFile(join(file.parentPath, file.name), "utf8")),
    )
    await rm(spool, { recursive: true })
    assert.notInclude(
      [output, ...texts].join("\n"),
      SECRET,
      "the secret is in no log and in no spooled event",
    )
  })

  it("has no syntax errors", async () => {
    const files = (await readdir(HANDLER)).filter((name) => name.endsWith(".php"))
    assert.include(files, "CvetyWebhooks.php")
    for (const file of files) {
      const { code, text } = await php(["-l", join(HANDLER, file)])
      assert.strictEqual(code, 0, text)
    }
  })

  it("tells of a product as the site's own list has it, with the prices as they are written", async () => {
    const { text } = await fire([updated(123)])
    assert.strictEqual(text, "saved")

    const [request] = backend.received
    assert.strictEqual(request?.path, "/api/v1/webhooks/product-sync")
    assert.strictEqual(request?.headers["x-webhook-secret"], SECRET)
    assert.strictEqual(request?.headers["content-type"], "application/json")
    const { event_id, occurred_at, ...what } = request?.body ?? {}
    assert.match(String(event_id), /^bitrix-[0-9a-f]{32}$/)
    assert.match(String(occurred_at), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d$/)
    assert.deepStrictEqual(what, {
      event_type: "product.updated",
      product_data: {
        id: 123,
        title: 'Розы "Алматы"',
        isAvailable: true,
        image: "https://shop.example/upload/iblock/77.jpg",
        createdAt: "2026-01-31T09:59:39+0000",
        price: "7 500 ₸",
        catalogWidth: "70 см",
        colors: false,
        images: ["https://shop.example/upload/iblock/78.jpg", "https://pictures.example/79.jpg"],
        type: "vitrina",
      },
    })
    assert.deepStrictEqual(await waiting(), [])
  })

  it("tells of a product in the words that the webhook takes", async () => {
    await fire([updated(123, "5\u00a0000,50 ₸")])
    const event = await Effect.runPromise(ProductEvent.decode(backend.received[0]?.body))
    assert.strictEqual(ProductEvent.idOf(event.product_data), 123)
    assert.isBelow(Math.abs(Date.now() - (event.occurred_at?.getTime() ?? 0)), 60_000)
    const { said, notes } = ProductMapping.map(event.product_data, undefined)
    assert.deepStrictEqual(notes, [])
    assert.deepInclude(said, {
      name: 'Розы "Алматы"',
      price: 500_050,
      enabled: true,
      type: "vitrina",
      width: 70,
    })
  })

  it("tells of a product that was added, and of one that was deleted, whether by its row or by its id", async () => {
    const deleted = (args: ReadonlyArray<unknown>): Fired => ({
      name: "iblock/OnAfterIBlockElementDelete",
      args,
      products: {},
    })
    await fire([
      saved("OnAfterIBlockElementAdd", 1, { 1: product(15_000) }),
      deleted([{ ID: "1", IBLOCK_ID: String(IBLOCK) }]),
      deleted([2]),
      deleted([{ ID: "3", IBLOCK_ID: "99" }]),
    ])
    assert.deepStrictEqual(
      backend.received.map(({ body }) => [body["event_type"], (body["product_data"] as { id: number }).id]),
      [
        ["product.created", 1],
        ["product.deleted", 1],
        ["product.deleted", 2],
      ],
    )
  })

  it("tells of a price that was written past the element, and tells nothing twice in a request", async () => {
    const priced = (price: string): Fired => ({
      name: "iblock/OnAfterIBlockElementSetPropertyValuesEx",
      args: [1, IBLOCK, {}, []],
      products: { 1: product(price) },
    })
    await fire([updated(1, "5 000 ₸"), priced("5 000 ₸"), priced("6 000 ₸"), updated(1, "6 000 ₸")])
    assert.deepStrictEqual(
      backend.received.map(({ body }) => (body["product_data"] as { price: string }).price),
      ["5 000 ₸", "6 000 ₸"],
    )
  })

  it("is silent about other information blocks, and about what Bitrix refused to save", async () => {
    const refusedUpdate = { ...updated(1), args: [{ ID: 1, IBLOCK_ID: IBLOCK, RESULT: false }] }
    const otherBlock = { ...updated(1), args: [{ ID: 1, IBLOCK_ID: 99 }] }
    const unknown = { ...updated(1), products: {} }
    const { text } = await fire([refusedUpdate, otherBlock, unknown])
    assert.strictEqual(text, "saved")
    assert.deepStrictEqual(backend.received, [])
  })

  it("tells of an order's status in the words that the webhook takes", async () => {
    await fire([statusChanged(123_456, "N", "AP"), statusChanged(0, "N", "AP")])
    assert.strictEqual(backend.received.length, 1)
    const [request] = backend.received
    assert.strictEqual(request?.path, "/api/v1/webhooks/order-status-sync")
    const event = await Effect.runPromise(OrderStatusEvent.decode(request?.body))
    assert.strictEqual(event.order_id, "123456")
    assert.strictEqual(event.status, "AP")
    assert.strictEqual(event.changed_by_id, "42")
    assert.strictEqual(event.notes, "Статус в Bitrix: N → AP")
    assert.isString(event.event_id)
    assert.isBelow(Math.abs(Date.now() - (event.occurred_at?.getTime() ?? 0)), 60_000)
  })

  it("gives the events of a request different ids, and moments that rise by a millisecond at least", async () => {
    await fire([statusChanged(1, "N", "AP"), statusChanged(1, "AP", "CO"), statusChanged(1, "CO", "DE")])
    const moments = backend.received.map(({ body }) => Date.parse(String(body["occurred_at"])))
    assert.strictEqual(new Set(backend.ids).size, 3)
    assert.strictEqual(new Set(moments).size, 3)
    assert.deepStrictEqual(moments, [...moments].sort())
  })

  it("loses nothing while the backend is away, and sends it in order afterwards", async () => {
    backend.script = ["reset"]
    await fire([updated(1), statusChanged(7, "N", "AP"), updated(2)])
    assert.strictEqual(backend.received.length, 1, "stops where the network fails")
    assert.strictEqual((await waiting()).length, 3)

    await fire([updated(3)])
    assert.strictEqual(backend.received.length, 1, "no request waits for a backend that was just away")
    assert.strictEqual((await flush()).code, 0)
    assert.deepStrictEqual(
      backend.received
        .slice(1)
        .map(({ body }) => body["order_id"] ?? (body["product_data"] as { id: number }).id),
      [1, 7, 2, 3],
    )
    assert.strictEqual(backend.received[1]?.text, backend.received[0]?.text, "the same event, the same id")
    assert.deepStrictEqual(await waiting(), [])
    assert.match(await log(), /stopped after 0 sent, .*: 3 wait/)
  })

  it.each([408, 429, 503])("stops at %d and leaves everything for later", async (status) => {
    await spooled([updated(1), updated(2)])
    backend.script = [status]
    assert.strictEqual((await flush()).code, 1)
    assert.strictEqual(backend.received.length, 1)
    assert.strictEqual((await waiting()).length, 2)
  })

  it.each([500, 502, 302])("goes on past %d, but not with the same subject", async (status) => {
    await spooled([updated(1), updated(2)])
    await spooled([updated(1, "9 000 ₸")])
    backend.script = [status]
    assert.strictEqual((await flush()).code, 1)
    assert.strictEqual(backend.received.length, 2)
    assert.deepStrictEqual(
      (await waiting()).map((name) => name.split("-").slice(1, 3).join("-")),
      ["product-1", "product-1"],
    )
    assert.strictEqual((await flush()).code, 0)
    assert.strictEqual(backend.ids[2], backend.ids[0])
    assert.strictEqual(backend.received.length, 4)
  })

  it.each([400, 401, 422])("sets aside what is answered with %d, and can put it back", async (status) => {
    await spooled([updated(1), updated(2)])
    backend.script = [status]
    assert.strictEqual((await flush()).code, 0)
    assert.strictEqual(backend.received.length, 2)
    assert.strictEqual((await waiting("rejected")).length, 1)
    assert.include(await log(), `the backend answered ${status}`)
    assert.include((await flush("--status")).text, "0 wait; 1 rejected")

    assert.include((await flush("--requeue")).text, "1 put back")
    assert.strictEqual(backend.ids[2], backend.ids[0])
    assert.deepStrictEqual(await waiting("rejected"), [])
  })

  it("gives up on a backend that does not answer after 5 seconds", async () => {
    await spooled([updated(1)])
    backend.script = ["hang"]
    const startedMs = Date.now()
    assert.strictEqual((await flush()).code, 1)
    assert.isAtLeast(Date.now() - startedMs, 4_900)
    assert.isBelow(Date.now() - startedMs, 15_000)
    assert.strictEqual((await waiting()).length, 1)
  })

  it("sends the same event again when it was killed before it knew the answer", async () => {
    await spooled([updated(1)])
    backend.script = ["hang"]
    const arrived = once(backend.arrivals, "request")
    const run = start([join(HANDLER, "flush.php")])
    await arrived
    run.kill("SIGKILL")
    await once(run, "close")
    assert.strictEqual((await flush()).code, 0)
    assert.strictEqual(backend.received[1]?.text, backend.received[0]?.text)
    assert.deepStrictEqual(await waiting(), [])
  })

  it("sends each event once when several runs start together", async () => {
    await spooled(Array.from({ length: 12 }, (_, index) => updated(index + 1)))
    backend.answerAfterMs = 20
    await Promise.all([flush(), flush(), fire([updated(50)]), fire([updated(51)])])
    await flush()
    assert.strictEqual(backend.received.length, 14)
    assert.strictEqual(new Set(backend.ids).size, 14)
    const moments = backend.received.slice(0, 12).map(({ body }) => String(body["occurred_at"]))
    assert.deepStrictEqual(moments, [...moments].sort())
    assert.deepStrictEqual(await waiting(), [])
  })

  it("makes room for the newest events when the spool is full, and says so", async () => {
    const code = `require "${HANDLER}CvetySpool.php";
      $spool = new CvetySpool(getenv("CVETY_SPOOL_DIR"), 3);
      foreach ([1, 2, 3, 4, 5] as $id) {
        $moment = new DateTimeImmutable("2026-01-31T00:00:0$id.000001Z");
        $spool->add("/webhooks/product-sync", "product-$id", $moment, "event$id", "{}");
      }`
    assert.strictEqual((await php(["-r", code])).code, 0)
    const ids = (names: ReadonlyArray<string>) => names.map((name) => name.split("-")[2])
    assert.deepStrictEqual(ids(await waiting()), ["3", "4", "5"])
    assert.deepStrictEqual(ids(await waiting("rejected")), ["1", "2"])
    assert.match(await log(), /product-1-event1\.json: the spool is full \(3 events\)/)
  })

  it("sets aside what waited for more than a week, and forgets the rejected after a month, and says so", async () => {
    await spooled([updated(1), updated(2)])
    const [first = ""] = await waiting()
    const aged = async (part: string, days: number) => {
      const then = new Date(Date.now() - days * DAY_MS)
      await utimes(join(spool, part, first), then, then)
    }
    await aged("queue", 8)
    assert.strictEqual((await flush()).code, 0)
    assert.strictEqual(backend.received.length, 1)
    assert.deepStrictEqual(await waiting("rejected"), [first])

    await aged("rejected", 31)
    await flush()
    assert.deepStrictEqual(await waiting("rejected"), [])
    assert.include(await log(), `rejected ${first}: it waited longer than 7 days`)
    assert.include(await log(), `removed the rejected ${first}, too old`)
  })

  it.each([
    ["CVETY_SPOOL_DIR", ""],
    ["CVETY_SPOOL_DIR", "/proc/nowhere"],
    ["CVETY_IBLOCK_IDS", "five"],
    ["CVETY_BASE_URL", "http://backend.example/api/v1"],
    ["CVETY_WEBHOOK_SECRET", "two\r\nlines"],
  ])("never disturbs the site, though %s is %j", async (name, value) => {
    const { code, text } = await fire([updated(1), statusChanged(7, "N", "AP")], { [name]: value })
    assert.strictEqual(code, 0)
    assert.include(text, "saved")
    assert.match(text, /cvety: RuntimeException: /)
    assert.deepStrictEqual(
      backend.received.filter(({ path }) => path?.includes("product")),
      [],
    )
  })
})
