/**
 * Edits on both sides, many at a time, while webhooks are lost, doubled and out of order and Bitrix has its bad moments.
 * Then all is well again, one walk through Bitrix's list ends, and the laws of the sync must hold.
 *
 *   SYNC_EDITS=100000 SYNC_SEED=7 npx vitest run test/bitrix/syncLaws.test.ts
 */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type postgres from "postgres"
import * as PriceText from "../../src/bitrix/PriceText.ts"
import { Tiyn } from "../../src/shared/Tiyn.ts"
import type { BitrixSimulator } from "../simulators/bitrix/BitrixSimulator.ts"
import type { SimProduct } from "../simulators/bitrix/SimProduct.ts"
import { makeSimulator, nextProductId, settingsFor } from "../support/BitrixWorld.ts"
import * as Edits from "../support/Edits.ts"
import { eventually } from "../support/eventually.ts"
import * as LeanHttp from "../support/LeanHttp.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { startNode } from "../support/TestNode.ts"
import { insertShop } from "../support/TestPeople.ts"
import { SECRET } from "../support/TestService.ts"

const EDITS = Number(process.env["SYNC_EDITS"] ?? 1_500)
const SEED = Number(process.env["SYNC_SEED"] ?? Math.floor(Math.random() * 1_000_000_000))
const PRODUCTS = 200
const CLIENTS = 16
/** Events under way: those of real handlers take tenths of a second, however slow this machine is. */
const BACKLOG_MAX = 60
const BACKLOG_PAUSE_MS = 5
/** Between two bad moments of Bitrix. */
const GOOD_MS_MAX = 4_000
const BAD_MS_MAX = 400
const CALM_WITHIN = "90 seconds"
const TIMEOUT_MS = 150_000 + EDITS * 20

/** Who edits a product. What only one side edits must not lose an edit there. */
const WHERE = ["here", "there", "both"] as const
type Where = (typeof WHERE)[number]
const whereOf = (id: number): Where => WHERE[id % WHERE.length] ?? "both"

interface Storm {
  readonly ids: ReadonlyArray<number>
  readonly random: () => number
  readonly simulator: BitrixSimulator
  readonly url: string
  readonly token: string
}

/** The value that each field was given last, by the side that gives it. */
type Last = Map<number, Record<string, unknown>>

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const between = (random: () => number, from: number, to: number) => from + Math.floor(random() * (to - from))
const pick = <A>(random: () => number, items: ReadonlyArray<A>): A =>
  items[between(random, 0, items.length)] as A

const bodyHere = (random: () => number, n: number): Record<string, unknown> =>
  pick(random, [
    { name: `Букет ${n} отсюда` },
    { price: between(random, 100_000, 5_000_000) },
    { price: between(random, 1_000, 50_000) * 100, name: `Букет ${n} отсюда` },
    { enabled: random() < 0.5 },
    { description: `Состав ${n}` },
    { image: `https://shop.example/${n}.jpg` },
  ])

const changeThere = (random: () => number, n: number): Partial<SimProduct> =>
  pick(random, [
    { title: `Букет ${n} оттуда` },
    { price: `${between(random, 1_000, 999_999)} ₸` },
    { price: `${between(random, 1, 99)} ${between(random, 100, 1_000)} ₸`, title: `Букет ${n} оттуда` },
    { isAvailable: random() < 0.5 },
    { catalogHeight: `${between(random, 20, 99)} см` },
    { price: pick(random, ["", "0 ₸", null, "договорная", "65 USD"]) },
  ])

