import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import * as JsonAnswer from "../platform/JsonAnswer.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import { Catalogue } from "./Catalogue.ts"
import { toPublicProductRead } from "./ProductView.ts"

const PAGE = 50

export const ShopProductsHttp = HttpApiBuilder.group(Api, "shopProducts", (handlers) =>
  Effect.gen(function* () {
    const catalogue = yield* Catalogue
    return handlers.handle("find", ({ params, query }) =>
      catalogue.findOfShop({ skip: query.skip ?? 0, limit: query.limit ?? PAGE }).pipe(
        Effect.map((found) => JsonAnswer.of(found.map(toPublicProductRead))),
        Effect.provideService(TenantContext, { shopId: params.shop_id }),
      ),
    )
  }),
)
