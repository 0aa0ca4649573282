import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "../auth/Access.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { Flag, intBetween, numberInText } from "../shared/QueryValue.ts"
import { ShopId } from "../shared/ShopId.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import { ShopNotFound } from "../shops/Shop.ts"
import { ProductRead } from "./ProductView.ts"

const SKIP_MAX = 100_000
const PAGE_MAX = 200

/** What a shop of the marketplace sells. */
export class ShopProductsApi extends HttpApiGroup.make("shopProducts")
  .add(
    HttpApiEndpoint.get("find", "/:shop_id/products", {
      params: { shop_id: numberInText(ShopId) },
      query: {
        enabled: Schema.optionalKey(Flag).annotate({
          description: "Still taken, changes nothing: goods that are not for sale are shown to nobody",
        }),
        skip: Schema.optionalKey(intBetween(0, SKIP_MAX)),
        limit: Schema.optionalKey(intBetween(1, PAGE_MAX)),
      },
      success: Schema.Array(ProductRead),
      error: [ShopNotFound, ValidationFailed, DatabaseUnavailable],
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(OpenApi.annotations({ summary: "Goods of a shop that are for sale, newest first" })),
  )
  .prefix("/api/v1/shops")
  .annotateMerge(OpenApi.annotations({ title: "Goods of a shop" })) {}
