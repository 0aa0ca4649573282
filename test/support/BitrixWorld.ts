/** A node of the service and a Bitrix at its other side, which know each other, and a shop with a director. */
import * as Effect from "effect/Effect"
import { startBitrix } from "../simulators/bitrix/BitrixSimulator.ts"
import type { SimProduct } from "../simulators/bitrix/SimProduct.ts"
import type { SimulatorOptions } from "../simulators/bitrix/SimulatorOptions.ts"
import { eventually } from "./eventually.ts"
import { TestDatabase } from "./TestDatabase.ts"
import { startNode } from "./TestNode.ts"
import { call, insertShop } from "./TestPeople.ts"
import { SECRET } from "./TestService.ts"

export const BITRIX_TOKEN = "test-token-of-bitrix"
let lastProductId = 800_000

export const nextProductId = (): number => ++lastProductId

export const makeSimulator = (options: Partial<SimulatorOptions> = {}) =>
  Effect.acquireRelease(
    Effect.promise(() => startBitrix({ token: BITRIX_TOKEN, echo: true, ...options })),
    (simulator) => Effect.promise(() => simulator.close()),
  )

export const settingsFor = (simulator: { readonly url: string }, shopId: number) => ({
  RUN_SEEDS: "false",
  WEBHOOK_SHOP_ID: String(shopId),
  BITRIX_BASE_URL: simulator.url,
  BITRIX_TOKEN,
  BITRIX_REQUESTS_PER_SECOND_MAX: "1000",
  // Who walks through the list of Bitrix says so.
  BITRIX_RECONCILE_PAUSE_SECONDS: "0",
})

export const makeWorld = (
  options: {
    readonly simulator?: Partial<SimulatorOptions>
    readonly settings?: Readonly<Record<string, string>>
  } = {},
) =>
  Effect.gen(function* () {
    const { witness } = yield* TestDatabase
    const director = yield* insertShop(witness)
    const { shopId } = director
    const simulator = yield* makeSimulator(options.simulator)
    const node = yield* startNode({ settings: { ...settingsFor(simulator, shopId), ...options.settings } })
    simulator.webhooks.target = { url: `${node.url}/api/v1/webhooks`, secret: SECRET }

    /** A product that both sides have and agree on. */
    const insertProduct = (change: Partial<SimProduct> & { readonly priceTiyn?: number } = {}) =>
      Effect.promise(async () => {
        const { priceTiyn = 500_000, ...product } = change
        const id = product.id ?? nextProductId()
        const title = product.title ?? `Букет ${id}`
        await witness`
          INSERT INTO product (id, shop_id, name, price, type) VALUES (${id}, ${shopId}, ${title}, ${priceTiyn}, 'catalog')`
        simulator.seed([
          {
            id,
            title,
            price: `${(priceTiyn / 100).toLocaleString("en").replaceAll(",", " ")} ₸`,
            type: "catalog",
            image: null,
            images: [],
            ...product,
          },
        ])
        return id
      })

    const findProduct = (id: number) =>
      Effect.promise(async () => {
        const [row] = await witness`SELECT * FROM product WHERE shop_id = ${shopId} AND id = ${id}`
        return row
      })

    const openFacts = Effect.promise(
      () =>
        witness`SELECT * FROM outbox WHERE shop_id = ${shopId} AND target = 'bitrix' AND state <> 'delivered'`,
    )

    /** Until everything that changed here has been told, and everything that was told over there has arrived. */
    const isTold = Effect.map(openFacts, (facts) => facts.every(({ state }) => state === "parked"))
    const settled = Effect.gen(function* () {
      if (!(yield* isTold)) return false
      yield* Effect.promise(() => simulator.webhooks.idle())
      return yield* isTold
    })

    return {
      witness,
      shopId,
      director,
      simulator,
      node,
      insertProduct,
      findProduct,
      openFacts,
      calm: eventually(settled, "15 seconds"),
      put: (id: number, body: object) =>
        call(node.url, "PUT", `/products/${id}`, { token: director.token, body }),
      webhook: (body: unknown) =>
        call(node.url, "POST", "/webhooks/product-sync", { headers: { "x-webhook-secret": SECRET }, body }),
    }
  })
