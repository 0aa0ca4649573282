/**
 * Goods as customers find them: what is enabled, of shops that are not blocked, and nothing else. A list of one shop is
 * read in its tenant, one of all shops through the door across shops. Besides, the list of the people of a shop, who
 * see everything of theirs.
 *
 * A search reads many goods. At most SEARCHES_MAX are under way and SEARCHES_WAITING_MAX wait, so that however many
 * people search, events and orders find a connection to the database.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import { Db } from "../platform/Db.ts"
import type { Query } from "../platform/Query.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { Overloaded } from "../shared/Overloaded.ts"
import type { ShopId } from "../shared/ShopId.ts"
import { Tiyn } from "../shared/Tiyn.ts"
import { ShopNotFound } from "../shops/Shop.ts"
import { Shops } from "../shops/Shops.ts"
import type { Filters, Page, Selection } from "./CatalogueRepo.ts"
import { CatalogueRepo } from "./CatalogueRepo.ts"
import type { ListedProduct, ProductId, ProductType } from "./Product.ts"
import { ProductNotFound } from "./Product.ts"

const SEARCHES_MAX = 2
/** Those under way included. */
const SEARCHES_WAITING_MAX = 40

type Listed = Effect.Effect<ReadonlyArray<ListedProduct>, DatabaseUnavailable>
type Searched = Effect.Effect<ReadonlyArray<ListedProduct>, Overloaded | DatabaseUnavailable>
type Filter = Omit<Selection, "isForSale">
interface Search extends Page {
  /** Null to find whatever there is. */
  readonly words: string | null
}

export class Catalogue extends Context.Service<
  Catalogue,
  {
    /** Newest first. */
    readonly find: (filter: Filter, search: Search) => Searched
    /** What a shop sells; a blocked shop does not exist. */
    readonly findOfShop: (
      page: Page,
    ) => Effect.Effect<ReadonlyArray<ListedProduct>, ShopNotFound | DatabaseUnavailable, TenantContext>
    /** For the people of a shop. */
    readonly findOwn: (
      filter: Omit<Selection, "shopId">,
      search: Search,
    ) => Effect.Effect<ReadonlyArray<ListedProduct>, Overloaded | DatabaseUnavailable, TenantContext>
    readonly getById: (id: ProductId) => Effect.Effect<ListedProduct, ProductNotFound | DatabaseUnavailable>
    /** Those that sold most come first, then, to fill the list, those that did not sell, newest first. */
    readonly findBestsellers: (filter: Filter, limit: number) => Listed
    readonly getHome: (filter: Filter, limit: number) => Effect.Effect<Home, DatabaseUnavailable>
    readonly suggest: (
      filter: Filter,
      words: string,
      limit: number,
    ) => Effect.Effect<ReadonlyArray<string>, Overloaded | DatabaseUnavailable>
    readonly getFilters: (filter: Filter) => Effect.Effect<Filters, DatabaseUnavailable>
    readonly countByType: (
      filter: Filter,
    ) => Effect.Effect<ReadonlyMap<ProductType, number>, DatabaseUnavailable>
  }
