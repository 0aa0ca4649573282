/** What is played. A scene throws where something is not as it should be. */
import type { Stage } from "./Stage.ts"
import { GOODS, ROSA } from "./Stage.ts"

interface Scene {
  readonly title: string
  readonly play: (stage: Stage) => Promise<void>
}

const [MERGED, DISPUTED, LOST, POISON, NEIGHBOUR, ...OUTAGE] = GOODS
const EDITS_EACH = 4
const LAST_PRICE = 700_000 + EDITS_EACH * 10_000

const firstWalk: Scene = {
  title: "The first walk through Bitrix's list brings its goods",
  play: async ({ ask, until, bitrix, timeline }) => {
    const count = async () => (await ask("GET", "/products/admin")).body.length
    await until("the goods of Bitrix are here", async () => (await count()) === bitrix.products.size)
    await until("the walk ends", async () => (await pass(ask))?.last_finished_at != null)
    timeline.say("here", `has all ${await count()} products, ${GOODS.length} of them new`)
  },
}

const editHere: Scene = {
  title: "An edit here reaches Bitrix",
  play: async (stage) => {
    const { bitrix, timeline, edit, until } = stage
    const writes = bitrix.writes.length
    const startMs = performance.now()
    const { tookMs, body } = await edit(ROSA, { price: 1_350_000, description: "25 роз и эвкалипт" })
    timeline.say(
      "here",
      `price 12 000 ₸ -> ${tenge(body.price)}, answered in ${tookMs.toFixed(0)} ms, ${syncOf(body)}`,
    )
    await until("Bitrix has the price", () => bitrix.products.get(ROSA)?.price === "13 500 ₸")
    timeline.say("Bitrix", `has it ${(performance.now() - startMs).toFixed(0)} ms after the request was sent`)
    await settle(stage, ROSA)
    expect(bitrix.writes.length === writes + 1, "it is told once, and its own event changes nothing")
  },
}

const editThere: Scene = {
  title: "A florist's edit reaches us",
  play: async (stage) => {
    const { bitrix, timeline, here, until } = stage
    const writes = bitrix.writes.length
    const startMs = performance.now()
    bitrix.edit(ROSA, { price: "14 900 ₸", title: "Букет Rosa Royal" })
    timeline.say("Bitrix", "a florist sets 14 900 ₸ and the name Букет Rosa Royal")
    await until("the price is here", async () => (await here(ROSA)).price === 1_490_000)
    timeline.say("here", `has both ${(performance.now() - startMs).toFixed(0)} ms later`)
    await settle(stage, ROSA)
    expect(bitrix.writes.length === writes, "Bitrix is not told what it said")
  },
}

const bothFields: Scene = {
  title: "Both at once, different fields: both count",
  play: async (stage) => {
    const { bitrix, timeline, edit, here, until } = stage
    const release = await hold(stage, MERGED, () => edit(MERGED, { name: "Букет «Утро»" }))
    bitrix.edit(MERGED, { price: "8 800 ₸" })
    timeline.say("Bitrix", "a florist sets 8 800 ₸ before the name has arrived")
    await until("the price is here", async () => (await here(MERGED)).price === 880_000)
    release()
    await settle(stage, MERGED)
    const { name, price } = await here(MERGED)
    expect(name === "Букет «Утро»" && price === 880_000, "name and price are both kept")
    expect((await conflictsOf(stage, MERGED)).length === 0, "nothing is in conflict")
  },
}

