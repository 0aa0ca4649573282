/** Goods for an edge that keeps them the same elsewhere. What it writes is not told to the outside again. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { MirroredProductsRepo } from "./MirroredProductsRepo.ts"

export class MirroredProducts extends Context.Service<MirroredProducts, MirroredProductsRepo["Service"]>()(
  "cvety/products/MirroredProducts",
) {
  static readonly layer = Layer.effect(
    MirroredProducts,
    Effect.gen(function* () {
      return yield* MirroredProductsRepo
    }),
  ).pipe(Layer.provide(MirroredProductsRepo.layer))
}
