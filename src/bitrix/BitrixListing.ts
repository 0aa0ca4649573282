/**
 * Bitrix's list of goods, read at a pace that it does not feel: REQUESTS_PER_SECOND_MAX of this process together, for
 * whatever shop, pages and single products alike.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TokenBucket from "../platform/TokenBucket.ts"
import type { ProductId } from "../products/Product.ts"
import type { ShopId } from "../shared/ShopId.ts"
import { BitrixClient, BitrixUnavailable } from "./BitrixClient.ts"
import type { BitrixApi } from "./BitrixConnection.ts"
import type { ListItem } from "./ProductDifference.ts"

const REQUESTS_PER_SECOND_MAX = 2
/** As many as Bitrix lists at once. */
const PAGE_MAX = 100
/** No shop has so many: a list that goes on does not end. */
const OFFSET_MAX = 1_000_000

export interface ListPage {
  readonly items: ReadonlyArray<ListItem>
  /** Null where Bitrix does not say. */
  readonly total: number | null
  readonly nextOffset: number
  readonly isLast: boolean
}

export class BitrixListing extends Context.Service<
  BitrixListing,
  {
    readonly page: (
      shopId: ShopId,
      api: BitrixApi,
      offset: number,
    ) => Effect.Effect<ListPage, BitrixUnavailable>
    /** The product as it is listed, if it is. */
    readonly find: (
      shopId: ShopId,
      api: BitrixApi,
      id: ProductId,
    ) => Effect.Effect<ListItem | undefined, BitrixUnavailable>
  }
>()("cvety/bitrix/BitrixListing") {
  static readonly layer = Layer.effect(
    BitrixListing,
    Effect.gen(function* () {
      const client = yield* BitrixClient
      const bucket = TokenBucket.make(REQUESTS_PER_SECOND_MAX)

      const turn = Effect.gen(function* () {
        while (bucket.take(yield* Clock.currentTimeMillis, 1) === 0)
          yield* Effect.sleep(Math.max(1, bucket.waitMs(yield* Clock.currentTimeMillis)))
      })

      return {
        page: Effect.fn("BitrixListing.page")(function* (shopId, api, offset) {
          if (offset > OFFSET_MAX) return yield* new BitrixUnavailable({ message: "The list does not end" })
          yield* turn
          const { data, pagination } = yield* client.listProducts(shopId, api, { offset, limit: PAGE_MAX })
          const total = pagination?.total ?? null
          const nextOffset = offset + data.length
          const hasMore =
            pagination?.hasMore ?? (total === null ? data.length >= PAGE_MAX : nextOffset < total)
          return { items: data, total, nextOffset, isLast: data.length === 0 || !hasMore }
        }),
        find: Effect.fn("BitrixListing.find")((shopId, api, id) =>
          Effect.andThen(turn, client.findProduct(shopId, api, id)),
        ),
      }
    }),
  )
}