const sameField: Scene = {
  title: "Both at once, the same field: Bitrix wins, ours is kept for a decision",
  play: async (stage) => {
    const { bitrix, timeline, ask, edit, here, until } = stage
    const release = await hold(stage, DISPUTED, () => edit(DISPUTED, { price: 690_000 }))
    bitrix.edit(DISPUTED, { price: "8 100 ₸" })
    timeline.say("Bitrix", "a florist sets 8 100 ₸ before our 6 900 ₸ has arrived")
    await until("Bitrix's price is here", async () => (await here(DISPUTED)).price === 810_000)
    release()
    await settle(stage, DISPUTED)
    const [conflict] = await conflictsOf(stage, DISPUTED)
    expect(conflict?.ours === 690_000 && conflict.theirs === 810_000, "the conflict is in the list")
    timeline.say(
      "here",
      `conflict ${conflict.id}: ${conflict.field}, ours ${tenge(conflict.ours)}, theirs ${tenge(conflict.theirs)}`,
    )
    await ask("POST", `/sync/conflicts/${conflict.id}/resolve`, { choose: "ours" })
    timeline.say("here", "the director decides for ours")
    await until("Bitrix has the decision", () => bitrix.products.get(DISPUTED)?.price === "6 900 ₸")
    await settle(stage, DISPUTED)
    expect((await conflictsOf(stage, DISPUTED)).length === 0, "the conflict is closed")
  },
}

const lostWebhook: Scene = {
  title: "A lost event is found by the next walk",
  play: async (stage) => {
    const { bitrix, timeline, here, until } = stage
    bitrix.webhooks.mode = "lose"
    bitrix.edit(LOST, { title: "Букет «Заря»", price: "9 300 ₸" })
    bitrix.webhooks.mode = "on"
    timeline.say("Bitrix", "a florist edits, and the event is lost for good")
    const startMs = performance.now()
    await until("the walk finds it", async () => (await here(LOST)).price === 930_000)
    timeline.say("here", `the walk repaired it after ${((performance.now() - startMs) / 1e3).toFixed(1)} s`)
    await settle(stage, LOST)
  },
}

const poison: Scene = {
  title: "A product that Bitrix refuses is parked, holds up nobody, and goes when it is retried",
  play: async (stage) => {
    const { bitrix, timeline, ask, edit, here, until } = stage
    const pardon = bitrix.fail({
      method: "PUT",
      productId: POISON,
      mode: { kind: "status", status: 400, body: { status: false, error: "Name is too short" } },
    })
    await edit(POISON, { name: "Х" })
    await until("it is parked", async () => (await here(POISON)).bitrix_sync.state === "parked")
    timeline.say("here", `product ${POISON}: ${syncOf(await here(POISON))}`)
    const startMs = performance.now()
    await edit(NEIGHBOUR, { price: 770_000 })
    await until("a neighbour arrives", () => bitrix.products.get(NEIGHBOUR)?.price === "7 700 ₸")
    timeline.say(
      "Bitrix",
      `meanwhile an edit of product ${NEIGHBOUR} arrives in ${(performance.now() - startMs).toFixed(0)} ms`,
    )
    pardon()
    const { parked } = (await ask("GET", "/sync/status")).body
    const fact = parked.find((one: any) => one.product_id === POISON)
    expect(fact !== undefined, "it is in the list of what is parked")
    await ask("POST", `/sync/parked/${fact.id}/retry`)
    timeline.say("here", `the cause is gone; fact ${fact.id} is retried by hand`)
    await until("it arrives", () => bitrix.products.get(POISON)?.title === "Х")
    await settle(stage, POISON)
  },
}

const outage: Scene = {
  title: "Bitrix is down: edits go on, wait visibly, and only the last states are told",
  play: async (stage) => {
    const { bitrix, timeline, ask, edit, here, until } = stage
    const writes = bitrix.writes.length
    await bitrix.refuse()
    timeline.say("Bitrix", "is gone: connections are refused")
    const tookMs: Array<number> = []
    for (let turn = 1; turn <= EDITS_EACH; turn += 1)
      for (const id of OUTAGE) tookMs.push((await edit(id, { price: 700_000 + turn * 10_000 })).tookMs)
    const slowest = Math.max(...tookMs)
    timeline.say(
      "here",
      `${tookMs.length} edits of ${OUTAGE.length} products, all answered 200, the slowest in ${slowest.toFixed(0)} ms`,
    )
    const status = async () => (await ask("GET", "/sync/status")).body.to_bitrix
    await until("the outage is noticed", async () => (await status()).breaker !== "closed")
    const { pending, breaker } = await status()
    expect(pending === OUTAGE.length, `${OUTAGE.length} products wait, not ${pending}`)
    timeline.say("here", `/sync/status: pending ${pending}, circuit ${breaker}`)
    for (const id of OUTAGE.slice(0, 1)) timeline.say("here", `product ${id}: ${syncOf(await here(id))}`)
    await bitrix.accept()
    const startMs = performance.now()
    timeline.say("Bitrix", "is back")
    await until("everything is told", async () => (await status()).pending === 0)
    const told = bitrix.writes.slice(writes).filter(({ id }) => OUTAGE.some((one) => one === id)).length
    timeline.say(
      "Bitrix",
      `has everything ${((performance.now() - startMs) / 1e3).toFixed(1)} s later, in ${told} writes`,
    )
    expect(told === OUTAGE.length, `${OUTAGE.length} writes, not ${told}`)
    for (const id of OUTAGE) await settle(stage, id, true)
    timeline.say("both", `products ${OUTAGE.join(", ")}: ${tenge(LAST_PRICE)}`)
  },
}

