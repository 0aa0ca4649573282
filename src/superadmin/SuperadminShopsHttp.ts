import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import { toUserResponse } from "../auth/UserView.ts"
import { toShopRead } from "../shops/ShopView.ts"
import { toPage } from "./Page.ts"
import { SuperadminShops } from "./SuperadminShops.ts"

export const SuperadminShopsHttp = HttpApiBuilder.group(Api, "superadminShops", (handlers) =>
  Effect.gen(function* () {
    const shops = yield* SuperadminShops
    return handlers
      .handle("find", ({ query }) =>
        Effect.map(shops.find({ ...toPage(query), isActive: query.is_active ?? null }), (found) =>
          found.map(toShopRead),
        ),
      )
      .handle("getById", ({ params }) =>
        Effect.map(shops.getById(params.shop_id), ({ shop, owner, users, counts }) => ({
          shop: toShopRead(shop),
          owner: owner === null ? null : toUserResponse(owner),
          users: users.map(toUserResponse),
          stats: counts,
        })),
      )
      .handle("block", ({ params }) =>
        Effect.map(shops.block(params.shop_id), (shop) => ({
          message: "Shop blocked successfully",
          shop: toShopRead(shop),
        })),
      )
      .handle("unblock", ({ params }) =>
        Effect.map(shops.unblock(params.shop_id), (shop) => ({
          message: "Shop unblocked successfully",
          shop: toShopRead(shop),
        })),
      )
  }),
)
