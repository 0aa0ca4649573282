/** Pictures that goods show, as a part of the transactions of whoever sweeps pictures. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ProductImageReferencesRepo } from "./ProductImageReferencesRepo.ts"

export class ProductImageReferences extends Context.Service<
  ProductImageReferences,
  ProductImageReferencesRepo["Service"]
>()("cvety/products/ProductImageReferences") {
  static readonly layer = Layer.effect(
    ProductImageReferences,
    Effect.map(ProductImageReferencesRepo, ({ findUsed }) => ({ findUsed })),
  ).pipe(Layer.provide(ProductImageReferencesRepo.layer))
}
