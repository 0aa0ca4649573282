import { assert, describe, it } from "@effect/vitest"
import { ask, put, simulator, TOKEN, until } from "./asking.ts"
import type { FailureMode } from "./FailureMode.ts"

const withProducts = async (options: Parameters<typeof simulator>[0] = {}) => {
  const bitrix = await simulator(options)
  bitrix.seed([{ id: 1 }, { id: 2 }])
  return bitrix
}

const broken = (asked: Promise<unknown>) =>
  asked.then(
    () => false,
    () => true,
  )

describe("the doors of the Bitrix simulator", () => {
  it("take the token from the query first, then from the header, and refuse in the form of the route", async () => {
    const bitrix = await withProducts()
    const status = async (path: string, headers: Record<string, string> = {}) =>
      (await ask(bitrix, path, { headers })).status
    const right = { authorization: `Bearer ${TOKEN}` }
    assert.strictEqual(await status(`/products/?access_token=${TOKEN}`), 200)
    assert.strictEqual(await status("/products/", right), 200)
    assert.strictEqual(await status("/products/?access_token=wrong", right), 401)
    assert.strictEqual(
      await status(`/products/?access_token=${TOKEN}`, { authorization: "Bearer wrong" }),
      200,
    )
    const read = await ask(bitrix, "/products/", { headers: {} })
    assert.deepStrictEqual(read.body, {
      success: false,
      error: { code: "unauthorized", message: "Invalid access token" },
    })
    const write = await ask(bitrix, "/create", { method: "POST", headers: {}, body: {} })
    assert.strictEqual(write.status, 401)
    assert.include(write.body, { status: false, error: "Invalid access token" })
  })

  it("send the path without a slash to the one with it, and can be told not to", async () => {
    const redirecting = await withProducts({ slashRedirectStatus: 307 })
    const moved = await ask(redirecting, "/products?limit=1")
    assert.deepStrictEqual([moved.status, moved.headers.get("location")], [307, "/api/v2/products/?limit=1"])
    const plain = await withProducts({ slashRedirects: false })
    assert.strictEqual((await ask(plain, "/products?limit=1")).body.data.length, 1)
  })

  it("notice the base path written twice, unknown paths and unknown methods", async () => {
    const bitrix = await withProducts()
    assert.isFalse(bitrix.doublePrefix)
    assert.doesNotThrow(() => bitrix.verify())
    assert.strictEqual(
      (await ask(bitrix, "/api/v2/products/update-from-railway", { method: "PUT" })).status,
      404,
    )
    assert.isTrue(bitrix.doublePrefix)
    assert.strictEqual((await ask(bitrix, "/nothing")).status, 404)
    assert.strictEqual((await ask(bitrix, "/products/", { method: "DELETE" })).status, 405)
    assert.strictEqual(bitrix.unexpectedRequests.length, 3)
    assert.throws(() => bitrix.verify())
  })

  it("log requests with the token masked, and only so many", async () => {
    const bitrix = await withProducts({ requestsMax: 3 })
    for (let n = 0; n < 7; n += 1) await put(bitrix, { id: 1, title: `${n}` })
    await ask(bitrix, `/products/?access_token=${TOKEN}&limit=1`, { headers: { "x-odd": "1" } })
    assert.strictEqual(bitrix.requests.length, 3)
    const [write, , read] = bitrix.requests
    assert.deepStrictEqual(JSON.parse(String(write?.body)), { id: 1, title: "5" })
    assert.strictEqual(write?.headers.authorization, "***")
    assert.isTrue(write?.matchedToken)
    assert.strictEqual(read?.rawPath, "/api/v2/products/?access_token=***&limit=1")
    assert.deepStrictEqual(read?.unexpectedHeaders, ["x-odd"])
    assert.notInclude(JSON.stringify(bitrix.requests), TOKEN)
  })

  it("break on a content type without a body when they are strict", async () => {
    const bitrix = await withProducts({ strictContentType: true })
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" }
    const { status, headers: answered } = await ask(bitrix, "/products/", { headers })
    assert.strictEqual(status, 500)
    assert.include(answered.get("content-type"), "text/html")
    assert.strictEqual((await ask(bitrix, "/products/")).status, 200)
  })

  it("are shut and opened again on the same port", async () => {
    const bitrix = await withProducts()
    const { url } = bitrix
    await bitrix.refuse()
    assert.isTrue(await broken(put(bitrix, { id: 1 })))
    await bitrix.accept()
    assert.strictEqual(bitrix.url, url)
    assert.strictEqual((await put(bitrix, { id: 1 })).status, 200)
  })
})

