import { assert, describe, it } from "@effect/vitest"
import { ask, simulator, TOKEN, until } from "./asking.ts"
import { oddOrders } from "./Fixtures.ts"

const order = {
  railway_order_id: "789",
  customer_phone: "+77000000001",
  pickup: "N",
  recipient_name: "Дана",
  recipient_phone: "+77000000002",
  delivery_fee: 250_000,
  items: [{ product_id: 1, quantity: 2, price: 750_000 }],
}

describe("the orders of the Bitrix simulator", () => {
  it("are created once for one id of ours, in tenge", async () => {
    const bitrix = await simulator()
    const create = (body: object) => ask(bitrix, "/orders/create/", { method: "POST", body })
    const first = await create(order)
    assert.strictEqual(first.status, 200)
    assert.include(first.body, {
      status: true,
      xml_id: "railway-789",
      price: 17_500,
      delivery_price: 2_500,
      pickup: "N",
    })
    const again = await create(order)
    assert.deepStrictEqual(again.body, { ...first.body, duplicate: true })
    assert.strictEqual(bitrix.createdOrders, 1)
    assert.strictEqual(bitrix.orders.get(first.body.order_id)?.statusId, "N")
    const ambiguous = await create({
      ...order,
      railway_order_id: "790",
      delivery_fee: 0,
      items: [{ product_id: 1, quantity: 1, price: 1_500 }],
    })
    assert.strictEqual(ambiguous.body.price, 15)
  })

  it("are refused with the field that is missing", async () => {
    const bitrix = await simulator()
    const error = async (change: object) => {
      const { status, body } = await ask(bitrix, "/orders/create/", {
        method: "POST",
        body: { ...order, ...change },
      })
      assert.strictEqual(status, 400)
      return body.error
    }
    assert.strictEqual(await error({ pickup: undefined }), "Missing required field: pickup")
    assert.strictEqual(await error({ customer_phone: "" }), "Missing required field: customer_phone")
    assert.strictEqual(await error({ items: [] }), "Missing required field: items")
    assert.strictEqual(await error({ pickup: "yes" }), "pickup must be 'Y' or 'N'")
    assert.strictEqual(
      await error({ recipient_name: undefined }),
      "recipient_name is required for delivery (pickup=N)",
    )
    assert.strictEqual(
      await error({ recipient_phone: undefined }),
      "recipient_phone is required for delivery (pickup=N)",
    )
    assert.strictEqual(bitrix.createdOrders, 0)
  })

  it("are created although the client never saw the answer", async () => {
    const bitrix = await simulator()
    bitrix.fail({ method: "POST", mode: { kind: "committed_then_hang" }, times: 1 })
    const create = () => ask(bitrix, "/orders/create/", { method: "POST", body: order })
    const lost = create().catch(() => "no answer")
    await until(() => bitrix.hungRequests === 1)
    assert.isTrue((await create()).body.duplicate)
    bitrix.heal()
    assert.strictEqual(await lost, "no answer")
    assert.strictEqual(bitrix.createdOrders, 1)
  })

  it("are listed by status and phone, the active ones without a filter", async () => {
    const bitrix = await simulator()
    bitrix.seedOrders(oddOrders)
    const statuses = async (query: string) =>
      (await ask(bitrix, `/orders/?${query}`)).body.data.map(({ status_id: id }: { status_id: string }) => id)
    assert.sameMembers(await statuses(""), ["N", "AP", "CO", "DE", "N"])
    assert.deepStrictEqual(await statuses("status=in-transit"), ["DE"])
    assert.deepStrictEqual(await statuses("status=cancelled"), ["UN"])
    assert.strictEqual((await statuses("customer_phone=77000000001")).length, 5)
    const { body } = await ask(bitrix, `/orders/detail/${oddOrders[2]?.id}`)
    assert.match(body.data.raw.postcardText, /^\\u0421/)
  })

  it("change their status along the list, and along the way when told to", async () => {
    const bitrix = await simulator({ enforceTransitions: true })
    bitrix.seedOrders([{ id: 5 }])
    const patch = (status: string) => ask(bitrix, "/orders/5/status/", { method: "PATCH", body: { status } })
    assert.strictEqual((await patch("READY")).body.error.code, "invalid_status")
    assert.strictEqual((await patch("DELIVERED")).status, 400)
    assert.deepInclude((await patch("PAID")).body.data, { id: 5, status: "paid" })
    assert.strictEqual(bitrix.orders.get(5)?.statusId, "PD")
    const { body } = await ask(bitrix, "/update-order-status", {
      method: "POST",
      body: { id: 5, status: "AP" },
    })
    assert.deepStrictEqual(body.data, { old_status: "PD", new_status: "AP" })
    assert.strictEqual((await ask(bitrix, "/orders/6")).status, 404)
  })

  it("are assembled by a photograph", async () => {
    const bitrix = await simulator()
    bitrix.seedOrders([{ id: 5 }])
    const form = new FormData()
    form.append("file", new Blob(["jpeg"]), "photo.jpg")
    const response = await fetch(`${bitrix.url}/orders/5/photo?access_token=${TOKEN}`, {
      method: "POST",
      body: form,
    })
    assert.strictEqual(response.status, 200)
    assert.strictEqual(bitrix.orders.get(5)?.statusId, "CO")
  })
})
