/** What the people of a shop see of the sync with Bitrix, and what they decide about it. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { makeWorld } from "../support/BitrixWorld.ts"
import { eventually } from "../support/eventually.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { call, insertPerson, insertShop } from "../support/TestPeople.ts"
import { insertProduct } from "../support/TestProducts.ts"
import { TestService } from "../support/TestService.ts"

const WITHIN = "20 seconds"
const REFUSED = { method: "PUT", mode: { kind: "status", status: 503 } } as const

/** A shop whose Bitrix answers, and its director. */
const connected = Effect.gen(function* () {
  const world = yield* makeWorld()
  const { node, director, witness, shopId, simulator } = world
  const ask = (method: string, path: string, body?: unknown) =>
    call(node.url, method, `/sync${path}`, { token: director.token, body })
  const status = Effect.map(ask("GET", "/status"), ({ body }) => body)
  const statusIs = (condition: (status: any) => boolean) => eventually(Effect.map(status, condition), WITHIN)

  /** Both sides change the price while Bitrix takes nothing from us: theirs is in force, ours is kept. */
  const makeConflict = Effect.gen(function* () {
    const id = yield* world.insertProduct({ priceTiyn: 500_000 })
    simulator.fail(REFUSED)
    yield* world.put(id, { price: 600_000 })
    simulator.edit(id, { price: "7 000 ₸" })
    yield* statusIs(({ conflicts_open }) => conflicts_open > 0)
    simulator.heal()
    yield* world.calm
    const { body } = yield* ask("GET", "/conflicts")
    return { productId: id, conflict: body.items[0] }
  })

  /** Bitrix does not know the product, so what is told of it is given up. */
  const makeParked = Effect.gen(function* () {
    const id = yield* world.insertProduct({ title: "Букет Rosa" })
    simulator.products.delete(id)
    yield* world.put(id, { name: "Букет Rosa Deluxe" })
    yield* statusIs(({ to_bitrix }) => to_bitrix.parked === 1)
    return id
  })

  const priceOf = (id: number) => Effect.map(world.findProduct(id), (product) => product?.["price"])
  const auditOf = (productId: number) =>
    Effect.promise(
      () => witness`
        SELECT actor_kind, actor_id, action, before, after
        FROM audit
        WHERE shop_id = ${shopId} AND record_type = 'product' AND record_id = ${String(productId)}
        ORDER BY seq DESC
        LIMIT 1`,
    )
  return { ...world, ask, status, statusIs, makeConflict, makeParked, priceOf, auditOf }
})

