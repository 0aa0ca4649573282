/** How others than us change products: the CRM panel and the production tools. Each change fires its event. */
import { type Answer, empty, errorA, errorB, idOf, json, objectOf, success } from "./Exchange.ts"
import type { Route } from "./Router.ts"
import { complete, detail, type SimProduct, tengeText } from "./SimProduct.ts"
import { isoSeconds } from "./SimulatorClock.ts"
import type { World } from "./World.ts"

type Body = Readonly<Record<string, unknown>>
type Change = { -readonly [Key in keyof SimProduct]?: SimProduct[Key] }

export const productWriteRoutes = (world: World): ReadonlyArray<Route> => [
  {
    path: /^\/products$/,
    methods: { POST: ({ body }) => withBody(world, body, (given) => made(world, given)) },
  },
  {
    path: /^\/create$/,
    methods: { POST: ({ body }) => withBody(world, body, (given) => madeByTool(world, given)) },
  },
  {
    path: /^\/update-status$/,
    methods: { POST: ({ body }) => withBody(world, body, (given) => switched(world, given)) },
  },
  {
    path: /^\/products\/delete$/,
    methods: {
      DELETE: ({ query }) => deleted(world, query.get("id")),
      POST: ({ body }) => deleted(world, objectOf(body)?.["id"]),
    },
  },
  {
    path: /^\/products\/composition$/,
    methods: {
      GET: ({ query }) => found(world, query.get("id"), (product) => composed(product)),
      POST: ({ body }) => withBody(world, body, (given) => compositionStored(world, given)),
    },
  },
  {
    path: /^\/products\/(\d+)$/,
    methods: {
      PUT: ({ body }, id) => withBody(world, body, (given) => replaced(world, id, given)),
      DELETE: (_, id) => deleted(world, id),
    },
  },
  {
    path: /^\/products\/(\d+)\/status$/,
    methods: { PATCH: ({ query }, id) => enabled(world, id, query) },
  },
  {
    path: /^\/shop-info$/,
    methods: {
      GET: () =>
        json(200, {
          id: 17_008,
          name: "Цветы",
          city: "astana",
          phone: "+77000000001",
          address: "ул. Примерная, 1",
          delivery_price: 2_500,
        }),
    },
  },
  { path: /^\/inventory$/, methods: { GET: () => json(200, [{ name: "Роза", quantity: 120 }]) } },
  { path: /^\/customers$/, methods: { GET: () => json(200, [{ NAME: "Айгерим", total_orders: 3 }]) } },
]

const now = (world: World): number => Math.floor(world.clock.nowMs() / 1_000)

const withBody = (world: World, body: Buffer, answer: (given: Body) => Answer): Answer => {
  const given = objectOf(body)
  return given === undefined ? errorB(400, "Invalid JSON payload", now(world)) : answer(given)
}

const found = (world: World, id: unknown, answer: (product: SimProduct) => Answer): Answer => {
  const product = world.products.get(idOf(id) ?? 0)
  return product === undefined ? errorA(404, "not_found", "Product not found") : answer(product)
}

const made = (world: World, given: Body): Answer => {
  const id = world.newId()
  world.seed([{ id, createdAt: isoSeconds(world.clock.nowMs()), ...changeOf(given) }])
  world.tellProduct(id)
  return success(detail(world.product(id)))
}

const replaced = (world: World, id: string | undefined, given: Body): Answer =>
  found(world, id, (product) => {
    world.edit(product.id, changeOf(given))
    return success(detail(world.product(product.id)))
  })

/** The keys of the CRM's form, those only that came. */
const changeOf = (given: Body): Change => {
  const change: Change = {}
  const { name, price, type, description, enabled: on, colors, image, video, width, height } = given
  if (typeof name === "string") change.title = name
  if (typeof price === "number") change.price = tengeText(price)
  if (type === "vitrina" || type === "catalog") change.type = type
  if (typeof description === "string") change.description = description
  if (typeof on === "boolean") change.isAvailable = on
  if (Array.isArray(colors)) change.colors = colors.map(String)
  if (typeof image === "string") change.image = image
  if (typeof video === "string") change.video = video
  if (width !== undefined) change.width = String(width)
  if (height !== undefined) change.height = String(height)
  return change
}

const madeByTool = (world: World, given: Body): Answer => {
  const { id: xmlId, title, price, images_urls: urls } = given
  if (typeof xmlId !== "string" || typeof title !== "string" || typeof price !== "number") {
    return errorB(400, "Missing required fields", now(world))
  }
  const images = Array.isArray(urls) ? urls.map(String) : []
  const existing = [...world.products.values()].find((product) => product.xmlId === xmlId)
  const id = existing?.id ?? world.newId()
  world.products.set(
    id,
    complete({
      ...existing,
      id,
      xmlId,
      title,
      price: tengeText(price),
      image: images[0] ?? null,
      images,
      description: typeof given["description"] === "string" ? given["description"] : "",
      createdAt: existing?.createdAt ?? isoSeconds(world.clock.nowMs()),
    }),
  )
  world.tellProduct(id)
  return json(200, {
    status: true,
    data: { id, xml_id: xmlId, created: existing === undefined },
    timestamp: now(world),
  })
}

const switched = (world: World, given: Body): Answer => {
  const id = idOf(given["id"])
  if (id === undefined || !world.products.has(id)) return errorB(404, "Product not found", now(world))
  const told = ["active", "in_stock", "is_ready"].flatMap((field) =>
    typeof given[field] === "boolean" ? [[field, given[field]] as const] : [],
  )
  const { active, is_ready } = Object.fromEntries(told)
  world.edit(id, {
    ...(active === undefined ? {} : { isAvailable: active }),
    ...(is_ready === undefined ? {} : { type: is_ready ? "vitrina" : "catalog" }),
  })
  return json(200, { status: true, changed: Object.fromEntries(told), timestamp: now(world) })
}

const deleted = (world: World, id: unknown): Answer =>
  found(world, id, (product) => {
    world.remove(product.id)
    return world.settings.deleteAnswer === 204 ? empty(204) : success({ id: product.id, deleted: true })
  })

const enabled = (world: World, id: string | undefined, query: URLSearchParams): Answer =>
  found(world, id, (product) => {
    world.edit(product.id, { isAvailable: query.get("enabled") === "true" })
    return success(detail(world.product(product.id)))
  })

const composed = (product: SimProduct): Answer =>
  success({ id: product.id, availableQuantity: 1, composition: product.composition ?? [] })

const compositionStored = (world: World, given: Body): Answer => {
  const composition = given["composition"]
  if (!Array.isArray(composition)) return errorB(400, "Missing composition", now(world))
  return found(world, given["id"], (product) => {
    world.edit(product.id, {
      composition: (composition as ReadonlyArray<Body>).map(({ id, amount }) => ({
        id,
        name: `Цветок ${String(id)}`,
        amount,
      })),
    })
    return json(200, { id: product.id, count: composition.length, stored_as: "json" })
  })
}
