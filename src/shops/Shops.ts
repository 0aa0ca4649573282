/** Shops as parts of the transactions of other domains. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ShopsRepo } from "./ShopsRepo.ts"

export class Shops extends Context.Service<Shops, Pick<ShopsRepo["Service"], "find" | "lock">>()(
  "cvety/shops/Shops",
) {
  static readonly layerNoDeps = Layer.effect(
    Shops,
    Effect.map(ShopsRepo, ({ find, lock }) => ({ find, lock })),
  )

  static readonly layer = Shops.layerNoDeps.pipe(Layer.provide(ShopsRepo.layer))
}