layer(TestDatabase.layer, { excludeTestServices: true })("the sync of a shop with its Bitrix", (it) => {
  it.effect("is quiet when all is told", () =>
    Effect.gen(function* () {
      const { insertProduct, put, calm, status } = yield* connected
      const id = yield* insertProduct()
      yield* put(id, { price: 600_000 })
      yield* calm
      const { connected: isConnected, to_bitrix, from_bitrix, conflicts_open, parked } = yield* status
      assert.isTrue(isConnected)
      assert.deepInclude(to_bitrix, {
        pending: 0,
        oldest_pending_since: null,
        parked: 0,
        breaker: "closed",
        next_attempt_in_ms: null,
      })
      assert.isAtMost(Math.abs(Date.now() - Date.parse(to_bitrix.last_success_at)), 60_000)
      assert.deepInclude(from_bitrix, { parked: 0, oldest_parked_since: null })
      assert.isString(from_bitrix.last_event_at, "what it was told came back as an event")
      assert.strictEqual(conflicts_open, 0)
      assert.deepStrictEqual(parked, [])
    }),
  )

  it.effect("shows that Bitrix is left alone while it fails, and that it is tried again", () =>
    Effect.gen(function* () {
      const { insertProduct, put, simulator, statusIs } = yield* connected
      simulator.fail(REFUSED)
      for (let count = 0; count < 6; count += 1) yield* put(yield* insertProduct(), { price: 600_000 })
      yield* statusIs(
        ({ to_bitrix: { breaker, pending, next_attempt_in_ms, oldest_pending_since } }) =>
          breaker === "open" && pending === 6 && next_attempt_in_ms > 0 && oldest_pending_since !== null,
      )
      simulator.heal()
      yield* statusIs(({ to_bitrix: { breaker, pending } }) => breaker === "closed" && pending === 0)
    }),
  )

  it.effect("lists what Bitrix refused, and a retry delivers it once Bitrix knows the product", () =>
    Effect.gen(function* () {
      const { ask, status, statusIs, makeParked, simulator } = yield* connected
      const id = yield* makeParked
      const { parked } = yield* status
      assert.strictEqual(parked.length, 1)
      assert.deepInclude(parked[0], { product_id: id, error: "Product not found (404)" })
      assert.isNotNaN(Date.parse(parked[0].since))

      simulator.seed([{ id, title: "Букет Rosa", price: "5 000 ₸" }])
      const retried = yield* ask("POST", `/parked/${parked[0].id}/retry`)
      assert.strictEqual(retried.status, 200)
      assert.deepStrictEqual(retried.body, { id: parked[0].id, state: "pending" })
      yield* statusIs(({ to_bitrix }) => to_bitrix.pending === 0 && to_bitrix.parked === 0)
      assert.strictEqual(simulator.products.get(id)?.title, "Букет Rosa Deluxe")
      assert.strictEqual((yield* ask("POST", `/parked/${parked[0].id}/retry`)).status, 404)
    }),
  )

  it.effect("gives what is still refused up again, with its error", () =>
    Effect.gen(function* () {
      const { ask, status, statusIs, makeParked, simulator } = yield* connected
      yield* makeParked
      const [fact] = (yield* status).parked
      const tried = simulator.requests.length
      yield* ask("POST", `/parked/${fact.id}/retry/`)
      yield* statusIs(({ to_bitrix }) => to_bitrix.parked === 1 && simulator.requests.length > tried)
      assert.strictEqual((yield* status).parked[0].error, fact.error)
    }),
  )

  it.effect("keeps our value of a field that both changed, and tells Bitrix when it is chosen", () =>
    Effect.gen(function* () {
      const { ask, status, makeConflict, priceOf, auditOf, director, calm, simulator } = yield* connected
      const { productId, conflict } = yield* makeConflict
      assert.deepInclude(conflict, {
        product_id: productId,
        field: "price",
        ours: 600_000,
        theirs: 700_000,
        chosen: null,
        resolved_at: null,
        resolved_by: null,
      })
      assert.strictEqual(conflict.product_name, `Букет ${productId}`)
      assert.strictEqual(yield* priceOf(productId), "700000")

      const resolved = yield* ask("POST", `/conflicts/${conflict.id}/resolve`, { choose: "ours" })
      assert.strictEqual(resolved.status, 200)
      assert.deepInclude(resolved.body, { id: conflict.id, chosen: "ours", resolved_by: director.id })
      assert.strictEqual(yield* priceOf(productId), "600000")
      yield* eventually(
        Effect.sync(() => simulator.products.get(productId)?.price === "6 000 ₸"),
        WITHIN,
      )
      yield* calm
      assert.strictEqual(yield* priceOf(productId), "600000", "it stays when it comes back as an event")
      assert.strictEqual((yield* status).conflicts_open, 0)
      const [entry] = yield* auditOf(productId)
      assert.deepInclude(entry, { actor_kind: "user", actor_id: String(director.id), action: "sync.resolve" })
      assert.deepInclude(entry?.["after"], { price: 600_000 })
    }),
  )

  it.effect("lets Bitrix's value stand when that is chosen, and nobody is told", () =>
    Effect.gen(function* () {
      const { ask, makeConflict, priceOf, calm, simulator } = yield* connected
      const { productId, conflict } = yield* makeConflict
      const told = simulator.requests.length
      const resolved = yield* ask("POST", `/conflicts/${conflict.id}/resolve?choose=bitrix`)
      assert.deepInclude(resolved.body, { chosen: "bitrix" })
      yield* calm
      assert.strictEqual(yield* priceOf(productId), "700000")
      assert.deepStrictEqual(
        simulator.requests.slice(told).filter(({ method }) => method === "PUT"),
        [],
      )
    }),
  )
})

const values: Readonly<Record<string, readonly [ours: unknown, theirs: unknown]>> = {
  width: [30, 35],
  images: [["https://images.example/a.jpg", "https://images.example/b.jpg"], []],
  description: ["Наш состав", null],
}

