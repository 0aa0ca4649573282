/** The product endpoints as the routes of a table. */
import { type Exchange, errorA, idOf, page, success, whole } from "./Exchange.ts"
import { failed, updateFromRailway } from "./RailwayUpdate.ts"
import type { Route } from "./Router.ts"
import { detail, listItem, type SimProduct } from "./SimProduct.ts"
import type { World } from "./World.ts"

export const productRoutes = (world: World): ReadonlyArray<Route> => [
  {
    path: /^\/products\/update-from-railway(?:\/(\d+))?$/,
    methods: {
      PUT: (exchange, id) => updateFromRailway(world, exchange, id),
    },
    wrongMethod: failed(405, "Only PUT method allowed"),
    wrongToken: failed(401, "Invalid API token"),
    options: true,
  },
  {
    path: /^\/products$/,
    methods: { GET: (exchange) => listed(world, exchange) },
  },
  {
    path: /^\/products\/detail$/,
    methods: { GET: ({ query }) => detailed(world, query.get("id")) },
  },
]

const listed = (world: World, { query, headers }: Exchange) => {
  const { pageMax, descriptionInList } = world.settings
  const found = query.has("id") ? byId(world, query.get("id")) : inOrder(world)
  const filters = filtersOf(world, query, headers["x-city"])
  const all = filters.length === 0 ? found : found.filter((product) => filters.every((fits) => fits(product)))
  return page(all, query, pageMax, (product) => listItem(product, descriptionInList))
}

const byId = (world: World, id: string | null): ReadonlyArray<SimProduct> => {
  const product = world.products.get(idOf(id) ?? 0)
  return product === undefined || (world.settings.hideInactiveById && !product.isAvailable) ? [] : [product]
}

const inOrder = (world: World): ReadonlyArray<SimProduct> =>
  [...world.products.values()].sort((a, b) => a.id - b.id)

type Filter = (product: SimProduct) => boolean

const filtersOf = (
  world: World,
  query: URLSearchParams,
  cityHeader: string | ReadonlyArray<string> | undefined,
): ReadonlyArray<Filter> => {
  const filters: Array<Filter> = []
  const type = query.get("type")
  if (type) filters.push((product) => product.type === type)
  const available = query.get("isAvailable")
  if (available)
    filters.push((product) => product.isAvailable === (available === "true" || available === "1"))
  const search = query.get("search")?.toLowerCase()
  if (search) filters.push((product) => product.title.toLowerCase().includes(search))
  const city = cityOf(world, query.get("cityId"), cityHeader)
  if (city !== undefined) filters.push(({ cityId }) => cityId === null || cityId === city)
  return filters
}

const cityOf = (
  world: World,
  number: string | null,
  header: string | ReadonlyArray<string> | undefined,
): number | undefined =>
  whole(number) ??
  whole(Object.entries(world.settings.cities).find(([, slug]) => slug === header)?.[0] ?? null)

const detailed = (world: World, id: string | null) => {
  const product = world.products.get(idOf(id) ?? 0)
  return product === undefined ? errorA(404, "not_found", "Product not found") : success(detail(product))
}
