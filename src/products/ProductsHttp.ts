import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import * as JsonAnswer from "../platform/JsonAnswer.ts"
import * as JsonBody from "../platform/JsonBody.ts"
import * as LatencyBudget from "../platform/LatencyBudget.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import { Catalogue } from "./Catalogue.ts"
import { toSearch, toSelection } from "./listQuery.ts"
import { ProductImages } from "./ProductImages.ts"
import {
  ImageCreate,
  ProductCreate,
  ProductUpdate,
  StatusChange,
  toProductChange,
  toProductDraft,
} from "./ProductInput.ts"
import { Products } from "./Products.ts"
import { toProductRead } from "./ProductView.ts"

export const ProductsHttp = HttpApiBuilder.group(Api, "products", (handlers) =>
  Effect.gen(function* () {
    const catalogue = yield* Catalogue
    const products = yield* Products
    const images = yield* ProductImages
    return handlers
      .handle("findOwn", ({ query }) =>
        Effect.map(
          catalogue.findOwn(
            { ...toSelection(query), isForSale: false, isEnabled: query.enabled_only ?? false },
            toSearch(query),
          ),
          (found) => JsonAnswer.of(found.map(toProductRead)),
        ),
      )
      .handleRaw("create", ({ request }) =>
        JsonBody.decode(ProductCreate)(request).pipe(
          Effect.flatMap((given) => products.create(toProductDraft(given))),
          Effect.map(toProductRead),
        ),
      )
      .handleRaw("update", ({ params, request }) =>
        JsonBody.decode(ProductUpdate)(request).pipe(
          Effect.flatMap((given) => products.update(params.product_id, toProductChange(given))),
          Effect.map(toProductRead),
          LatencyBudget.measure("product_update.api"),
        ),
      )
      .handleRaw("setEnabled", ({ params, query, request }) =>
        Effect.gen(function* () {
          const { enabled = query.enabled } = yield* JsonBody.decodeOptional(StatusChange)(request)
          if (enabled === undefined) return yield* ValidationFailed.missing("query", "enabled")
          return toProductRead(yield* products.update(params.product_id, { enabled }))
        }),
      )
      .handle("remove", ({ params }) =>
        Effect.as(products.remove(params.product_id), { message: "Product deleted successfully" }),
      )
      .handleRaw("addImage", ({ params, request }) =>
        Effect.gen(function* () {
          const {
            product_id,
            url,
            order = 0,
            is_primary = false,
          } = yield* JsonBody.decode(ImageCreate)(request)
          if (product_id !== undefined && product_id !== params.product_id) {
            return yield* ValidationFailed.invalid(
              "body",
              "product_id",
              "Should be that of the path",
              product_id,
            )
          }
          return yield* images.add(params.product_id, { url, order, is_primary })
        }),
      )
      .handle("removeImage", ({ params }) =>
        Effect.as(images.remove(params.product_id, params.image_id), {
          message: "Image deleted successfully",
        }),
      )
  }),
)
