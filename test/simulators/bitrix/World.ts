/** Everything that the imitated Bitrix knows, and the events that its changes fire. */

import { completeOrder, type SimOrder, statusIdOf } from "./SimOrder.ts"
import { complete, listItem, type SimProduct } from "./SimProduct.ts"
import { isoMicros, isoSeconds, SimulatorClock } from "./SimulatorClock.ts"
import type { Settings } from "./SimulatorOptions.ts"
import { type WebhookEvent, WebhookSender } from "./WebhookSender.ts"

const WRITES_MAX = 1_000_000
const FIRST_CREATED_ID = 900_001
const FLORIST_ID = 42

export interface Write {
  readonly atMs: number
  readonly id: number
  readonly body: unknown
  /** Whether the product was another one afterwards. */
  readonly changed: boolean
}

export interface OrderMove {
  readonly changedById?: number
  readonly notes?: string
  readonly assembledImage?: string
}

export class World {
  readonly settings: Settings
  readonly clock = new SimulatorClock()
  readonly sender: WebhookSender
  readonly products = new Map<number, SimProduct>()
  readonly orders = new Map<number, SimOrder>()
  readonly writes: Array<Write> = []
  /** Orders made by `orders/create/`, repeats not counted. */
  createdOrders = 0
  fileCount = 0
  private eventCount = 0
  private nextId = FIRST_CREATED_ID

  constructor(settings: Settings) {
    this.settings = settings
    this.sender = new WebhookSender({
      target: settings.webhook,
      echo: settings.echo,
      concurrency: settings.webhookConcurrency,
      keepAlive: settings.webhookKeepAlive,
    })
  }

  newId(): number {
    while (this.products.has(this.nextId) || this.orders.has(this.nextId)) this.nextId += 1
    this.nextId += 1
    return this.nextId - 1
  }

  seed(products: ReadonlyArray<Partial<SimProduct> & { readonly id: number }>): void {
    for (const product of products) this.products.set(product.id, complete(product))
  }

  product(id: number): SimProduct {
    const product = this.products.get(id)
    if (product === undefined) throw new Error(`Bitrix has no product ${id}`)
    return product
  }

  /** Changes without an event. */
  change(id: number, change: Partial<SimProduct>): SimProduct {
    const product = { ...this.product(id), ...change, id }
    this.products.set(id, product)
    return product
  }

  edit(id: number, change: Partial<SimProduct>): void {
    this.change(id, change)
    this.tellProduct(id)
  }

  remove(id: number): void {
    this.change(id, { isAvailable: false })
    this.tellRemoval(id)
  }

  seedOrders(orders: ReadonlyArray<Partial<SimOrder> & { readonly id: number }>): void {
    for (const order of orders) this.orders.set(order.id, completeOrder(order))
  }

  /** A florist moves an order; an order that is already there fires nothing. */
  moveOrder(
    id: number,
    status: string,
    { changedById = FLORIST_ID, notes, assembledImage }: OrderMove = {},
  ): SimOrder {
    const order = this.orders.get(id)
    if (order === undefined) throw new Error(`Bitrix has no order ${id}`)
    const statusId = statusIdOf(status) ?? status
    const updatedAtMs = this.clock.nowMs()
    const moved: SimOrder = {
      ...order,
      statusId,
      updatedAtMs,
      isPaid: order.isPaid || statusId === "PD",
      assembledImage: assembledImage ?? order.assembledImage,
      history: [
        ...order.history,
        { status: statusId, timestamp: isoSeconds(updatedAtMs), user: String(changedById) },
      ],
    }
    this.orders.set(id, moved)
    if (statusId !== order.statusId) {
      this.tellOrderStatus(id, statusId, changedById, notes ?? `${order.statusId} → ${statusId}`)
    }
    return moved
  }

  /** The URL of a file that was just stored. */
  newFile(extension: string): string {
    this.fileCount += 1
    return `/upload/iblock/file${this.fileCount}.${extension}`
  }

  recordWrite(id: number, body: unknown, changed: boolean): void {
    this.writes.push({ atMs: Date.now(), id, body, changed })
    if (this.writes.length >= 2 * WRITES_MAX) this.writes.splice(0, WRITES_MAX)
  }

  /** A promise only when the write has to wait for its event. */
  echo(id: number): Promise<void> | undefined {
    if (!this.sender.echo) return undefined
    if (!this.settings.inlineEvents) {
      this.tellProduct(id)
      return undefined
    }
    return new Promise((resolve) => this.tellProduct(id, resolve))
  }

  tellProduct(id: number, done?: () => void): void {
    const metadata = this.metadata()
    const body = () => {
      const product = this.products.get(id)
      if (product === undefined || (this.settings.hideInactiveById && !product.isAvailable)) return null
      return JSON.stringify({
        event_type: product.sectionId === null ? "product.created" : "product.updated",
        product_data: listItem(product, this.settings.descriptionInList),
        ...metadata,
      })
    }
    this.emit({ path: "/product-sync", key: `product:${id}`, body, ...(done && { done }) })
  }

  tellOrderStatus(id: number, statusId: string, changedById: number, notes: string): void {
    if (id <= 0) return
    const text = JSON.stringify({
      order_id: id,
      status: statusId,
      changed_by_id: changedById,
      notes,
      ...this.metadata(),
    })
    this.emit({ path: "/order-status-sync", key: `order:${id}`, body: () => text })
  }

  reset(): void {
    this.sender.reset(this.settings.echo)
    this.products.clear()
    this.orders.clear()
    this.writes.length = 0
    this.createdOrders = 0
    this.fileCount = 0
    this.nextId = FIRST_CREATED_ID
    this.clock.reset()
  }

  private tellRemoval(id: number): void {
    const { deleteIdForm } = this.sender
    const spelled = deleteIdForm === "int" ? id : deleteIdForm === "string" ? String(id) : { ID: String(id) }
    const text = JSON.stringify({
      event_type: "product.deleted",
      product_data: { id: spelled },
      ...this.metadata(),
    })
    this.emit({ path: "/product-sync", key: `product:${id}`, body: () => text })
  }

  private emit(event: WebhookEvent): void {
    this.sender.emit(event)
  }

  // The count goes on after a reset: an id that was used once is never used for another event.
  private metadata() {
    if (!this.settings.eventMetadata) return {}
    this.eventCount += 1
    return {
      event_id: `${this.settings.eventPrefix}-${this.eventCount}`,
      occurred_at: isoMicros(this.clock.tickMicros()),
    }
  }
}
