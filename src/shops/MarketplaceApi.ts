import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "../auth/Access.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { intBetween, numberInText } from "../shared/QueryValue.ts"
import { ShopId } from "../shared/ShopId.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import { City, ShopNotFound } from "./Shop.ts"
import { ShopPublicDetail, ShopPublicListItem } from "./ShopView.ts"

const SKIP_MAX = 10_000
const PAGE_MAX = 100

/** Where customers choose a shop. */
export class MarketplaceApi extends HttpApiGroup.make("shops")
  .add(
    HttpApiEndpoint.get("find", "/", {
      query: {
        city: Schema.optionalKey(City),
        skip: Schema.optionalKey(intBetween(0, SKIP_MAX)),
        limit: Schema.optionalKey(intBetween(1, PAGE_MAX)),
      },
      success: Schema.Array(ShopPublicListItem),
      error: [ValidationFailed, DatabaseUnavailable],
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(
        OpenApi.annotations({ summary: "Shops that are not blocked, newest first; 20 at a time" }),
      ),
    HttpApiEndpoint.get("get", "/:shop_id", {
      params: { shop_id: numberInText(ShopId) },
      success: ShopPublicDetail,
      error: [ShopNotFound, ValidationFailed, DatabaseUnavailable],
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(OpenApi.annotations({ summary: "One shop, unless it is blocked" })),
  )
  .prefix("/api/v1/shops")
  .annotateMerge(OpenApi.annotations({ title: "Marketplace" })) {}