/** A shop of its own that takes facts for Bitrix although nobody knows where Bitrix is. */
const unconnected = Effect.gen(function* () {
  const { url } = yield* TestService
  const { witness } = yield* TestDatabase
  const director = yield* insertShop(witness)
  const { shopId } = director
  yield* Effect.promise(
    () => witness`INSERT INTO outbox_route (shop_id, target) VALUES (${shopId}, 'bitrix')`,
  )
  const askAs = (token: string) => (method: string, path: string, body?: unknown) =>
    call(url, method, `/sync${path}`, { token, body })
  const insertConflict = (productId: number, field: string) =>
    Effect.promise(async () => {
      const [ours, theirs] = values[field] ?? []
      const [conflict] = await witness<Array<{ id: string }>>`
        INSERT INTO sync_conflict (shop_id, product_id, field, ours, theirs)
        VALUES (${shopId}, ${productId}, ${field}, ${JSON.stringify(ours)}::text::jsonb,
                ${JSON.stringify(theirs)}::text::jsonb)
        RETURNING id`
      return Number(conflict?.id)
    })
  return {
    witness,
    shopId,
    director,
    ask: askAs(director.token),
    askAs,
    insertConflict,
    insert: (product: Omit<Parameters<typeof insertProduct>[1], "shopId"> = {}) =>
      Effect.promise(() => insertProduct(witness, { shopId, ...product })),
    facts: Effect.promise(
      () => witness`SELECT aggregate_id, before FROM outbox WHERE shop_id = ${shopId} AND target = 'bitrix'`,
    ),
    /** A key of a machine, with these permissions. */
    issueKey: (permissions: ReadonlyArray<string>) =>
      Effect.map(
        call(url, "POST", "/service-credentials", {
          token: director.token,
          body: { name: "бот", permissions },
        }),
        ({ body }) => body.key as string,
      ),
  }
})

