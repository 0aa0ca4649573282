/** Goods put into the database by the witness. */
import type postgres from "postgres"

let lastId = 600_000
const FIRST_ID_HERE = 1_000_000_000

export const insertProduct = async (
  witness: postgres.ISql,
  product: {
    readonly shopId: number
    readonly name?: string
    readonly enabled?: boolean
    readonly isDeleted?: boolean
    /** Any column, in its own spelling. */
    readonly more?: Readonly<Record<string, unknown>>
  },
): Promise<number> => {
  const id = (product.more?.["origin"] === "here" ? FIRST_ID_HERE : 0) + ++lastId
  const row = {
    id,
    shop_id: product.shopId,
    name: product.name ?? `Букет ${id}`,
    price: 1_500_000,
    enabled: product.enabled ?? true,
    colors: ["Красный", "Малахитовый"],
    manufacturing_time: 30,
    shelf_life: 5,
    deleted_at: product.isDeleted === true ? new Date() : null,
    ...product.more,
  }
  await witness`INSERT INTO product ${witness(row as never)}`
  return id
}

let lastOrderId = 40_000_000

/** An order of these goods, with the status that it has on arrival or that of a cancelled one. */
export const insertSale = async (
  witness: postgres.ISql,
  sale: {
    readonly shopId: number
    readonly quantities: ReadonlyMap<number, number>
    readonly isCancelled?: boolean
    readonly daysAgo?: number
  },
): Promise<void> => {
  const id = ++lastOrderId
  const { shopId } = sale
  await witness`
    INSERT INTO "order" (id, shop_id, tracking_id, order_number, customer_name, phone, subtotal, total, created_at)
    VALUES (${id}, ${shopId}, ${id}, ${`#${id}`}, 'Айгерим', '+70000000013', 0, 0,
            now() - ${sale.daysAgo ?? 0} * interval '1 day')`
  for (const [productId, quantity] of sale.quantities) {
    await witness`
      INSERT INTO order_item (shop_id, order_id, product_id, product_name, product_price, quantity, item_total)
      VALUES (${shopId}, ${id}, ${productId}, 'Букет', 100, ${quantity}, ${100 * quantity})`
  }
  if (sale.isCancelled !== true) return
  await witness`
    INSERT INTO order_history (shop_id, order_id, changed_by, field_name, old_value, new_value, status_version)
    VALUES (${shopId}, ${id}, 'admin', 'status', 'new', 'cancelled', 1)`
  await witness`UPDATE "order" SET status = 'cancelled', status_version = 1 WHERE id = ${id}`
}
