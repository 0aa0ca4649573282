/** The order endpoints as the routes of a table. */
import {
  type Answer,
  type Exchange,
  errorA,
  errorB,
  idOf,
  json,
  objectOf,
  page,
  success,
} from "./Exchange.ts"
import { fileParts } from "./Multipart.ts"
import { createOrder } from "./OrderCreation.ts"
import type { Route } from "./Router.ts"
import {
  ACTIVE_STATUS_IDS,
  mayFollow,
  orderDetail,
  orderListItem,
  type SimOrder,
  statusIdOf,
  statusKeyOf,
} from "./SimOrder.ts"
import { isoSeconds } from "./SimulatorClock.ts"
import type { World } from "./World.ts"

const PATCH_STATUSES = new Set([
  "NEW",
  "PAID",
  "ACCEPTED",
  "IN_PRODUCTION",
  "IN_DELIVERY",
  "DELIVERED",
  "CANCELLED",
])

export const orderRoutes = (world: World): ReadonlyArray<Route> => [
  { path: /^\/orders$/, methods: { GET: (exchange) => listed(world, exchange) } },
  {
    path: /^\/orders\/detail$/,
    methods: { GET: ({ query }) => found(world, query.get("id"), (order) => success(orderDetail(order))) },
  },
  {
    path: /^\/orders\/create$/,
    methods: { POST: (exchange) => createOrder(world, exchange) },
  },
  {
    path: /^\/orders\/(?:detail\/)?(\d+)$/,
    methods: { GET: (_, id) => found(world, id, (order) => success(orderDetail(order))) },
  },
  {
    path: /^\/orders\/(\d+)\/status$/,
    methods: { PATCH: ({ body }, id) => found(world, id, (order) => patched(world, order, body)) },
  },
  {
    path: /^\/orders\/(\d+)\/photo$/,
    methods: { POST: (exchange, id) => found(world, id, (order) => photographed(world, order, exchange)) },
  },
  {
    path: /^\/order\/change-status$/,
    methods: {
      POST: ({ body }) => changed(world, body, (_, order) => ({ changed: { status: order.statusId } })),
    },
  },
  {
    path: /^\/update-order-status$/,
    methods: {
      POST: ({ body }) =>
        changed(world, body, (before, order) => ({
          data: { old_status: before.statusId, new_status: order.statusId },
        })),
    },
  },
  {
    path: /^\/orders-assign$/,
    methods: {
      POST: ({ query, body }) => found(world, query.get("order_id"), (order) => assigned(world, order, body)),
    },
  },
  {
    path: /^\/users\/(\d+)$/,
    methods: {
      GET: (_, id) =>
        success({
          id: Number(id),
          name: `Флорист ${id}`,
          email: `florist${id}@example.com`,
          phone: "+77000000003",
        }),
    },
  },
  {
    path: /^\/customers\/orders(?:_by_id)?\.php$/,
    methods: { GET: ({ query }) => success(historyOf(world, query).map(orderListItem)) },
  },
]

const listed = (world: World, { query }: Exchange): Answer => {
  const status = query.get("status")
  const phone = query.get("customer_phone")
  const wanted = status === null ? undefined : statusKeyOf(statusIdOf(status) ?? status)
  const all = [...world.orders.values()]
    .filter(({ statusId }) =>
      wanted === undefined ? ACTIVE_STATUS_IDS.has(statusId) : statusKeyOf(statusId) === wanted,
    )
    .filter(({ sender }) => phone === null || digitsOf(sender.phone) === digitsOf(phone))
    .sort((a, b) => b.id - a.id)
  return page(all, query, world.settings.pageMax, orderListItem)
}

const historyOf = (world: World, query: URLSearchParams): ReadonlyArray<SimOrder> => {
  const phone = query.get("customer_phone") ?? query.get("phone")
  const id = idOf(query.get("id"))
  return [...world.orders.values()].filter(
    (order) => order.id === id || (phone !== null && digitsOf(order.sender.phone) === digitsOf(phone)),
  )
}

const digitsOf = (phone: string | null): string => (phone ?? "").replaceAll(/\D/g, "")

const found = (world: World, id: unknown, answer: (order: SimOrder) => Answer): Answer => {
  const order = world.orders.get(idOf(id) ?? 0)
  return order === undefined ? errorA(404, "not_found", "Order not found") : answer(order)
}

const patched = (world: World, order: SimOrder, body: Buffer): Answer => {
  const given = objectOf(body)?.["status"]
  const statusId = typeof given === "string" && PATCH_STATUSES.has(given) ? statusIdOf(given) : undefined
  if (statusId === undefined || !isAllowed(world, order, statusId)) {
    return errorA(400, "invalid_status", "Invalid status")
  }
  const { updatedAtMs } = world.moveOrder(order.id, statusId)
  return success({ id: order.id, status: String(given).toLowerCase(), updated_at: isoSeconds(updatedAtMs) })
}

const changed = (
  world: World,
  body: Buffer,
  report: (before: SimOrder, after: SimOrder) => object,
): Answer => {
  const timestamp = Math.floor(world.clock.nowMs() / 1_000)
  const given = objectOf(body)
  const order = world.orders.get(idOf(given?.["id"]) ?? 0)
  const statusId = statusIdOf(given?.["status"])
  if (order === undefined) return errorB(404, "Order not found", timestamp)
  if (statusId === undefined || !isAllowed(world, order, statusId))
    return errorB(400, "Invalid status", timestamp)
  const notes = given?.["notes"]
  const after = world.moveOrder(order.id, statusId, typeof notes === "string" ? { notes } : {})
  return json(200, { status: true, ...report(order, after), timestamp })
}

const isAllowed = (world: World, order: SimOrder, statusId: string): boolean =>
  !world.settings.enforceTransitions || mayFollow(order.statusId, statusId)

const photographed = (world: World, order: SimOrder, exchange: Exchange): Answer => {
  const [file] = fileParts(exchange, "file")
  if (file === undefined) return json(400, { success: false, error: { message: "No file uploaded" } })
  const photo_url = world.newFile("jpg")
  const after = world.moveOrder(order.id, "CO", { assembledImage: photo_url })
  return json(200, { success: true, photo_url, order_id: order.id, status: statusKeyOf(after.statusId) })
}

const assigned = (world: World, order: SimOrder, body: Buffer): Answer => {
  const given = objectOf(body) ?? {}
  const { responsible_id = null, courier_id = null } = given
  world.orders.set(order.id, {
    ...order,
    responsibleId: responsible_id === null ? order.responsibleId : String(responsible_id),
    executors: [responsible_id, courier_id]
      .filter((id) => id !== null)
      .map((id) => ({ id: String(id), name: `Флорист ${String(id)}`, avatar: null, source: "manual" })),
  })
  return success({ order_id: order.id, responsible_id, courier_id })
}
