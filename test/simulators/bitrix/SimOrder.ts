/** An order as Bitrix keeps it, and the forms in which its API tells it. */
import { dottedDate, isoSeconds } from "./SimulatorClock.ts"

export interface SimOrderItem {
  readonly id: number
  readonly productName: string
  readonly amount: number
  /** Tenge, digits only. */
  readonly price: string
  readonly productImage: string | null
}

export interface SimOrder {
  readonly id: number
  readonly number: string
  readonly xmlId: string | null
  readonly statusId: string
  readonly createdAtMs: number
  readonly updatedAtMs: number
  readonly sender: {
    readonly name: string | null
    readonly phone: string | null
    readonly email: string | null
  }
  readonly recipient: { readonly name: string | null; readonly phone: string | null }
  readonly deliveryCity: string
  readonly deliveryAddress: string
  /** dd.mm.yyyy */
  readonly deliveryDate: string
  /** A code from 0 to 5, or an exact time as text. */
  readonly deliveryType: string
  readonly deliveryPriceTenge: number
  /** With the currency, such as "17 000 ₸" or "65 USD". */
  readonly paymentAmount: string
  readonly isPaid: boolean
  readonly pickup: boolean
  readonly askAddress: boolean
  readonly postcardText: string
  readonly notes: string
  readonly items: ReadonlyArray<SimOrderItem>
  readonly executors: ReadonlyArray<{
    readonly id: string
    readonly name: string
    readonly avatar: string | null
    readonly source: string
  }>
  readonly responsibleId: string | null
  readonly assembledImage: string | null
  readonly history: ReadonlyArray<{
    readonly status: string
    readonly timestamp: string
    readonly user: string
  }>
}

const CREATED_AT_MS = Date.UTC(2025, 9, 24, 9, 0, 0)

export const completeOrder = (given: Partial<SimOrder> & { readonly id: number }): SimOrder => ({
  number: String(given.id),
  xmlId: null,
  statusId: "N",
  createdAtMs: CREATED_AT_MS,
  updatedAtMs: CREATED_AT_MS,
  sender: { name: "Айгерим", phone: "+77000000001", email: "buyer@example.com" },
  recipient: { name: "Дана", phone: "+77000000002" },
  deliveryCity: "astana",
  deliveryAddress: "ул. Примерная, 1",
  deliveryDate: "25.10.2025",
  deliveryType: "0",
  deliveryPriceTenge: 2_500,
  paymentAmount: "17 000 ₸",
  isPaid: false,
  pickup: false,
  askAddress: false,
  postcardText: "",
  notes: "",
  items: [{ id: 1, productName: "Букет", amount: 1, price: "14500", productImage: "/upload/iblock/1.jpg" }],
  executors: [],
  responsibleId: null,
  assembledImage: null,
  history: [],
  ...given,
})

/** Bitrix's codes and what the API calls them. */
const STATUSES: Readonly<Record<string, { readonly key: string; readonly name: string }>> = {
  N: { key: "new", name: "Новый" },
  PD: { key: "paid", name: "Оплачен" },
  AP: { key: "accepted", name: "Принят" },
  AS: { key: "assembled", name: "Собирается" },
  CO: { key: "assembled", name: "Собран" },
  DE: { key: "in_delivery", name: "В пути" },
  ID: { key: "in_delivery", name: "В пути" },
  F: { key: "delivered", name: "Доставлен" },
  D: { key: "delivered", name: "Доставлен" },
  RF: { key: "cancelled", name: "Возврат" },
  UN: { key: "cancelled", name: "Не реализован" },
  C: { key: "cancelled", name: "Отменён" },
}

export const statusKeyOf = (statusId: string): string => STATUSES[statusId]?.key ?? statusId.toLowerCase()

/** What a list without a filter tells of. */
export const ACTIVE_STATUS_IDS: ReadonlySet<string> = new Set(["N", "AP", "CO", "DE"])

/** From what a client calls a status, in either spelling of the way, to Bitrix's code. */
const IDS: Readonly<Record<string, string>> = {
  new: "N",
  paid: "PD",
  accepted: "AP",
  in_production: "CO",
  assembled: "CO",
  in_delivery: "DE",
  delivered: "F",
  cancelled: "RF",
}