layer(TestService.layer, { excludeTestServices: true })("the sync of a shop without a Bitrix", (it) => {
  it.effect("tells both directions from what is kept of them", () =>
    Effect.gen(function* () {
      const { witness, shopId, ask, insert, insertConflict } = yield* unconnected
      const id = yield* insert()
      yield* insertConflict(id, "width")
      yield* Effect.promise(async () => {
        await witness`
          UPDATE outbox_route SET last_delivered_at = '2026-01-01T10:00:00Z' WHERE shop_id = ${shopId}`
        await witness`
          INSERT INTO outbox (shop_id, target, aggregate_type, aggregate_id, payload, pending_since, state, settled_at,
                              last_error)
          VALUES (${shopId}, 'bitrix', 'product', ${id}, '{}', '2026-01-02T10:00:00Z', 'pending', NULL, NULL),
                 (${shopId}, 'bitrix', 'product', 5, '{}', now(), 'parked', '2026-01-03T10:00:00Z', 'Older'),
                 (${shopId}, 'bitrix', 'product', 6, '{}', now(), 'parked', '2026-01-04T10:00:00Z', 'Newer'),
                 (${shopId}, 'bitrix', 'product', 7, '{}', now(), 'delivered', now(), NULL),
                 (${shopId}, 'telegram', 'shop', 8, '{}', now(), 'parked', now(), 'Of another target')`
        for (const [subject, receivedAt] of [
          ["31", "2026-01-05T10:00:00Z"],
          ["32", "2026-01-06T10:00:00Z"],
        ] as const) {
          await witness`
            INSERT INTO inbox (id, shop_id, source, subject, payload, answer, state, reason, received_at)
            VALUES (gen_random_uuid(), ${shopId}, 'bitrix.product', ${subject}, '{}', '{}', 'parked', 'No price',
                    ${receivedAt})`
        }
        await witness`
          INSERT INTO bitrix_pass (shop_id, next_offset, started_at, seen, differences, repaired, unrepaired,
                                   last_finished_at, last_differences, last_unrepaired)
          VALUES (${shopId}, 200, '2026-01-07T10:00:00Z', 200, 3, 2, 1, '2026-01-06T12:00:00Z', 4, 0)`
      })
      const { status, body } = yield* ask("GET", "/status/")
      assert.strictEqual(status, 200)
      const withoutIds = (entries: ReadonlyArray<object>) => entries.map((entry) => ({ ...entry, id: null }))
      assert.deepStrictEqual(
        { ...body, parked: withoutIds(body.parked), parked_events: withoutIds(body.parked_events) },
        {
          connected: false,
          to_bitrix: {
            pending: 1,
            oldest_pending_since: "2026-01-02T10:00:00.000Z",
            parked: 2,
            last_success_at: "2026-01-01T10:00:00.000Z",
            breaker: "closed",
            next_attempt_in_ms: null,
          },
          from_bitrix: {
            parked: 2,
            oldest_parked_since: "2026-01-05T10:00:00.000Z",
            last_event_at: "2026-01-06T10:00:00.000Z",
            reconciliation: {
              started_at: "2026-01-07T10:00:00.000Z",
              next_offset: 200,
              seen: 200,
              differences: 3,
              repaired: 2,
              unrepaired: 1,
              last_finished_at: "2026-01-06T12:00:00.000Z",
              last_differences: 4,
              last_unrepaired: 0,
            },
          },
          conflicts_open: 1,
          parked: [
            { id: null, product_id: 6, error: "Newer", since: "2026-01-04T10:00:00.000Z" },
            { id: null, product_id: 5, error: "Older", since: "2026-01-03T10:00:00.000Z" },
          ],
          parked_events: [
            { id: null, subject: "32", reason: "No price", since: "2026-01-06T10:00:00.000Z" },
            { id: null, subject: "31", reason: "No price", since: "2026-01-05T10:00:00.000Z" },
          ],
        },
      )
    }),
  )

  it.effect("retries facts for Bitrix only", () =>
    Effect.gen(function* () {
      const { witness, shopId, ask } = yield* unconnected
      const [fact] = yield* Effect.promise(
        () => witness<Array<{ id: string }>>`
          INSERT INTO outbox (shop_id, target, aggregate_type, aggregate_id, payload, state, settled_at)
          VALUES (${shopId}, 'telegram', 'shop', '1', '{}', 'parked', now())
          RETURNING id`,
      )
      const { status, body } = yield* ask("POST", `/parked/${fact?.id}/retry`)
      assert.deepStrictEqual([status, body], [404, { detail: "Nothing parked has this id" }])
      assert.strictEqual((yield* ask("POST", "/parked/first/retry")).status, 422)
    }),
  )

  it.effect("pages through its conflicts, newest first, open ones unless told otherwise", () =>
    Effect.gen(function* () {
      const { ask, insert, insertConflict } = yield* unconnected
      const ids: Array<number> = []
      for (let count = 0; count < 5; count += 1) ids.unshift(yield* insertConflict(yield* insert(), "width"))
      const newest = ids.slice(1)
      yield* ask("POST", `/conflicts/${ids[0]}/resolve`, { choose: "bitrix" })
      const idsOf = (path: string) =>
        Effect.map(ask("GET", path), ({ body }) => body.items.map(({ id }: { id: number }) => id))

      const { body: page } = yield* ask("GET", "/conflicts?limit=3")
      assert.deepStrictEqual(
        page.items.map(({ id }: { id: number }) => id),
        newest.slice(0, 3),
      )
      assert.strictEqual(page.next_cursor, newest[2])
      const { body: last } = yield* ask("GET", `/conflicts?limit=3&before=${page.next_cursor}`)
      assert.deepStrictEqual(
        last.items.map(({ id }: { id: number }) => id),
        newest.slice(3),
      )
      assert.isNull(last.next_cursor)
      assert.deepStrictEqual(yield* idsOf("/conflicts?state=resolved"), [ids[0]])
      assert.deepStrictEqual(yield* idsOf("/conflicts?state=all"), ids)
      assert.strictEqual((yield* ask("GET", "/conflicts?limit=0")).status, 422)
      assert.strictEqual((yield* ask("GET", "/conflicts?state=some")).status, 422)
    }),
  )

  it.effect("puts back what Bitrix is not told of, and tells it nothing", () =>
    Effect.gen(function* () {
      const { witness, ask, insert, insertConflict, facts } = yield* unconnected
      const id = yield* insert({ more: { width: 35 } })
      for (const field of ["width", "images"]) {
        const { status } = yield* ask("POST", `/conflicts/${yield* insertConflict(id, field)}/resolve`, {
          choose: "ours",
        })
        assert.strictEqual(status, 200, field)
      }
      const [product] = yield* Effect.promise(
        () => witness`
          SELECT width, ARRAY(SELECT url::text FROM product_image WHERE product_id = p.id ORDER BY "order") AS images
          FROM product p
          WHERE id = ${id}`,
      )
      assert.deepStrictEqual({ ...product }, { width: 30, images: values["images"]?.[0] })
      assert.deepStrictEqual([...(yield* facts)], [])
    }),
  )

  it.effect("records what Bitrix is to be told, with the value from before", () =>
    Effect.gen(function* () {
      const { ask, insert, insertConflict, facts } = yield* unconnected
      const id = yield* insert({ more: { description: "Их состав" } })
      yield* ask("POST", `/conflicts/${yield* insertConflict(id, "description")}/resolve`, { choose: "ours" })
      assert.deepStrictEqual(
        [...(yield* facts)],
        [{ aggregate_id: String(id), before: { description: "Их состав" } }],
      )
    }),
  )

  it.effect("records nothing when our value stands there already", () =>
    Effect.gen(function* () {
      const { ask, insert, insertConflict, facts } = yield* unconnected
      const id = yield* insert({ more: { description: "Наш состав" } })
      const { body } = yield* ask("POST", `/conflicts/${yield* insertConflict(id, "description")}/resolve`, {
        choose: "ours",
      })
      assert.strictEqual(body.chosen, "ours")
      assert.deepStrictEqual([...(yield* facts)], [])
    }),
  )

  it.effect("is decided once: the same choice is answered again, the other one is refused", () =>
    Effect.gen(function* () {
      const { ask, insert, insertConflict } = yield* unconnected
      const path = `/conflicts/${yield* insertConflict(yield* insert(), "description")}/resolve`
      assert.strictEqual((yield* ask("POST", path)).status, 422)
      assert.strictEqual((yield* ask("POST", path, { choose: "both" })).status, 422)
      const answers = yield* Effect.all(
        Array.from({ length: 4 }, () => ask("POST", path, { choose: "ours" })),
        { concurrency: "unbounded" },
      )
      for (const { status, body } of answers) {
        assert.strictEqual(status, 200)
        assert.deepStrictEqual(body, answers[0]?.body)
      }
      const other = yield* ask("POST", path, { choose: "bitrix" })
      assert.deepStrictEqual(
        [other.status, other.body],
        [409, { detail: "Conflict was decided the other way" }],
      )
    }),
  )

  it.effect("puts nothing back on a product that was deleted, and lets its conflict be closed", () =>
    Effect.gen(function* () {
      const { ask, insert, insertConflict } = yield* unconnected
      const id = yield* insert({ isDeleted: true })
      const path = `/conflicts/${yield* insertConflict(id, "description")}/resolve`
      assert.strictEqual((yield* ask("POST", path, { choose: "ours" })).status, 409)
      assert.strictEqual((yield* ask("POST", path, { choose: "bitrix" })).status, 200)
    }),
  )

  it.effect("is seen by those who see goods and decided by those who change them, machines among them", () =>
    Effect.gen(function* () {
      const { witness, shopId, askAs, insert, insertConflict, issueKey } = yield* unconnected
      const path = `/conflicts/${yield* insertConflict(yield* insert(), "width")}/resolve`
      const foreigner = yield* insertShop(witness)
      assert.strictEqual((yield* askAs(foreigner.token)("POST", path, { choose: "ours" })).status, 404)
      for (const [role, sees, decides] of [
        ["COURIER", 403, 403],
        ["FLORIST", 200, 403],
      ] as const) {
        const { token } = yield* insertPerson(witness, { role, shopId })
        for (const read of ["/status", "/conflicts"])
          assert.strictEqual((yield* askAs(token)("GET", read)).status, sees, `${role} ${read}`)
        for (const change of [path, "/parked/1/retry"])
          assert.strictEqual((yield* askAs(token)("POST", change, { choose: "ours" })).status, decides, role)
      }
      const reader = yield* issueKey(["view_products"])
      assert.strictEqual((yield* askAs(reader)("GET", "/status")).status, 200)
      assert.strictEqual((yield* askAs(reader)("POST", path, { choose: "ours" })).status, 403)
      const decided = yield* askAs(yield* issueKey(["update_products"]))("POST", path, { choose: "ours" })
      assert.strictEqual(decided.status, 200)
      assert.deepInclude(decided.body, { chosen: "ours", resolved_by: null })
    }),
  )
})
