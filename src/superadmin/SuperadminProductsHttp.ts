import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import * as JsonBody from "../platform/JsonBody.ts"
import { toWireTime } from "../shared/WireTime.ts"
import { toPage, toSearch } from "./Page.ts"
import { SuperadminProducts } from "./SuperadminProducts.ts"
import { ProductEdit } from "./SuperadminProductsApi.ts"

export const SuperadminProductsHttp = HttpApiBuilder.group(Api, "superadminProducts", (handlers) =>
  Effect.gen(function* () {
    const products = yield* SuperadminProducts
    return handlers
      .handle("find", ({ query }) =>
        Effect.map(
          products.find({
            ...toPage(query),
            shopId: query.shop_id ?? null,
            enabled: query.enabled ?? null,
            search: toSearch(query.search),
          }),
          (found) => found.map((product) => ({ ...product, created_at: toWireTime(product.created_at) })),
        ),
      )
      .handleRaw("update", ({ params, query, request }) =>
        Effect.gen(function* () {
          const body = yield* JsonBody.decodeOptional(ProductEdit)(request)
          const { id, name, price, enabled, shop_id } = yield* products.update(params.product_id, {
            ...query,
            ...body,
          })
          return {
            message: "Product updated successfully",
            product: { id, name, price, enabled, shop_id },
          }
        }),
      )
      .handle("remove", ({ params }) =>
        Effect.as(products.remove(params.product_id), { message: "Product deleted successfully" }),
      )
      .handle("toggle", ({ params }) =>
        Effect.map(products.toggle(params.product_id), ({ id, name, enabled }) => ({
          message: enabled ? "Product enabled successfully" : "Product disabled successfully",
          product: { id, name, enabled },
        })),
      )
  }),
)
