/**
 * Bitrix's list of goods, read at a pace that it does not feel: REQUESTS_PER_SECOND_MAX of this process together, for
 * whatever shop, pages and single products alike.
 *
 *   a page fails --> asked for again, PAGE_FAILURES_MAX times --> a page behind it is asked for, at most AHEAD_MAX pages on
 *                                                                 fails: Bitrix is in trouble, and the list waits
 *                                                                 is read, and the page fails once more: passed over
 *
 * So one product that Bitrix cannot list hides the page that it stands on, and not the rest of the list.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as TokenBucket from "../platform/TokenBucket.ts"
import type { ProductId } from "../products/Product.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { BitrixUnavailable } from "./BitrixClient.ts"
import { BitrixClient } from "./BitrixClient.ts"
import type { BitrixApi } from "./BitrixConnection.ts"
import type { ListItem } from "./ProductDifference.ts"

const REQUESTS_PER_SECOND_MAX = 2
/** As many as Bitrix lists at once. */
const PAGE_MAX = 100
/** No shop has so many: a list that goes on does not end, and what is behind is passed over. */
const OFFSET_MAX = 1_000_000
/** Failures in a row, after which something behind the page is tried. */
const PAGE_FAILURES_MAX = 3
const AHEAD_MAX = 3
/** For whoever waits for the list to be read: as long as it takes to get past a page. */
export const PATIENCE = {
  times: PAGE_FAILURES_MAX + AHEAD_MAX - 1,
  schedule: Schedule.spaced("1 second"),
} as const

export interface ListPage {
  readonly items: ReadonlyArray<ListItem>
  /** Null where Bitrix does not say. */
  readonly total: number | null
  readonly nextOffset: number
  readonly isLast: boolean
  /** Pages before it that cannot be read. */
  readonly passedOver: number
}

export class BitrixListing extends Context.Service<
  BitrixListing,
  {
    /** The page there, or the next one that can be read. */
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

      const read = Effect.fnUntraced(function* (shopId: ShopId, api: BitrixApi, offset: number) {
        yield* turn
        const { data, pagination } = yield* client.listProducts(shopId, api, { offset, limit: PAGE_MAX })
        const total = pagination?.total ?? null
        const nextOffset = offset + data.length
        const hasMore = pagination?.hasMore ?? (total === null ? data.length >= PAGE_MAX : nextOffset < total)
        const isLast = data.length === 0 || !hasMore
        return { items: data, total, nextOffset, isLast, passedOver: 0 } satisfies ListPage
      })

      /** Read only when something behind it could be, so that an outage is not taken for a bad page. */
      const readOrPassOver = Effect.fnUntraced(function* (
        shopId: ShopId,
        api: BitrixApi,
        offset: number,
        pages: number,
      ) {
        const behind = yield* read(shopId, api, offset + pages * PAGE_MAX)
        return yield* Effect.catch(read(shopId, api, offset), ({ message }) =>
          Effect.as(
            Effect.logError("a page of Bitrix's list cannot be read and is passed over").pipe(
              Effect.annotateLogs({ shop_id: shopId, offset, pages, message }),
            ),
            { ...behind, passedOver: pages },
          ),
        )
      })

      const failing = new Map<ShopId, { readonly offset: number; readonly failures: number }>()

      return {
        page: Effect.fn("BitrixListing.page")(function* (shopId, api, offset) {
          if (offset > OFFSET_MAX) return { ...ENDLESS, nextOffset: offset + PAGE_MAX }
          const known = failing.get(shopId)
          const failures = known?.offset === offset ? known.failures : 0
          const pages = pagesAhead(failures)
          const page = yield* (
            pages === 0 ? read(shopId, api, offset) : readOrPassOver(shopId, api, offset, pages)
          ).pipe(
            Effect.tapError(() => Effect.sync(() => failing.set(shopId, { offset, failures: failures + 1 }))),
          )
          failing.delete(shopId)
          return page
        }),
        find: Effect.fn("BitrixListing.find")((shopId, api, id) =>
          Effect.andThen(turn, client.findProduct(shopId, api, id)),
        ),
      }
    }),
  )
}

const ENDLESS: ListPage = { items: [], total: null, nextOffset: 0, isLast: true, passedOver: 1 }

/** 0, 0, 0, then 1, 2, 3 over and over: no page behind is tried before the nearer ones. */
const pagesAhead = (failures: number): number =>
  failures < PAGE_FAILURES_MAX ? 0 : 1 + ((failures - PAGE_FAILURES_MAX) % AHEAD_MAX)
