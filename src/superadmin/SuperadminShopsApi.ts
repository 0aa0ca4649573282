import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "../auth/Access.ts"
import { SuperadminAccess } from "../auth/Access.ts"
import { UserResponse } from "../auth/UserView.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { Flag, numberInText } from "../shared/QueryValue.ts"
import { ShopId } from "../shared/ShopId.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import { ShopNotFound } from "../shops/Shop.ts"
import { ShopRead } from "../shops/ShopView.ts"
import { pageQuery } from "./Page.ts"

const params = { shop_id: numberInText(ShopId) }
const changed = Schema.Struct({ message: Schema.String, shop: ShopRead })

/** Shops of the whole platform. */
export class SuperadminShopsApi extends HttpApiGroup.make("superadminShops")
  .add(
    HttpApiEndpoint.get("find", "/", {
      query: { ...pageQuery, is_active: Schema.optionalKey(Flag) },
      success: Schema.Array(ShopRead),
      error: [ValidationFailed, DatabaseUnavailable],
    })
      .middleware(SuperadminAccess)
      .annotateMerge(Access.superadmin)
      .annotateMerge(OpenApi.annotations({ summary: "Shops, newest first" })),
    HttpApiEndpoint.get("getById", "/:shop_id", {
      params,
      success: Schema.Struct({
        shop: ShopRead,
        owner: Schema.NullOr(UserResponse),
        users: Schema.Array(UserResponse),
        stats: Schema.Struct({
          products_count: Schema.Int,
          orders_count: Schema.Int,
          users_count: Schema.Int,
        }),
      }),
      error: [ShopNotFound, ValidationFailed, DatabaseUnavailable],
    })
      .middleware(SuperadminAccess)
      .annotateMerge(Access.superadmin)
      .annotateMerge(OpenApi.annotations({ summary: "A shop with its people and its size" })),
    HttpApiEndpoint.put("block", "/:shop_id/block", {
      params,
      success: changed,
      error: [ShopNotFound, ValidationFailed, DatabaseUnavailable],
    })
      .middleware(SuperadminAccess)
      .annotateMerge(Access.superadmin)
      .annotateMerge(
        OpenApi.annotations({
          summary: "Close a shop to the public and, from their next request, to its people",
        }),
      ),
    HttpApiEndpoint.put("unblock", "/:shop_id/unblock", {
      params,
      success: changed,
      error: [ShopNotFound, ValidationFailed, DatabaseUnavailable],
    })
      .middleware(SuperadminAccess)
      .annotateMerge(Access.superadmin)
      .annotateMerge(
        OpenApi.annotations({ summary: "Open a shop; the first time is noted among its milestones" }),
      ),
  )
  .prefix("/api/v1/superadmin/shops")
  .annotateMerge(OpenApi.annotations({ title: "Superadmin: shops" })) {}
