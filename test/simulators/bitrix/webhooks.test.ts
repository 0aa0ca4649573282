import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { afterEach, assert, describe, it } from "@effect/vitest"
import { put, simulator, until } from "./asking.ts"
import type { SimulatorOptions } from "./BitrixSimulator.ts"
import { productEvents, spoiledDeliveries } from "./WebhookFixtures.ts"

interface Posted {
  readonly path: string | undefined
  readonly headers: Http.IncomingHttpHeaders
  readonly body: ReturnType<typeof JSON.parse>
}

const SECRET = "test-webhook-secret"
const open = new Set<Http.Server>()

afterEach(() => {
  for (const server of open) {
    server.close()
    server.closeAllConnections()
  }
  open.clear()
})

/** Takes every event; answers as it is told, or keeps the answer back while `holds`. */
const receiver = async () => {
  const posted: Array<Posted> = []
  const held: Array<() => void> = []
  const state = { posted, status: 200, holds: false, busiest: 0, url: "", release: () => undefined as void }
  let busy = 0
  const server = Http.createServer((request, response) => {
    const chunks: Array<Buffer> = []
    busy += 1
    state.busiest = Math.max(state.busiest, busy)
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString()
      posted.push({
        path: request.url,
        headers: request.headers,
        body: text.startsWith("{") ? safely(text) : text,
      })
      const answer = () => {
        busy -= 1
        response.writeHead(state.status).end("{}")
      }
      if (state.holds) held.push(answer)
      else answer()
    })
  })
  open.add(server)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1/webhooks`
  state.release = () => {
    state.holds = false
    for (const answer of held.splice(0)) answer()
  }
  return state
}

const safely = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const world = async (options: Partial<SimulatorOptions> = {}) => {
  const backend = await receiver()
  const bitrix = await simulator({ webhook: { url: backend.url, secret: SECRET }, ...options })
  bitrix.seed(Array.from({ length: 20 }, (_, index) => ({ id: index + 1 })))
  return { backend, bitrix }
}

describe("the events of the Bitrix simulator", () => {
  it("tell of an edit, a deletion and an order as the handlers do", async () => {
    const { backend, bitrix } = await world()
    bitrix.seedOrders([{ id: 123_456 }])
    bitrix.edit(1, { price: "9 000 ₸" })
    await bitrix.webhooks.idle()
    bitrix.remove(1)
    await bitrix.webhooks.idle()
    bitrix.moveOrder(123_456, "AP")
    bitrix.moveOrder(123_456, "AP")
    await bitrix.webhooks.idle()
    const [edited, removed, moved] = backend.posted
    assert.strictEqual(backend.posted.length, 3)
    assert.strictEqual(edited?.path, "/api/v1/webhooks/product-sync")
    assert.include(edited?.headers, { "content-type": "application/json", "x-webhook-secret": SECRET })
    assert.strictEqual(edited?.body.event_type, "product.updated")
    assert.include(edited?.body.product_data, { id: 1, price: "9 000 ₸", isAvailable: true })
    assert.deepInclude(removed?.body, { event_type: "product.deleted", product_data: { id: 1 } })
    assert.isFalse(bitrix.products.get(1)?.isAvailable)
    assert.strictEqual(moved?.path, "/api/v1/webhooks/order-status-sync")
    assert.include(moved?.body, { order_id: 123_456, status: "AP", changed_by_id: 42, notes: "N → AP" })
    assert.strictEqual(bitrix.webhooks.delivered, 3)
  })

  it("carry an id of their own and a time that only grows, unless the handler is a legacy one", async () => {
    const { backend, bitrix } = await world()
    for (let n = 0; n < 50; n += 1) bitrix.edit(1, { title: `${n}` })
    await bitrix.webhooks.idle()
    const times = backend.posted.map(({ body }) => body.occurred_at)
    assert.match(times[0], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+0500$/)
    assert.deepStrictEqual(times, [...new Set(times)].toSorted())
    assert.strictEqual(new Set(backend.posted.map(({ body }) => body.event_id)).size, 50)
    const legacy = await world({ eventMetadata: false })
    legacy.bitrix.edit(1, {})
    await legacy.bitrix.webhooks.idle()
    assert.hasAllKeys(legacy.backend.posted[0]?.body, ["event_type", "product_data"])
  })

  it("read the product again at the moment of sending, in order for one product, side by side for many", async () => {
    const { backend, bitrix } = await world()
    backend.holds = true
    bitrix.edit(1, { title: "первое" })
    await until(() => backend.posted.length === 1)
    bitrix.edit(1, { title: "второе" })
    bitrix.edit(1, { title: "третье" })
    for (let id = 2; id <= 20; id += 1) bitrix.edit(id, {})
    await until(() => backend.posted.length === 8)
    backend.release()
    await bitrix.webhooks.idle()
    assert.strictEqual(backend.busiest, 8)
    const titles = backend.posted
      .filter(({ body }) => body.product_data.id === 1)
      .map(({ body }) => body.product_data.title)
    assert.deepStrictEqual(titles, ["первое", "третье", "третье"])
    assert.strictEqual(backend.posted.length, 22)
  })

  it("echo a write of ours, unless that direction is switched off", async () => {
    const { backend, bitrix } = await world()
    await put(bitrix, { id: 1, title: "Розы" })
    await bitrix.webhooks.idle()
    assert.strictEqual(backend.posted[0]?.body.product_data.title, "Розы")
    bitrix.webhooks.echo = false
    await put(bitrix, { id: 1, title: "Пионы" })
    bitrix.edit(2, {})
    await bitrix.webhooks.idle()
    assert.deepStrictEqual(
      backend.posted.map(({ body }) => body.product_data.id),
      [1, 2],
    )
  })

  it("hold up the write itself when the handler runs inside the request", async () => {
    const { backend, bitrix } = await world({ inlineEvents: true })
    backend.holds = true
    let answered = false
    const write = put(bitrix, { id: 1, title: "Розы" }).then(() => {
      answered = true
    })
    await until(() => backend.posted.length === 1)
    assert.isFalse(answered)
    backend.release()
    await write
  })

  it("are lost, kept back or doubled as they are told", async () => {
    const { backend, bitrix } = await world()
    bitrix.webhooks.mode = "lose"
    bitrix.edit(1, {})
    bitrix.webhooks.mode = "off"
    bitrix.edit(1, {})
    bitrix.webhooks.mode = "on"
    bitrix.webhooks.duplicateShare = 0.5
    for (let id = 1; id <= 10; id += 1) bitrix.edit(id, {})
    await bitrix.webhooks.idle()
    assert.strictEqual(bitrix.webhooks.lost, 1)
    assert.strictEqual(bitrix.webhooks.duplicates, 5)
    assert.strictEqual(bitrix.webhooks.delivered, 15)
    assert.strictEqual(new Set(backend.posted.map(({ body }) => body.event_id)).size, 10)
  })

  it("overtake each other with old data when they are to come out of order", async () => {
    const { backend, bitrix } = await world()
    bitrix.webhooks.reorder = true
    for (let n = 0; n < 30; n += 1) bitrix.edit(1, { title: String(n).padStart(2, "0") })
    await bitrix.webhooks.idle()
    const titles = backend.posted.map(({ body }) => body.product_data.title)
    assert.strictEqual(new Set(titles).size, 30)
    assert.notDeepEqual(titles, titles.toSorted())
  })

  it("are sent once whatever comes back, and only remembered; a person may send one again", async () => {
    const { backend, bitrix } = await world()
    backend.status = 503
    bitrix.edit(1, {})
    await bitrix.webhooks.idle()
    assert.strictEqual(backend.posted.length, 1)
    assert.strictEqual(bitrix.webhooks.failed, 1)
    const [outcome] = bitrix.webhooks.outcomes
    assert.strictEqual(outcome?.status, 503)
    backend.status = 200
    if (outcome !== undefined) assert.strictEqual((await bitrix.webhooks.resend(outcome)).status, 200)
    assert.deepStrictEqual(backend.posted[0]?.body, backend.posted[1]?.body)
  })

  it("are not sent for a product that the look-up hides, and call one without a section new", async () => {
    const { backend, bitrix } = await world({ hideInactiveById: true })
    bitrix.edit(1, { isAvailable: false })
    bitrix.edit(2, { sectionId: null })
    await bitrix.webhooks.idle()
    assert.deepStrictEqual(
      backend.posted.map(({ body }) => body.event_type),
      ["product.created"],
    )
  })

  it("can be spoiled in every way that a receiver has to bear", async () => {
    const { backend, bitrix } = await world()
    for (const event of Object.values(productEvents(1))) {
      await bitrix.webhooks.post({ path: "/product-sync", body: JSON.stringify(event) })
    }
    const deliveries = spoiledDeliveries(JSON.stringify(productEvents(1)["created"]), SECRET)
    for (const { body, headers } of Object.values(deliveries)) {
      await bitrix.webhooks.post({ path: "/product-sync", body, headers })
    }
    assert.strictEqual(
      backend.posted.length,
      Object.keys(productEvents(1)).length + Object.keys(deliveries).length,
    )
  })
})