/** Each client edits products of its own, one edit after another. */
const edit = (storm: Storm, edits: number) => {
  const { ids, random, simulator, url, token } = storm
  const lastHere: Last = new Map(ids.map((id) => [id, {}]))
  const lastThere: Last = new Map(ids.map((id) => [id, {}]))
  const count = { here: 0, there: 0 }
  let n = 0
  const { webhooks } = simulator
  const isFarBehind = () => {
    const emitted = count.there + simulator.writes.length
    const gone = webhooks.delivered + webhooks.failed + webhooks.lost - webhooks.duplicates
    return emitted - gone > BACKLOG_MAX
  }
  const client = async (own: ReadonlyArray<number>) => {
    const http = LeanHttp.open(url)
    while (n < edits) {
      n += 1
      while (isFarBehind()) await pause(BACKLOG_PAUSE_MS)
      const id = pick(random, own)
      const where = whereOf(id)
      if (where === "there" || (where === "both" && random() < 0.5)) {
        const change = changeThere(random, n)
        simulator.edit(id, change)
        Object.assign(lastThere.get(id) ?? {}, change)
        count.there += 1
        await pause(between(random, 0, 8))
        continue
      }
      const body = bodyHere(random, n)
      const answer = await http.ask(
        LeanHttp.requestText(
          "PUT",
          `/api/v1/products/${id}`,
          { authorization: `Bearer ${token}`, "content-type": "application/json" },
          JSON.stringify(body),
        ),
      )
      assert.strictEqual(answer?.status, 200, answer?.body)
      Object.assign(lastHere.get(id) ?? {}, body)
      count.here += 1
    }
    http.close()
  }
  const lanes = Array.from({ length: CLIENTS }, (_, lane) =>
    ids.filter((_id, index) => index % CLIENTS === lane),
  )
  return Effect.promise(() => Promise.all(lanes.map(client))).pipe(Effect.as({ lastHere, lastThere, count }))
}

/** Bad moments of Bitrix, each followed by good ones. */
const weather = ({ random, simulator }: Storm) => {
  const { webhooks } = simulator
  const write = { method: "PUT" }
  const during = (begin: () => unknown, end: () => unknown) =>
    Effect.gen(function* () {
      yield* Effect.promise(async () => begin())
      yield* Effect.sleep(between(random, 20, BAD_MS_MAX))
      yield* Effect.promise(async () => end())
    })
  const moments: ReadonlyArray<Effect.Effect<void>> = [
    during(
      () => simulator.fail({ ...write, mode: { kind: "status", status: 503 } }),
      () => simulator.heal(),
    ),
    during(
      () => simulator.fail({ ...write, mode: { kind: "hang" } }),
      () => simulator.heal(),
    ),
    during(
      () => simulator.fail({ ...write, mode: { kind: "committed_then_hang" }, times: 4 }),
      () => simulator.heal(),
    ),
    during(
      () => simulator.fail({ ...write, mode: { kind: "html", status: 502 }, commit: true, times: 4 }),
      () => simulator.heal(),
    ),
    during(
      () => simulator.fail({ ...write, mode: { kind: "reset_mid" }, times: 4 }),
      () => simulator.heal(),
    ),
    during(
      () => simulator.refuse(),
      () => simulator.accept(),
    ),
    during(
      () => {
        webhooks.mode = "lose"
      },
      () => {
        webhooks.mode = "on"
      },
    ),
  ]
  return Effect.gen(function* () {
    while (true) {
      webhooks.duplicateShare = random() * 0.2
      yield* Effect.sleep(between(random, 100, GOOD_MS_MAX))
      yield* pick(random, moments)
    }
  })
}

/** Counts what Bitrix changed here: people's transactions say who they are, those of its events do not. */
const watch = (witness: postgres.Sql) =>
  Effect.promise(async () => {
    await witness`DROP TABLE IF EXISTS change_by_bitrix`
    await witness`CREATE TABLE change_by_bitrix (n bigint GENERATED ALWAYS AS IDENTITY, id integer, price bigint)`
    await witness`
      CREATE OR REPLACE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
      BEGIN
        INSERT INTO public.change_by_bitrix (id, price) VALUES (NEW.id, NEW.price);
        RETURN NULL;
      END
      $$`
    await witness`
      CREATE OR REPLACE TRIGGER notes_change AFTER UPDATE ON product FOR EACH ROW
      WHEN (coalesce(current_setting('cvety.caller', true), '') = '') EXECUTE FUNCTION note_change()`
  })

