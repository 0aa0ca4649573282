/**
 * Who refers to pictures. A picture goes when none of these knows it, so a domain that keeps URLs of pictures has to
 * stand here before it keeps the first one; `test/images/references.test.ts` compares this list with the schema.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Query } from "../platform/Query.ts"
import { ProductImageReferences } from "../products/ProductImageReferences.ts"

/** Through the door across shops: those of the keys that are used, in any shop. */
export type FindUsed = (keys: ReadonlyArray<string>) => Query<ReadonlyArray<{ readonly key: string }>>

export class ImageReferences extends Context.Service<ImageReferences, ReadonlyArray<FindUsed>>()(
  "cvety/images/ImageReferences",
) {
  static readonly layer = Layer.effect(
    ImageReferences,
    Effect.map(ProductImageReferences, ({ findUsed }) => [findUsed]),
  ).pipe(Layer.provide(ProductImageReferences.layer))
}
