import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import { Products } from "./Products.ts"
import { toProductRead } from "./ProductView.ts"

const PAGE = 50

export const ShopProductsHttp = HttpApiBuilder.group(Api, "shopProducts", (handlers) =>
  Effect.gen(function* () {
    const products = yield* Products
    return handlers.handle("find", ({ params, query }) =>
      products.findForSale({ skip: query.skip ?? 0, limit: query.limit ?? PAGE }).pipe(
        Effect.map((found) => found.map(toProductRead)),
        Effect.provideService(TenantContext, { shopId: params.shop_id }),
      ),
    )
  }),
)
