import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import { Visitors } from "../auth/Visitors.ts"
import * as JsonAnswer from "../platform/JsonAnswer.ts"
import { Catalogue } from "./Catalogue.ts"
import {
  toAvailability,
  toFiltersRead,
  toHomeRead,
  toStatsRead,
  unknownAvailability,
} from "./CatalogueView.ts"
import { toSearch, toSelection } from "./listQuery.ts"
import type { ListedProduct, ProductId } from "./Product.ts"
import { ProductNotFound } from "./Product.ts"
import { ProductDetails } from "./ProductDetails.ts"
import { toProductDetailRead } from "./ProductDetailView.ts"
import { Products } from "./Products.ts"
import { toProductRead, toPublicProductRead } from "./ProductView.ts"

const SHORT_PAGE = 20
const SUGGESTIONS = 5

export const CatalogueHttp = HttpApiBuilder.group(Api, "catalogue", (handlers) =>
  Effect.gen(function* () {
    const catalogue = yield* Catalogue
    const details = yield* ProductDetails
    const products = yield* Products
    const visitors = yield* Visitors

    /** With what only its people see: that it is not for sale, and why Bitrix does not know of a change. */
    const asStaff = (id: ProductId, otherwise: ProductNotFound) =>
      visitors.asStaff("view_products", Effect.map(products.getById(id), toProductRead), otherwise)

    return handlers
      .handle("find", ({ query }) =>
        Effect.map(
          catalogue.find({ ...toSelection(query), shopId: query.shop_id ?? null }, toSearch(query)),
          toList,
        ),
      )
      .handle("findFeatured", ({ query: { shop_id = null, skip = 0, limit = SHORT_PAGE } }) =>
        Effect.map(
          catalogue.find({ shopId: shop_id, isFeatured: true }, { skip, limit, words: null }),
          toList,
        ),
      )
      .handle("findBestsellers", ({ query: { shop_id = null, limit = SHORT_PAGE } }) =>
        Effect.map(catalogue.findBestsellers({ shopId: shop_id }, limit), toList),
      )
      .handle("getHome", ({ query: { shop_id = null, city = "", tags = "", limit = SHORT_PAGE } }) =>
        Effect.map(
          catalogue.getHome(
            {
              shopId: shop_id,
              city: city === "" ? null : city.toLowerCase(),
              tags: tags
                .toLowerCase()
                .split(",")
                .map((tag) => tag.trim())
                .filter((tag) => tag !== ""),
            },
            limit,
          ),
          (home) => JsonAnswer.of(toHomeRead(home)),
        ),
      )
      .handle("getFilters", ({ query: { shop_id = null } }) =>
        Effect.map(catalogue.getFilters({ shopId: shop_id }), toFiltersRead),
      )
      .handle("suggest", ({ query: { q, shop_id = null, limit = SUGGESTIONS } }) =>
        Effect.map(catalogue.suggest({ shopId: shop_id }, q, limit), (suggestions) => ({ suggestions })),
      )
      .handle("getStats", ({ query: { shop_id = null } }) =>
        Effect.map(catalogue.countByType({ shopId: shop_id }), toStatsRead),
      )
      .handle("getById", ({ params: { product_id } }) =>
        catalogue.getById(product_id).pipe(
          Effect.flatMap((product) => {
            const shown = Effect.succeed(toPublicProductRead(product))
            return product.sync_last_error === null
              ? shown
              : Effect.catchTag(asStaff(product_id, new ProductNotFound()), "ProductNotFound", () => shown)
          }),
          Effect.catchTag("ProductNotFound", (missing) => asStaff(product_id, missing)),
        ),
      )
      .handle("getDetail", ({ params: { product_id } }) =>
        details.get(product_id).pipe(
          Effect.catchTag("ProductNotFound", (missing) =>
            visitors.asStaff("view_products", details.getOwn(product_id), missing),
          ),
          Effect.map(toProductDetailRead),
        ),
      )
      .handle("getAvailability", ({ params: { product_id }, query: { quantity = 1 } }) =>
        Effect.map(catalogue.getById(product_id), (product) => toAvailability(product, quantity)).pipe(
          Effect.catchTag("ProductNotFound", () => Effect.succeed(unknownAvailability(product_id, quantity))),
        ),
      )
  }),
)

const toList = (found: ReadonlyArray<ListedProduct>) => JsonAnswer.of(found.map(toPublicProductRead))
