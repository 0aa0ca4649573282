import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import { Marketplace } from "./Marketplace.ts"
import { toPublicDetail, toPublicListItem } from "./ShopView.ts"

const PAGE = 20

export const MarketplaceHttp = HttpApiBuilder.group(Api, "shops", (handlers) =>
  Effect.gen(function* () {
    const marketplace = yield* Marketplace
    return handlers
      .handle("find", ({ query: { city = null, skip = 0, limit = PAGE } }) =>
        Effect.zipWith(marketplace.find({ city, skip, limit }), now, (shops, at) =>
          shops.map(toPublicListItem(at)),
        ),
      )
      .handle("get", ({ params }) =>
        Effect.zipWith(marketplace.get(params.shop_id), now, (shop, at) => toPublicDetail(at)(shop)),
      )
  }),
)

const now = Effect.map(Clock.currentTimeMillis, (nowMs) => new Date(nowMs))
