import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "../auth/Access.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { Overloaded } from "../shared/Overloaded.ts"
import { Flag, intBetween, numberInText } from "../shared/QueryValue.ts"
import { ShopId } from "../shared/ShopId.ts"
import { filledTextUpTo, textUpTo } from "../shared/Text.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import { Availability, FiltersRead, HomeRead, StatsRead } from "./CatalogueView.ts"
import { limit, listQuery, skip } from "./listQuery.ts"
import { ProductId, ProductNotFound } from "./Product.ts"
import { ProductDetailRead } from "./ProductDetailView.ts"
import { ProductRead } from "./ProductView.ts"

const QUANTITY_MAX = 1_000_000
const SUGGESTIONS_MAX = 10
const WORDS_CHARS_MAX = 100
const CITY_CHARS_MAX = 100
const TAGS_CHARS_MAX = 500

const params = { product_id: numberInText(ProductId) }
const ofShop = {
  shop_id: Schema.optionalKey(numberInText(ShopId)).annotate({
    description: "Of this shop; without it, of all shops",
  }),
}
const listFaults = [ValidationFailed, Overloaded, DatabaseUnavailable] as const
const productFaults = [ProductNotFound, ValidationFailed, DatabaseUnavailable] as const

/** Goods as customers find them. */
export class CatalogueApi extends HttpApiGroup.make("catalogue")
  .add(
    HttpApiEndpoint.get("find", "/", {
      query: {
        ...listQuery,
        ...ofShop,
        enabled_only: Schema.optionalKey(Flag).annotate({
          description: "Still taken, changes nothing: goods that are not for sale are shown to nobody",
        }),
      },
      success: Schema.Array(ProductRead),
      error: listFaults,
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(OpenApi.annotations({ summary: "Goods that are for sale, newest first" })),
    HttpApiEndpoint.get("findFeatured", "/public/featured", {
      query: { ...ofShop, skip, limit },
      success: Schema.Array(ProductRead),
      error: listFaults,
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(OpenApi.annotations({ summary: "Goods that shops recommend, newest first" })),
    HttpApiEndpoint.get("findBestsellers", "/public/bestsellers", {
      query: { ...ofShop, limit },
      success: Schema.Array(ProductRead),
      error: listFaults,
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(
        OpenApi.annotations({
          summary: "Goods that sold most",
          description:
            "By quantity in orders of the last 90 days that are not cancelled. What did not sell fills the list, newest first.",
        }),
      ),
    HttpApiEndpoint.get("getHome", "/home", {
      query: {
        ...ofShop,
        city: Schema.optionalKey(textUpTo(CITY_CHARS_MAX)),
        tags: Schema.optionalKey(textUpTo(TAGS_CHARS_MAX)).annotate({
          description: "Separated by commas; a product has all of them",
        }),
        limit,
      },
      success: HomeRead,
      error: listFaults,
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(
        OpenApi.annotations({
          summary: "What the first page shows",
          description:
            "Recommended goods, those that really sold, and every tag there is. Letters count, their case does not.",
        }),
      ),
    HttpApiEndpoint.get("getFilters", "/filters", {
      query: ofShop,
      success: FiltersRead,
      error: listFaults,
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(OpenApi.annotations({ summary: "What goods can be chosen by" })),
    HttpApiEndpoint.get("suggest", "/search/suggestions", {
      query: {
        ...ofShop,
        q: filledTextUpTo(WORDS_CHARS_MAX),
        limit: Schema.optionalKey(intBetween(1, SUGGESTIONS_MAX)),
      },
      success: Schema.Struct({ suggestions: Schema.Array(Schema.String) }),
      error: listFaults,
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(OpenApi.annotations({ summary: "Names of goods that somebody may be typing" })),
    HttpApiEndpoint.get("getStats", "/stats/summary", {
      query: ofShop,
      success: StatsRead,
      error: listFaults,
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(OpenApi.annotations({ summary: "How many goods are for sale" })),
    HttpApiEndpoint.get("getById", "/:product_id", {
      params,
      success: ProductRead,
      error: productFaults,
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(
        OpenApi.annotations({
          summary: "A product",
          description:
            "What is not for sale is shown only to people and machines of its shop that may see products.",
        }),
      ),
    HttpApiEndpoint.get("getDetail", "/:product_id/detail", {
      params,
      success: ProductDetailRead,
      error: productFaults,
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(
        OpenApi.annotations({
          summary: "A product with everything that its page shows",
          description:
            "What is not for sale is shown only to people and machines of its shop that may see products.",
        }),
      ),
    HttpApiEndpoint.get("getAvailability", "/:product_id/availability", {
      params,
      query: { quantity: Schema.optionalKey(intBetween(1, QUANTITY_MAX)) },
      success: Availability,
      error: listFaults,
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(
        OpenApi.annotations({
          summary: "How many of a product can be had",
          description: "A product that is not for sale is unknown, and none of it can be had.",
        }),
      ),
  )
  .prefix("/api/v1/products")
  .annotateMerge(OpenApi.annotations({ title: "Goods" })) {}
