/** Which pictures goods show, of any shop; those of deleted goods too, because orders name them. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Query } from "../platform/Query.ts"
import { rows, sql } from "../platform/Query.ts"

const Used = Schema.Struct({ key: Schema.String })

export class ProductImageReferencesRepo extends Context.Service<
  ProductImageReferencesRepo,
  {
    /** Through the door across shops: those of the keys that a picture's URL contains. */
    readonly findUsed: (keys: ReadonlyArray<string>) => Query<ReadonlyArray<typeof Used.Type>>
  }
>()("cvety/products/ProductImageReferencesRepo") {
  static readonly layer = Layer.succeed(ProductImageReferencesRepo, {
    findUsed: (keys) =>
      rows(
        Used,
        sql`
          SELECT image_key(image) AS key
          FROM product
          WHERE image_key(image) = ANY (${keys}::text[])
          UNION
          SELECT image_key(url)
          FROM product_image
          WHERE image_key(url) = ANY (${keys}::text[])`,
      ),
  })
}
