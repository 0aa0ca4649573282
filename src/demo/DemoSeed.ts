/**
 * The demo world: a development shop and the production shop, a director for each, and the order of the system
 * diagrams with its product, waiting for its first webhook. Seeded with the embedded database; with `DATABASE_URL`
 * only when `RUN_SEEDS=true`. With the embedded database, and by `npm run seed` in development, the directors share a password
 * that was made at random and is kept in `DATA_DIR/demo-password`; otherwise nobody can log in as them.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { PasswordHasher } from "../auth/PasswordHasher.ts"
import { DatabaseUrl } from "../platform/DatabaseUrl.ts"
import { Db } from "../platform/Db.ts"
import * as Secret from "../platform/Secret.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import { ShopId } from "../shared/ShopId.ts"
import type { DemoOrder, DemoShop } from "./DemoRepo.ts"
import * as DemoRepo from "./DemoRepo.ts"

export const shops: ReadonlyArray<DemoShop> = [
  { id: 8, name: "Ветка", director: { id: 1, name: "Директор «Ветки»", phone: "+70000000011" } },
  { id: 17_008, name: "Cvety.kz", director: { id: 2, name: "Директор Cvety.kz", phone: "+70000000012" } },
]

export const order: DemoOrder = {
  id: 789,
  bitrixOrderId: 123_456,
  trackingId: "900000789",
  orderNumber: "#00789",
}
export const ORDER_SHOP_ID = 17_008

const PASSWORD_NAME = "DEMO_PASSWORD"

export const seed = Effect.gen(function* () {
  const environment = yield* Config.String("APP_ENV").pipe(Config.withDefault("development"))
  if (environment === "production") return yield* insert(undefined)
  const hasher = yield* PasswordHasher
  yield* insert(yield* hasher.hash(yield* Secret.kept(PASSWORD_NAME)))
})

const insert = Effect.fnUntraced(function* (passwordHash: string | undefined) {
  const db = yield* Db
  for (const shop of shops) {
    yield* db
      .transact({
        read: [],
        write: () => ({
          queries: [
            DemoRepo.insertDirector(shop),
            DemoRepo.insertShop(shop),
            ...(passwordHash === undefined ? [] : [DemoRepo.givePassword(shop, passwordHash)]),
            ...(shop.id === ORDER_SHOP_ID
              ? [
                  DemoRepo.insertProduct(shop.id),
                  DemoRepo.insertOrder(shop.id, order),
                  DemoRepo.insertItem(shop.id, order),
                ]
              : []),
          ],
          answer: undefined,
        }),
      })
      .pipe(Effect.provideService(TenantContext, { shopId: ShopId.make(shop.id) }))
  }
})

export const DemoSeed = Layer.effectDiscard(
  Effect.gen(function* () {
    const { isEmbedded } = yield* DatabaseUrl
    const isWanted = yield* Config.Boolean("RUN_SEEDS").pipe(Config.withDefault(isEmbedded))
    if (isWanted) yield* isEmbedded ? seed : insert(undefined)
  }),
)
