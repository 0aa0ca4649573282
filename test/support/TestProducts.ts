/** Goods put into the database by the witness. */
import type postgres from "postgres"

let lastId = 600_000

export const insertProduct = async (
  witness: postgres.ISql,
  product: {
    readonly shopId: number
    readonly name?: string
    readonly enabled?: boolean
    readonly isDeleted?: boolean
  },
): Promise<number> => {
  const id = ++lastId
  await witness`
    INSERT INTO product (id, shop_id, name, price, enabled, colors, manufacturing_time, shelf_life, deleted_at)
    VALUES (${id}, ${product.shopId}, ${product.name ?? `Букет ${id}`}, 1500000, ${product.enabled ?? true},
            ${["Красный", "Малахитовый"]}, 30, 5, ${product.isDeleted === true ? new Date() : null})`
  return id
}