const insertGoods = (
  witness: postgres.Sql,
  simulator: BitrixSimulator,
  shopId: number,
  ids: ReadonlyArray<number>,
) =>
  Effect.promise(async () => {
    await witness`
      INSERT INTO product (id, shop_id, name, price, type, description, image)
      SELECT id, ${shopId}, 'Букет ' || id, 500000, 'catalog', 'Состав', ${simulator.origin} || '/upload/start.jpg'
      FROM unnest(${ids as Array<number>}::integer[]) AS id`
    simulator.seed(
      ids.map((id) => ({
        id,
        title: `Букет ${id}`,
        price: "5 000 ₸",
        type: "catalog",
        description: "Состав",
        image: "/upload/start.jpg",
        images: [],
      })),
    )
  })

const isSettled = (witness: postgres.Sql, simulator: BitrixSimulator, shopId: number) =>
  Effect.promise(async () => {
    await simulator.webhooks.idle()
    const [open] = await witness`
      SELECT count(*)::integer AS n FROM outbox
      WHERE shop_id = ${shopId} AND target = 'bitrix' AND state = 'pending'`
    return open?.["n"] === 0
  })

/** One walk from its begin to its end, by a node that does nothing else before it. */
const walkOnce = (witness: postgres.Sql, simulator: BitrixSimulator, shopId: number) =>
  Effect.gen(function* () {
    yield* startNode({
      settings: { ...settingsFor(simulator, shopId), BITRIX_RECONCILE_PAUSE_SECONDS: "3600" },
    })
    yield* eventually(
      Effect.promise(async () => {
        const [pass] = await witness`SELECT last_finished_at FROM bitrix_pass WHERE shop_id = ${shopId}`
        return pass?.["last_finished_at"] != null
      }),
      CALM_WITHIN,
    )
  })

const tenge = (tiyn: unknown) => PriceText.format(Tiyn.make(Number(tiyn)))

const expectEqual = (row: postgres.Row, there: SimProduct, origin: string) => {
  const { id, name, price, enabled, description, image, ours, theirs } = row
  const where = `product ${id}, edited ${whereOf(id)}`
  const parsed = PriceText.parse(there.price)
  assert.strictEqual(name, there.title, where)
  assert.strictEqual(enabled, there.isAvailable, where)
  assert.strictEqual(description, there.description, where)
  // What nobody can read in Bitrix stays there, and the last price that was read stays here.
  if ("price" in parsed && parsed.price !== 0) assert.strictEqual(tenge(price), tenge(parsed.price), where)
  else assert.isAbove(Number(price), 0, where)
  assert.deepStrictEqual([ours.image, theirs.image], [image, origin + there.image], where)
}

const expectLast = (
  id: number,
  values: Readonly<Record<string, unknown>>,
  found: Readonly<Record<string, unknown>>,
) => {
  for (const [field, value] of Object.entries(values))
    assert.strictEqual(String(found[field]), String(value), `product ${id} lost an edit of its ${field}`)
}