export const statusIdOf = (given: unknown): string | undefined => {
  if (typeof given !== "string") return undefined
  return given in STATUSES
    ? given
    : IDS[given.toLowerCase().replaceAll("-", "_").replace("in_transit", "in_delivery")]
}

const PATH = ["new", "paid", "accepted", "assembled", "in_delivery", "delivered"]

/** The documented way: one step forward, or cancelled from anywhere but the end. */
export const mayFollow = (fromId: string, toId: string): boolean => {
  const [from, to] = [statusKeyOf(fromId), statusKeyOf(toId)]
  if (from === "delivered" || from === "cancelled") return false
  return to === "cancelled" || PATH.indexOf(to) === PATH.indexOf(from) + 1
}

export const orderListItem = (order: SimOrder) => ({
  id: order.id,
  number: order.number,
  status_key: statusKeyOf(order.statusId),
  status_id: order.statusId,
  status_name: STATUSES[order.statusId]?.name ?? order.statusId,
  status: statusKeyOf(order.statusId),
  deliveryCity: order.deliveryCity,
  deliveryDate: order.deliveryDate,
  deliveryTime: deliveryTimeOf(order.deliveryType),
  deliveryMethod: order.pickup ? "Самовывоз" : "Доставка",
  deliveryAddress: order.deliveryAddress,
  deliveryAddressShort: order.deliveryAddress.split(",")[0],
  recipientMasked: masked(order.recipient.name),
  recipientPhoneMasked: masked(order.recipient.phone),
  sender: order.sender,
  recipient: order.recipient,
  paymentAmount: order.paymentAmount,
  paymentStatus: order.isPaid ? "Оплачен" : "Не оплачен",
  mainImage: order.items[0]?.productImage ?? null,
  itemImages: order.items.flatMap(({ productImage }) => productImage ?? []),
  executors: order.executors,
  items: order.items.map((item) => ({ ...item, currency: "KZT" })),
  createdAt: isoSeconds(order.createdAtMs),
  pickup: order.pickup,
  askAddress: order.askAddress,
})

const TIMES: Readonly<Record<string, string>> = {
  0: "Как можно скорее",
  1: "08:00–12:00",
  2: "12:00–16:00",
  3: "16:00–20:00",
  4: "20:00–00:00",
  5: "До 10:00",
}
const deliveryTimeOf = (type: string): string => TIMES[type] ?? type

const masked = (text: string | null): string | null =>
  text === null ? null : `${text.slice(0, 2)}${"*".repeat(Math.max(0, text.length - 4))}${text.slice(-2)}`

export const orderDetail = (order: SimOrder) => ({
  id: order.id,
  number: order.number,
  status_key: statusKeyOf(order.statusId),
  raw: rawOf(order),
  createdAt: isoSeconds(order.createdAtMs),
  updatedAt: isoSeconds(order.updatedAtMs),
})

const rawOf = (order: SimOrder) => ({
  id: order.id,
  dateCreated: dottedDate(order.createdAtMs),
  statusId: order.statusId,
  price: Number(order.paymentAmount.replaceAll(/\D/g, "")),
  currency: order.paymentAmount.endsWith("USD") ? "USD" : "KZT",
  senderName: order.sender.name,
  senderPhone: order.sender.phone,
  senderEmail: order.sender.email,
  recipientName: order.recipient.name,
  recipientPhone: order.recipient.phone,
  deliveryAddress: order.deliveryAddress,
  deliveryDate: order.deliveryDate,
  deliveryType: order.deliveryType,
  deliveryPrice: order.deliveryPriceTenge,
  isPayed: order.isPaid,
  paySystem: "Kaspi",
  payLink: `https://payments.example/pay/${order.id}`,
  postcardText: order.postcardText,
  comment: "",
  notes: order.notes,
  responsibleId: order.responsibleId,
  city: order.deliveryCity,
  askAddress: order.askAddress,
  pickup: order.pickup,
  shopId: 17_008,
  basket: order.items.map((item) => ({ ...item, currency: "KZT", productImageBig: item.productImage })),
  executors: order.executors,
  history: order.history,
  urls: {
    status: `https://bitrix.example/s/${order.id}`,
    customer: `https://bitrix.example/c/${order.id}`,
    recipient: `https://bitrix.example/r/${order.id}`,
    pay: `https://payments.example/pay/${order.id}`,
  },
  assembledImage: order.assembledImage,
  recipientPhoto: null,
})
