/** The rows of the demo world. Inserting them again changes nothing. */
import { command, sql } from "../platform/Query.ts"

export interface DemoShop {
  readonly id: number
  readonly name: string
  readonly director: { readonly id: number; readonly name: string; readonly phone: string }
}

export interface DemoOrder {
  readonly id: number
  readonly bitrixOrderId: number
  readonly trackingId: string
  readonly orderNumber: string
}

// No password verifies against this hash.
const NO_PASSWORD = "!"

/** Lets the directors in who have no password yet. */
export const givePassword = ({ id }: DemoShop, passwordHash: string) =>
  command(sql`
    UPDATE "user"
    SET password_hash = ${passwordHash}
    WHERE shop_id = ${id} AND password_hash = ${NO_PASSWORD}`)

export const insertDirector = ({ id, director }: DemoShop) =>
  command(sql`
    INSERT INTO "user" (id, name, phone, role, shop_id, password_hash)
    VALUES (${director.id}, ${director.name}, ${director.phone}, 'DIRECTOR', ${id}, ${NO_PASSWORD})
    ON CONFLICT DO NOTHING`)

export const insertShop = ({ id, name, director }: DemoShop) =>
  command(sql`
    INSERT INTO shop (id, name, owner_id, phone, city)
    VALUES (${id}, ${name}, ${director.id}, ${director.phone}, 'Almaty')
    ON CONFLICT DO NOTHING`)

export const insertOrder = (shopId: number, order: DemoOrder) =>
  command(sql`
    INSERT INTO "order" (id, shop_id, tracking_id, order_number, customer_name, phone, delivery_address,
                         subtotal, delivery_cost, total, bitrix_order_id)
    VALUES (${order.id}, ${shopId}, ${order.trackingId}, ${order.orderNumber}, 'Айгерим', '+70000000013',
            'Алматы, ул. Примерная, 1', 1200000, 150000, 1350000, ${order.bitrixOrderId})
    ON CONFLICT DO NOTHING`)

export const insertProduct = (shopId: number) =>
  command(sql`
    INSERT INTO product (id, shop_id, name, price, colors, tags)
    VALUES (668826, ${shopId}, 'Букет Rosa Deluxe', 1200000, '{Красный}', '{розы}')
    ON CONFLICT DO NOTHING`)

export const insertItem = (shopId: number, order: DemoOrder) =>
  command(sql`
    INSERT INTO order_item (id, shop_id, order_id, product_id, product_name, product_price, quantity, item_total)
    VALUES (${order.id}, ${shopId}, ${order.id}, 668826, 'Букет Rosa Deluxe', 1200000, 1, 1200000)
    ON CONFLICT DO NOTHING`)
