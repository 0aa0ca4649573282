import { assert, describe, it } from "@effect/vitest"
import { ask, put, simulator, TOKEN } from "./asking.ts"
import { oddProducts, PRICE_SPELLINGS, pricedProducts } from "./Fixtures.ts"

describe("the products of the Bitrix simulator", () => {
  it("are listed in pages, active or not, with the total and whether there is more", async () => {
    const bitrix = await simulator()
    bitrix.seed(Array.from({ length: 250 }, (_, index) => ({ id: index + 1, isAvailable: index % 2 === 0 })))
    const first = await ask(bitrix, "/products/?limit=200")
    assert.strictEqual(first.body.data.length, 100)
    assert.deepStrictEqual(first.body.pagination, { total: 250, limit: 100, offset: 0, hasMore: true })
    const last = await ask(bitrix, "/products/?limit=100&offset=200")
    assert.deepStrictEqual(
      last.body.data.map(({ id }: { id: number }) => id),
      Array.from({ length: 50 }, (_, index) => 201 + index),
    )
    assert.isFalse(last.body.pagination.hasMore)
    assert.strictEqual((await ask(bitrix, "/products/")).body.data.length, 20)
  })

  it("are filtered by type, availability, text, id and city", async () => {
    const bitrix = await simulator()
    bitrix.seed([
      { id: 1, title: "Розы", type: "catalog", cityId: 1 },
      { id: 2, title: "Тюльпаны", isAvailable: false, cityId: 2 },
      { id: 3, title: "Белые розы", cityId: null },
    ])
    const ids = async (query: string, headers: Record<string, string> = {}) =>
      (
        await ask(bitrix, `/products/?${query}`, {
          headers: { authorization: `Bearer ${TOKEN}`, ...headers },
        })
      ).body.data.map(({ id }: { id: number }) => id)
    assert.deepStrictEqual(await ids("type=catalog"), [1])
    assert.deepStrictEqual(await ids("isAvailable=false"), [2])
    assert.deepStrictEqual(await ids("isAvailable=true"), [1, 3])
    assert.deepStrictEqual(await ids("search=роз"), [1, 3])
    assert.deepStrictEqual(await ids("id=2&limit=1"), [2])
    assert.deepStrictEqual(await ids("cityId=2"), [2, 3])
    assert.deepStrictEqual(await ids("", { "x-city": "almaty" }), [1, 3])
  })

  it("hide an inactive one from a look-up by id when the option says so", async () => {
    const bitrix = await simulator({ hideInactiveById: true })
    bitrix.seed([{ id: 1, isAvailable: false }])
    assert.deepStrictEqual((await ask(bitrix, "/products/?id=1")).body.data, [])
    assert.strictEqual((await ask(bitrix, "/products/")).body.data.length, 1)
  })

  it("come with every odd spelling as it was seeded", async () => {
    const bitrix = await simulator()
    bitrix.seed([...pricedProducts, ...oddProducts])
    const { body } = await ask(bitrix, "/products/?limit=100")
    const prices = body.data.map(({ price }: { price: unknown }) => price)
    assert.deepStrictEqual(
      prices.slice(0, PRICE_SPELLINGS.length),
      PRICE_SPELLINGS.map(({ price }) => price),
    )
    assert.isFalse(body.data.some((product: object) => "description" in product))
    const { body: one } = await ask(bitrix, `/products/detail?id=${oddProducts.at(-1)?.id}`)
    assert.strictEqual(one.data.description, "Первая строка\nвторая")
    const unknown = await ask(bitrix, "/products/detail/?id=5")
    assert.strictEqual(unknown.status, 404)
    assert.deepStrictEqual(unknown.body.error, { code: "not_found", message: "Product not found" })
  })

  it("are updated by either form of the path and either spelling of the fields", async () => {
    const bitrix = await simulator()
    bitrix.seed([{ id: 1 }, { id: 2, description: "было" }])
    const first = await put(bitrix, {
      id: 1,
      title: "Розы",
      price: "0 ₸",
      isAvailable: false,
      description: "Описание",
      image: "https://images.example/1.jpg",
    })
    assert.strictEqual(first.status, 200)
    assert.strictEqual(first.body.status, true)
    assert.strictEqual(first.body.product_id, 1)
    assert.sameMembers(first.body.updated_fields, [
      "MODIFIED_BY",
      "DATE_MODIFY",
      "NAME",
      "ACTIVE",
      "DETAIL_TEXT",
      "PRICE",
      "PREVIEW_PICTURE",
    ])
    const product = bitrix.products.get(1)
    assert.match(product?.image ?? "", /^\/upload\/iblock\/\w+\.jpg$/)
    assert.include(product, { title: "Розы", price: "0 ₸", isAvailable: false, description: "Описание" })
    await put(bitrix, { name: "Тюльпаны", enabled: "N", description: "" }, 2)
    assert.include(bitrix.products.get(2), { title: "Тюльпаны", isAvailable: false, description: "было" })
    await put(bitrix, { name: "", enabled: "Y" }, 2)
    assert.include(bitrix.products.get(2), { title: "Тюльпаны", isAvailable: true })
  })

  it("remember each write and whether it changed anything", async () => {
    const bitrix = await simulator()
    bitrix.seed([{ id: 1 }])
    const body = { id: 1, title: "Розы", image: "https://images.example/1.jpg" }
    await put(bitrix, body)
    await put(bitrix, body)
    await put(bitrix, { id: 1, image: bitrix.origin + bitrix.products.get(1)?.image })
    await put(bitrix, { id: 9 })
    assert.deepStrictEqual(
      bitrix.writes.map(({ id, changed }) => [id, changed]),
      [
        [1, true],
        [1, false],
        [1, false],
      ],
    )
    assert.deepStrictEqual(bitrix.writes[0]?.body, body)
    const file = await fetch(bitrix.origin + bitrix.products.get(1)?.image)
    assert.strictEqual(file.headers.get("content-type"), "image/jpeg")
  })

  it("refuse an update in the order method, token, JSON, id, product", async () => {
    const bitrix = await simulator()
    const path = "/products/update-from-railway"
    const refused = async (asked: Parameters<typeof ask>[2]) => {
      const { status, body } = await ask(bitrix, path, asked)
      return [status, body]
    }
    const error = (status: number, text: string) => [status, { status: false, error: text }]
    assert.deepStrictEqual(
      await refused({ method: "POST", headers: {}, body: "x" }),
      error(405, "Only PUT method allowed"),
    )
    assert.deepStrictEqual(
      await refused({ method: "PUT", headers: {}, body: "x" }),
      error(401, "Invalid API token"),
    )
    assert.deepStrictEqual(await refused({ method: "PUT", body: "x" }), error(400, "Invalid JSON payload"))
    assert.deepStrictEqual(
      await refused({ method: "PUT", body: { id: 0 } }),
      error(400, "Missing or invalid product id"),
    )
    assert.deepStrictEqual(await refused({ method: "PUT", body: { id: 7 } }), error(404, "Product not found"))
    assert.strictEqual((await ask(bitrix, path, { method: "OPTIONS" })).text, "")
  })

  it("answer an update in the form that is chosen", async () => {
    const success = await simulator({ updateAnswer: "success" })
    const diagram = await simulator({ updateAnswer: "diagram" })
    for (const bitrix of [success, diagram]) bitrix.seed([{ id: 1 }])
    assert.isTrue((await put(success, { id: 1 })).body.success)
    const { body } = await put(diagram, { id: 1 })
    assert.hasAllKeys(body, ["status", "product_id", "updated_at"])
    assert.strictEqual(body.status, "success")
  })

  it("swallow an image that cannot be downloaded", async () => {
    const bitrix = await simulator({ fetchImages: true })
    bitrix.seed([{ id: 1, image: "/upload/old.jpg" }])
    const { status } = await put(bitrix, { id: 1, title: "Розы", image: "http://127.0.0.1:1/none.jpg" })
    assert.strictEqual(status, 200)
    assert.include(bitrix.products.get(1), { title: "Розы", image: "/upload/old.jpg" })
    await put(bitrix, { id: 1, image: `${bitrix.origin}/upload/there.jpg` })
    assert.notStrictEqual(bitrix.products.get(1)?.image, "/upload/old.jpg")
  })

  it("are made, changed and softly deleted by the CRM and the tools", async () => {
    const bitrix = await simulator()
    const tool = { id: "mcp-0a1b2c3d", title: "Розы", price: 750_000, images_urls: [] }
    const made = await ask(bitrix, "/create", { method: "POST", body: tool })
    assert.isTrue(made.body.data.created)
    const { id } = made.body.data
    assert.include(bitrix.products.get(id), { xmlId: tool.id, price: "7 500 ₸" })
    const again = await ask(bitrix, "/create", { method: "POST", body: tool })
    assert.deepStrictEqual([again.body.data.id, again.body.data.created], [id, false])
    const form = { name: "Пионы", price: 1_234_500, type: "catalog" }
    const panel = await ask(bitrix, "/products/", { method: "POST", body: form })
    assert.strictEqual(panel.body.data.price, "12 345 ₸")
    await ask(bitrix, `/products/${id}/`, { method: "PUT", body: { name: "Лилии" } })
    await ask(bitrix, `/products/${id}/status?enabled=false`, { method: "PATCH" })
    assert.include(bitrix.products.get(id), { title: "Лилии", isAvailable: false })
    const status = await ask(bitrix, "/update-status", {
      method: "POST",
      body: { id, active: true, is_ready: false },
    })
    assert.deepStrictEqual(status.body.changed, { active: true, is_ready: false })
    assert.include(bitrix.products.get(id), { isAvailable: true, type: "catalog" })
    const deleted = await ask(bitrix, `/products/delete?id=${id}`, { method: "DELETE" })
    assert.deepStrictEqual(deleted.body.data, { id, deleted: true })
    assert.isFalse(bitrix.products.get(id)?.isAvailable)
    assert.strictEqual((await ask(bitrix, "/products/5", { method: "DELETE" })).status, 404)
  })

  it("are deleted with an empty 204 when that is chosen", async () => {
    const bitrix = await simulator({ deleteAnswer: 204 })
    bitrix.seed([{ id: 1 }])
    const { status, text } = await ask(bitrix, "/products/1/", { method: "DELETE" })
    assert.deepStrictEqual([status, text], [204, ""])
  })

  it("take pictures as multipart parts of the right name", async () => {
    const bitrix = await simulator()
    const upload = async (path: string, form: FormData) => {
      const response = await fetch(bitrix.url + path, {
        method: "POST",
        headers: { authorization: `Bearer ${TOKEN}` },
        body: form,
      })
      return { status: response.status, body: (await response.json()) as { data?: { urls?: Array<string> } } }
    }
    const form = new FormData()
    form.append("images[]", new Blob(["a"]), "a.png")
    form.append("images[]", new Blob(["b"]), "b.jpg")
    assert.deepStrictEqual((await upload("/uploads/images/", form)).body.data?.urls, [
      "/upload/iblock/file1.png",
      "/upload/iblock/file2.jpg",
    ])
    assert.strictEqual((await upload("/uploads/videos/", form)).status, 400)
    assert.strictEqual((await ask(bitrix, "/uploads/images/", { method: "POST", body: {} })).status, 400)
  })
})