const theSame: Scene = {
  title: "In the end",
  play: async (stage) => {
    const { bitrix, timeline, ask } = stage
    for (const id of [ROSA, ...GOODS]) await settle(stage, id, true)
    const { to_bitrix, conflicts_open } = (await ask("GET", "/sync/status")).body
    expect(to_bitrix.pending === 0 && to_bitrix.parked === 0, "nothing waits and nothing is parked")
    expect(conflicts_open === 0, "no conflict is open")
    bitrix.verify()
    timeline.say("both", `${bitrix.products.size} products are the same on both sides`)
  },
}

export const scenes: ReadonlyArray<Scene> = [
  firstWalk,
  editHere,
  editThere,
  bothFields,
  sameField,
  lostWebhook,
  poison,
  outage,
  theSame,
]

const expect = (isTrue: boolean, what: string): void => {
  if (!isTrue) throw new Error(`not so: ${what}`)
}

/** Bitrix answers 503 to every attempt to tell it of the edit, until it is released. */
const hold = async (stage: Stage, id: number, edit: () => Promise<unknown>): Promise<() => void> => {
  const { bitrix, timeline, here, until } = stage
  const release = bitrix.fail({ method: "PUT", productId: id, mode: { kind: "status", status: 503 } })
  await edit()
  await until("the first attempt failed", async () => (await here(id)).bitrix_sync.last_error !== null)
  timeline.say("here", `an edit of product ${id} does not get through: ${syncOf(await here(id))}`)
  return release
}

/** Until this product has nothing to tell and no event is under way; then both sides must have the same. */
const settle = async (
  { bitrix, timeline, here, until }: Stage,
  id: number,
  isQuiet = false,
): Promise<void> => {
  const isCalm = async () => {
    await bitrix.webhooks.idle()
    return (await here(id)).bitrix_sync.state === "synced"
  }
  await until("it is told", isCalm)
  const ours = await here(id)
  const theirs = bitrix.products.get(id)
  const text = `product ${id}: ${ours.name}, ${tenge(ours.price)} | ${theirs?.title}, ${theirs?.price}`
  const isSame =
    ours.name === theirs?.title && tenge(ours.price) === theirs?.price && ours.enabled === theirs.isAvailable
  expect(isSame, `both sides are the same: ${text}`)
  if (!isQuiet) timeline.say("both", text)
}

const conflictsOf = async ({ ask }: Stage, id: number): Promise<ReadonlyArray<any>> =>
  (await ask("GET", "/sync/conflicts")).body.items.filter((one: any) => one.product_id === id)

const pass = async (ask: Stage["ask"]) => (await ask("GET", "/sync/status")).body.from_bitrix.reconciliation

const syncOf = ({ bitrix_sync }: any): string =>
  bitrix_sync.last_error === null ? bitrix_sync.state : `${bitrix_sync.state}, "${bitrix_sync.last_error}"`

const tenge = (tiyn: number): string =>
  `${String(Math.round(tiyn / 100)).replaceAll(/\B(?=(\d{3})+$)/g, " ")} ₸`
