/**
 * `POST /orders/create/`. The caller's own order id makes it safe to repeat: the second time answers with the first
 * order and `duplicate: true`.
 */
import { type Exchange, idOf, json, objectOf } from "./Exchange.ts"
import { failed } from "./RailwayUpdate.ts"
import { completeOrder, type SimOrder } from "./SimOrder.ts"
import { tengeText } from "./SimProduct.ts"
import { dottedDate } from "./SimulatorClock.ts"
import type { World } from "./World.ts"

const SHOP_ADDRESS = "Самовывоз из магазина"

type Body = Readonly<Record<string, unknown>>

export const createOrder = (world: World, exchange: Exchange) => {
  const body = objectOf(exchange.body)
  if (body === undefined) return failed(400, "Invalid JSON payload")
  const problem = problemIn(body)
  if (problem !== undefined) return failed(400, problem)
  const xmlId = `railway-${String(body["railway_order_id"])}`
  const existing = [...world.orders.values()].find((order) => order.xmlId === xmlId)
  if (existing !== undefined) return created(existing, { duplicate: true })
  const order = orderOf(world, body, xmlId)
  world.orders.set(order.id, order)
  world.createdOrders += 1
  return created(order, {})
}

const created = (order: SimOrder, extra: object) =>
  json(200, {
    status: true,
    order_id: order.id,
    account_number: order.number,
    xml_id: order.xmlId,
    price: Number(order.paymentAmount.replaceAll(/\D/g, "")),
    delivery_price: order.deliveryPriceTenge,
    pickup: order.pickup ? "Y" : "N",
    ...extra,
  })

const problemIn = (body: Body): string | undefined => {
  for (const field of ["railway_order_id", "customer_phone", "pickup", "items"]) {
    const value = body[field]
    const isMissing = value === undefined || value === null || value === "" || itemsAreMissing(field, value)
    if (isMissing) return `Missing required field: ${field}`
  }
  if (body["pickup"] !== "Y" && body["pickup"] !== "N") return "pickup must be 'Y' or 'N'"
  if (body["pickup"] === "Y") return undefined
  const absent = ["recipient_name", "recipient_phone"].find((field) => !body[field])
  return absent === undefined ? undefined : `${absent} is required for delivery (pickup=N)`
}

const itemsAreMissing = (field: string, value: unknown): boolean =>
  field === "items" && (!Array.isArray(value) || value.length === 0)

const orderOf = (world: World, body: Body, xmlId: string): SimOrder => {
  const pickup = body["pickup"] === "Y"
  const deliveryPriceTenge = tengeFrom(body["delivery_fee"])
  const items = (body["items"] as ReadonlyArray<Body>).map((item) => ({
    id: idOf(item["product_id"]) ?? 0,
    productName: textOr(item["name"], world.products.get(idOf(item["product_id"]) ?? 0)?.title ?? "Товар"),
    amount: idOf(item["quantity"]) ?? 1,
    price: String(tengeFrom(item["price"])),
    productImage: world.products.get(idOf(item["product_id"]) ?? 0)?.image ?? null,
  }))
  const goodsTenge = items.reduce((sum, { amount, price }) => sum + amount * Number(price), 0)
  const nowMs = world.clock.nowMs()
  return completeOrder({
    id: world.newId(),
    xmlId,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    sender: {
      name: textOr(body["customer_name"], ""),
      phone: textOr(body["customer_phone"], ""),
      email: null,
    },
    recipient: { name: textOrNull(body["recipient_name"]), phone: textOrNull(body["recipient_phone"]) },
    deliveryCity: textOr(body["city"], "astana"),
    deliveryAddress: pickup ? SHOP_ADDRESS : textOr(body["delivery_address"], ""),
    deliveryDate: dateFrom(body["delivery_date"]) ?? dottedDate(nowMs),
    deliveryType: textOr(body["delivery_time"], "0"),
    deliveryPriceTenge,
    paymentAmount: tengeText((goodsTenge + deliveryPriceTenge) * 100),
    pickup,
    notes: textOr(body["notes"], ""),
    items,
  })
}

/** Bitrix guesses the unit: above 1000 and divisible by 100 means kopecks, anything else is tenge already. */
const tengeFrom = (value: unknown): number => {
  const given = Number(value ?? 0) || 0
  return given > 1_000 && given % 100 === 0 ? given / 100 : given
}

const textOrNull = (value: unknown): string | null => (typeof value === "string" ? value : null)
const textOr = (value: unknown, otherwise: string): string => textOrNull(value) ?? otherwise

const dateFrom = (value: unknown): string | undefined =>
  typeof value === "string" && /^\d{4}-\d\d-\d\d$/.test(value)
    ? value.split("-").toReversed().join(".")
    : undefined