const expectLaws = Effect.fnUntraced(function* (
  storm: Storm,
  { lastHere, lastThere, count }: Effect.Success<ReturnType<typeof edit>>,
  shopId: number,
) {
  const { witness } = yield* TestDatabase
  const { ids, simulator } = storm
  const rows = yield* Effect.promise(
    () => witness`
      SELECT p.*, b.ours, b.theirs FROM product p JOIN bitrix_product b ON b.product_id = p.id
      WHERE p.shop_id = ${shopId}`,
  )
  assert.strictEqual(rows.length, ids.length)
  const lastPictures = new Map<number, unknown>()
  for (const { id, body } of simulator.writes) {
    const { image } = body as { readonly image: unknown }
    if (typeof image === "string") lastPictures.set(id, image)
  }
  for (const row of rows) {
    const { id } = row as unknown as { readonly id: number }
    const there = simulator.world.product(id)
    expectEqual(row, there, simulator.origin)
    if (whereOf(id) === "here") {
      const { image, ...values } = lastHere.get(id) ?? {}
      expectLast(id, values, row)
      // Bitrix keeps a copy of its own; where that stands here, it is the same picture.
      if (image !== undefined) assert.include([image, simulator.origin + there.image], row["image"])
      if (image !== undefined)
        assert.strictEqual(lastPictures.get(id), image, `product ${id} lost its picture`)
    }
    if (whereOf(id) === "there") expectLast(id, lastThere.get(id) ?? {}, there as never)
  }
  const conflicts = yield* Effect.promise(
    () => witness`SELECT DISTINCT product_id AS id FROM sync_conflict WHERE shop_id = ${shopId}`,
  )
  // Out of order a push may come back after all that is remembered of it: a conflict that is none, and nothing lost.
  const needless = conflicts.filter(({ id }) => whereOf(id) !== "both").map(({ id }) => id)
  const allowed = simulator.webhooks.reorder ? Math.ceil((count.here + count.there) / 50_000) : 0
  assert.isAtMost(needless.length, allowed, `conflicts of products ${needless.join()}`)

  const writes = simulator.writes.filter(({ changed }) => changed).length
  const [here] = yield* Effect.promise(
    () => witness`
      SELECT count(*)::integer AS changes, count(*) FILTER (WHERE price = 0)::integer AS zeros FROM change_by_bitrix`,
  )
  const [parked] = yield* Effect.promise(
    () => witness`SELECT count(*)::integer AS n FROM outbox WHERE shop_id = ${shopId} AND state = 'parked'`,
  )
  assert.isAtMost(writes, count.here, "writes that changed something in Bitrix")
  assert.isAtMost(here?.["changes"], count.there, "changes that Bitrix made here")
  assert.strictEqual(here?.["zeros"], 0, "prices that became zero")
  assert.strictEqual(parked?.["n"], 0, "facts given up")
  return { writes, changes: here?.["changes"], conflicts: conflicts.length }
})

layer(TestDatabase.layer, { excludeTestServices: true })("edits on both sides at once", (it) => {
  for (const [how, reorder] of [
    ["in order", false],
    ["out of order", true],
  ] as const) {
    it.effect(
      `leave both sides equal after ${EDITS} of them, with events ${how}, whatever happens in between`,
      () => endure(reorder).pipe(Effect.tapCause(() => tellHowToRunAgain)),
      TIMEOUT_MS,
    )
  }
})

const endure = Effect.fnUntraced(function* (reorder: boolean) {
  const { witness } = yield* TestDatabase
  const { shopId, token } = yield* insertShop(witness)
  const simulator = yield* makeSimulator({ descriptionInList: true })
  const settings = { ...settingsFor(simulator, shopId), BITRIX_REQUESTS_PER_SECOND_MAX: "10000" }
  const node = yield* startNode({ settings: { ...settings, BITRIX_RECONCILE_PAUSE_SECONDS: "0" } })
  simulator.webhooks.target = { url: `${node.url}/api/v1/webhooks`, secret: SECRET }
  simulator.webhooks.reorder = reorder
  const ids = Array.from({ length: PRODUCTS }, nextProductId)
  yield* insertGoods(witness, simulator, shopId, ids)
  yield* watch(witness)
  const storm = { ids, random: Edits.random(SEED), simulator, url: node.url, token }

  const startMs = performance.now()
  const blowing = yield* Effect.forkChild(weather(storm))
  const edited = yield* edit(storm, EDITS)
  const perSecond = Math.round((EDITS / (performance.now() - startMs)) * 1_000)
  yield* Fiber.interrupt(blowing)
  simulator.heal()
  simulator.webhooks.mode = "on"
  yield* Effect.promise(() => simulator.accept())

  yield* eventually(isSettled(witness, simulator, shopId), CALM_WITHIN)
  yield* walkOnce(witness, simulator, shopId)
  yield* eventually(isSettled(witness, simulator, shopId), CALM_WITHIN)
  const sums = yield* expectLaws(storm, edited, shopId)
  const { lost, duplicates } = simulator.webhooks
  const told = { ...edited.count, ...sums, lost, duplicates, perSecond }
  process.stdout.write(`sync laws, SYNC_SEED=${SEED}: ${JSON.stringify(told)}\n`)
})

const tellHowToRunAgain = Effect.sync(() => {
  process.stdout.write(
    `again: SYNC_SEED=${SEED} SYNC_EDITS=${EDITS} npx vitest run test/bitrix/syncLaws.test.ts\n`,
  )
})