describe("a request that is to fail at the Bitrix simulator", () => {
  it("hangs on one method or one product only, until it is healed", async () => {
    const bitrix = await withProducts()
    bitrix.fail({ method: "PUT", productId: 2, mode: { kind: "hang" } })
    const hanging = broken(put(bitrix, { title: "Розы" }, 2))
    assert.strictEqual((await put(bitrix, { id: 1 })).status, 200)
    await until(() => bitrix.hungRequests === 1)
    bitrix.heal()
    assert.isTrue(await hanging)
    assert.strictEqual(bitrix.writes.length, 1)
    assert.isFalse(bitrix.requests.some(({ aborted }) => aborted))
    assert.strictEqual((await put(bitrix, { id: 2 })).status, 200)
  })

  it("tells apart a client that left from one that was sent away", async () => {
    const bitrix = await withProducts()
    bitrix.fail({ mode: { kind: "hang" } })
    assert.isTrue(await broken(ask(bitrix, "/products/", { timeoutMs: 50 })))
    await until(() => bitrix.requests[0]?.aborted === true)
    await until(() => bitrix.hungRequests === 0)
  })

  it("may have had its effect before it hangs or is answered by a proxy", async () => {
    const bitrix = await withProducts()
    bitrix.fail({ mode: { kind: "committed_then_hang" }, times: 1 })
    bitrix.fail({ mode: { kind: "html", status: 502 }, commit: true, times: 1 })
    const hanging = broken(put(bitrix, { title: "Розы" }, 1))
    await until(() => bitrix.hungRequests === 1)
    assert.strictEqual(bitrix.products.get(1)?.title, "Розы")
    assert.strictEqual((await put(bitrix, { title: "Пионы" }, 1)).status, 502)
    assert.strictEqual(bitrix.products.get(1)?.title, "Пионы")
    assert.strictEqual((await put(bitrix, {}, 1)).status, 200)
    bitrix.heal()
    assert.isTrue(await hanging)
  })

  it("fails so many times and then succeeds; a rule can be taken back", async () => {
    const bitrix = await withProducts()
    bitrix.fail({ path: "/products", mode: { kind: "status", status: 429, retryAfter: 2 }, times: 2 })
    const statuses = [1, 2, 3].map(() => put(bitrix, { id: 1 }))
    assert.deepStrictEqual(
      (await Promise.all(statuses)).map(({ status }) => status).toSorted(),
      [200, 429, 429],
    )
    const undo = bitrix.fail({ path: /railway\/1/, mode: { kind: "status", status: 503, retryAfter: 7 } })
    const { status, headers } = await put(bitrix, {}, 1)
    assert.deepStrictEqual([status, headers.get("retry-after")], [503, "7"])
    assert.strictEqual((await put(bitrix, {}, 2)).status, 200)
    undo()
    assert.strictEqual((await put(bitrix, {}, 1)).status, 200)
  })

  it("follows a script, which has to be used up", async () => {
    const bitrix = await withProducts()
    bitrix.script({ method: "PUT" }, [
      { kind: "status", status: 500 },
      { kind: "ok" },
      { kind: "html", status: 200 },
    ])
    assert.strictEqual((await put(bitrix, { id: 1 })).status, 500)
    assert.isTrue((await put(bitrix, { id: 1 })).body.status)
    assert.throws(() => bitrix.verify(), /1 scripted/)
    assert.include((await put(bitrix, { id: 1 })).text, "<html>")
    assert.doesNotThrow(() => bitrix.verify())
  })

  it("gets every answer that is none", async () => {
    const bitrix = await withProducts()
    const answer = async (mode: FailureMode) => {
      bitrix.fail({ mode, times: 1 })
      return await put(bitrix, { id: 1 })
    }
    assert.strictEqual((await answer({ kind: "empty" })).text, "")
    assert.strictEqual((await answer({ kind: "empty", status: 204 })).status, 204)
    for (const form of ["truncated", "bare_word", "trailing_comma"] as const) {
      assert.isUndefined((await answer({ kind: "bad_json", form })).body, form)
    }
    assert.strictEqual((await answer({ kind: "wrong_types" })).body.product_id, "1")
    assert.isNull((await answer({ kind: "wrong_types", form: "nulls" })).body.status)
    assert.isArray((await answer({ kind: "wrong_types", form: "arrays" })).body)
    assert.include((await answer({ kind: "bad_charset" })).text, "\uFFFD")
    assert.isFalse((await answer({ kind: "failed_200" })).body.status)
    assert.isObject((await answer({ kind: "failed_200", form: "success_false" })).body.error)
    assert.isString((await answer({ kind: "failed_200", form: "success_false_text" })).body.error)
    assert.strictEqual(
      (await answer({ kind: "status", status: 400, body: { status: false, error: "x" } })).body.error,
      "x",
    )
    const large = await answer({ kind: "large", bytes: 3_000_000 })
    assert.strictEqual(large.body.data[0].title.length, 3_000_000)
    const slow = await answer({ kind: "slow_body", bytesPerSecond: 2_000 })
    assert.isTrue(slow.body.status)
    assert.isTrue((await answer({ kind: "slow_headers", ms: 30 })).body.status)
    const moved = await answer({ kind: "redirect", status: 308 })
    assert.deepStrictEqual(
      [moved.status, moved.headers.get("location")],
      [308, "/api/v2/products/update-from-railway/"],
    )
  })

  it("starts with a byte order mark", async () => {
    const bitrix = await withProducts()
    bitrix.fail({ mode: { kind: "bad_json", form: "bom" }, times: 1 })
    const response = await fetch(`${bitrix.url}/products/?access_token=${TOKEN}`)
    assert.deepStrictEqual([...new Uint8Array(await response.arrayBuffer())].slice(0, 3), [0xef, 0xbb, 0xbf])
  })

  it("is broken off before or in the middle of its answer", async () => {
    const bitrix = await withProducts()
    for (const mode of [{ kind: "reset" }, { kind: "reset_mid" }] as const) {
      bitrix.fail({ mode, times: 1 })
      assert.isTrue(await broken(put(bitrix, { id: 1 })), mode.kind)
    }
    assert.strictEqual(bitrix.writes.length, 1)
  })

  it("is sent round without end", async () => {
    const bitrix = await withProducts()
    bitrix.fail({ mode: { kind: "redirect_loop" }, times: 1 })
    assert.isTrue(await broken(fetch(`${bitrix.url}/products/?access_token=${TOKEN}`)))
  })

  it("is steered over HTTP as well", async () => {
    const bitrix = await simulator()
    const control = (path: string, body?: object) =>
      ask({ url: `${bitrix.origin}/__fake` }, path, { method: body === undefined ? "GET" : "POST", body })
    await control("/seed", { products: [{ id: 1 }], fixtures: true })
    await control("/edit", { id: 1, change: { title: "Розы" } })
    assert.strictEqual(bitrix.products.get(1)?.title, "Розы")
    await control("/script", {
      method: "PUT",
      pathPattern: "railway",
      outcomes: [{ kind: "status", status: 503 }],
    })
    assert.strictEqual((await put(bitrix, { id: 1 })).status, 503)
    await control("/fail", { path: "/products", mode: { kind: "status", status: 500 }, times: 1 })
    assert.strictEqual((await put(bitrix, { id: 1 })).status, 500)
    assert.strictEqual((await control("/requests?path=railway")).body.length, 2)
    assert.strictEqual((await control("/clock", { set: "2026-01-31T00:00:00Z" })).status, 200)
    assert.isBelow(Math.abs(bitrix.clock.nowMs() - Date.UTC(2026, 0, 31)), 60_000)
    assert.strictEqual((await control("/remove", { id: 77 })).status, 400)
    for (const mode of [undefined, "hang", {}, { kind: "json_error" }, { kind: "toString" }]) {
      const { status, body } = await control("/fail", { mode })
      assert.deepStrictEqual([status, body.error.includes("committed_then_hang")], [400, true])
      assert.strictEqual((await control("/script", { outcomes: [mode] })).status, 400)
    }
    assert.strictEqual((await control("/nothing")).status, 404)
    await control("/reset", {})
    assert.strictEqual((await control("/state")).body.products, 0)
    assert.deepStrictEqual(bitrix.requests, [])
  })
})