>()("cvety/products/Catalogue") {
  static readonly layerNoDeps = Layer.effect(
    Catalogue,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* CatalogueRepo
      const shops = yield* Shops

      const read = <const Q extends ReadonlyArray<Query<unknown>>>(shopId: ShopId | null, queries: Q) =>
        shopId === null
          ? db.readThrough("across_shops", queries)
          : Effect.provideService(db.read(queries), TenantContext, { shopId })

      const places = yield* Semaphore.make(SEARCHES_MAX)
      let waiting = 0
      const bounded = <A, E>(search: Effect.Effect<A, E>): Effect.Effect<A, E | Overloaded> =>
        Effect.suspend((): Effect.Effect<A, E | Overloaded> => {
          if (waiting >= SEARCHES_WAITING_MAX) return Effect.fail(new Overloaded())
          waiting += 1
          return Effect.ensuring(
            places.withPermit(search),
            Effect.sync(() => {
              waiting -= 1
            }),
          )
        })

      const searched = (selection: Selection, { words, ...page }: Search) =>
        words === null
          ? Effect.map(
              read(selection.shopId, [repo.keepPlans, repo.find(selection, page)]),
              ([, found]) => found,
            )
          : Effect.map(
              bounded(
                read(selection.shopId, [
                  repo.search(selection, words, page),
                  repo.searchNearby(selection, words, page),
                ]),
              ),
              ([found, nearby]) => (found.length === 0 ? nearby : found),
            )

      const find: Catalogue["Service"]["find"] = Effect.fn("Catalogue.find")((filter, search) =>
        searched(forSale(filter), search),
      )

      const findOfShop: Catalogue["Service"]["findOfShop"] = Effect.fn("Catalogue.findOfShop")(
        function* (page) {
          const { shopId } = yield* TenantContext
          const [, [shop], products] = yield* db.read([
            repo.keepPlans,
            shops.find(shopId),
            repo.find({ shopId, isForSale: true }, page),
          ])
          if (shop === undefined || !shop.is_active) return yield* new ShopNotFound()
          return products
        },
      )

      const findOwn: Catalogue["Service"]["findOwn"] = Effect.fn("Catalogue.findOwn")((filter, search) =>
        Effect.flatMap(TenantContext, ({ shopId }) => searched({ ...filter, shopId }, search)),
      )

      const getById: Catalogue["Service"]["getById"] = Effect.fn("Catalogue.getById")(function* (id) {
        const [[product]] = yield* read(null, [repo.findById(id)])
        if (product === undefined) return yield* new ProductNotFound()
        return product
      })

      const findBestsellers: Catalogue["Service"]["findBestsellers"] = Effect.fn("Catalogue.findBestsellers")(
        function* (filter, limit) {
          const selection = forSale(filter)
          const [sold, newest] = yield* read(filter.shopId, [
            repo.findBestsellers(selection, limit),
            repo.find(selection, { skip: 0, limit }),
          ])
          const soldIds = new Set(sold.map(({ id }) => id))
          return [...sold, ...newest.filter(({ id }) => !soldIds.has(id))].slice(0, limit)
        },
      )

      const getHome: Catalogue["Service"]["getHome"] = Effect.fn("Catalogue.getHome")(
        function* (filter, limit) {
          const selection = forSale(filter)
          const [featured, bestsellers, tags] = yield* read(filter.shopId, [
            repo.find({ ...selection, isFeatured: true }, { skip: 0, limit }),
            repo.findBestsellers(selection, limit),
            repo.findTags({ shopId: filter.shopId, isForSale: true }),
          ])
          return { featured, bestsellers, availableTags: tags.map(({ tag }) => tag) }
        },
      )

      const suggest: Catalogue["Service"]["suggest"] = Effect.fn("Catalogue.suggest")(
        function* (filter, words, limit) {
          const [found] = yield* bounded(read(filter.shopId, [repo.suggest(forSale(filter), words, limit)]))
          return found.map(({ name }) => name)
        },
      )

      const getFilters: Catalogue["Service"]["getFilters"] = Effect.fn("Catalogue.getFilters")(
        function* (filter) {
          const [[filters]] = yield* read(filter.shopId, [repo.findFilters(forSale(filter))])
          return filters ?? noFilters
        },
      )

      const countByType: Catalogue["Service"]["countByType"] = Effect.fn("Catalogue.countByType")(
        function* (filter) {
          const [counts] = yield* read(filter.shopId, [repo.countByType(forSale(filter))])
          return new Map(counts.map(({ type, count }) => [type, count]))
        },
      )

      return {
        find,
        findOfShop,
        findOwn,
        getById,
        findBestsellers,
        getHome,
        suggest,
        getFilters,
        countByType,
      }
    }),
  )

  static readonly layer = Catalogue.layerNoDeps.pipe(Layer.provide([CatalogueRepo.layer, Shops.layer]))
}

export interface Home {
  readonly featured: ReadonlyArray<ListedProduct>
  /** Only what was really sold. */
  readonly bestsellers: ReadonlyArray<ListedProduct>
  readonly availableTags: ReadonlyArray<string>
}

const forSale = (filter: Filter): Selection => ({ ...filter, isForSale: true })

const noFilters: Filters = { tags: [], cities: [], price_min: Tiyn.make(0), price_max: Tiyn.make(0) }
