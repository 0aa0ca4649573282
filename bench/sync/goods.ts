/** What the bench of the sync works on, here and in the simulator. */
import type postgres from "postgres"
import { SHOP_ID } from "../events.ts"
import type { Simulator } from "./servers.ts"

/** Goods that are listed and edited, with pictures. */
export const LISTED = { from: 100_001, count: 2_000 } as const
/** Goods of which all are to be delivered at once. */
export const BULK = { from: 1, count: 10_000 } as const
/** Of them, those that are delivered while Bitrix takes its time. */
export const SLOW = { from: 1, count: 2_000, latencyMs: 50 } as const
export const IMAGES = 3

export interface Goods {
  readonly from: number
  readonly count: number
}

const CREATED_AFTER = "2026-01-01T00:00:00Z"

export const insertListed = async (sql: postgres.Sql, origin: string): Promise<void> => {
  const { from, count } = LISTED
  await sql`
    INSERT INTO product (id, shop_id, name, price, type, description, manufacturing_time, colors, occasions, cities, tags,
                         image, created_at)
    SELECT id, ${SHOP_ID}, 'Букет № ' || id, 750000, 'vitrina', 'Розы, эустома, зелень', 30, '{Красный,Белый}',
           '{День рождения}', '{Almaty}', '{розы,акция}', ${origin}::text || '/upload/iblock/' || id || '_1.jpg',
           ${CREATED_AFTER}::timestamptz + make_interval(mins => id - ${from})
    FROM generate_series(${from}::integer, ${from + count - 1}::integer) AS id`
  await sql`
    INSERT INTO product_image (shop_id, product_id, url, "order", is_primary)
    SELECT ${SHOP_ID}, id, ${origin}::text || '/upload/iblock/' || id || '_' || place || '.jpg', place - 1, place = 1
    FROM generate_series(${from}::integer, ${from + count - 1}::integer) AS id,
         generate_series(1, ${IMAGES}::integer) AS place`
  await vacuum(sql)
}

export const insertBulk = async (sql: postgres.Sql): Promise<void> => {
  const { from, count } = BULK
  await sql`
    INSERT INTO product (id, shop_id, name, price, type, created_at)
    SELECT id, ${SHOP_ID}, 'Букет № ' || id, 750000, 'vitrina', ${CREATED_AFTER}::timestamptz - make_interval(mins => id)
    FROM generate_series(${from}::integer, ${from + count - 1}::integer) AS id`
  await vacuum(sql)
}

/** So that no round is spared what another has to bear. */
export const vacuum = async (sql: postgres.Sql): Promise<void> => {
  await sql`DELETE FROM outbox WHERE state = 'delivered'`
  await sql`VACUUM ANALYZE product, product_image, outbox, bitrix_product, inbox`
}

export const seedListed = ({ control }: Simulator): Promise<unknown> =>
  control("seed", {
    products: Array.from({ length: LISTED.count }, (_, index) => {
      const id = LISTED.from + index
      const images = Array.from({ length: IMAGES }, (_, place) => `/upload/iblock/${id}_${place + 1}.jpg`)
      return { id, images, image: images[0], description: "Розы, эустома, зелень" }
    }),
  })

export const seedBulk = ({ control }: Simulator): Promise<unknown> =>
  control("seed", {
    products: Array.from({ length: BULK.count }, (_, index) => ({ id: BULK.from + index, image: null })),
  })

/** Changes the price of each in one transaction, with the fact that tells Bitrix; answers when that is committed. */
export const changeAll = async (sql: postgres.Sql, { from, count }: Goods): Promise<number> => {
  await sql.begin(async (tx) => {
    await tx`
      INSERT INTO outbox (shop_id, target, aggregate_type, aggregate_id, payload, before)
      SELECT shop_id, 'bitrix', 'product', id::text, '{}', jsonb_build_object('price', price)
      FROM product
      WHERE shop_id = ${SHOP_ID} AND id BETWEEN ${from} AND ${from + count - 1}
      ORDER BY id`
    await tx`
      UPDATE product SET price = price + 100 WHERE shop_id = ${SHOP_ID} AND id BETWEEN ${from} AND ${from + count - 1}`
  })
  return Date.now()
}

const POLL_MS = 50

/** Waits until Bitrix knows everything; answers when the last fact was settled. */
export const untilTold = async (sql: postgres.Sql, withinMs: number): Promise<number> => {
  const endMs = performance.now() + withinMs
  while (performance.now() < endMs) {
    const [row] = await sql`
      SELECT EXISTS (SELECT FROM outbox WHERE shop_id = ${SHOP_ID} AND target = 'bitrix' AND state <> 'delivered') AS open`
    if (row?.["open"] === false) {
      const [last] =
        await sql`SELECT extract(epoch FROM max(settled_at)) * 1000 AS at FROM outbox WHERE target = 'bitrix'`
      return Number(last?.["at"])
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  const left = await sql`
    SELECT state, last_error, count(*)::integer AS count
    FROM outbox
    WHERE shop_id = ${SHOP_ID} AND target = 'bitrix' AND state <> 'delivered'
    GROUP BY state, last_error`
  throw new Error(`void: facts were not delivered within ${withinMs} ms: ${JSON.stringify(left)}`)
}

export interface Counted {
  /** Changes of goods that somebody made by name. */
  readonly edits: number
  /** Events of Bitrix that changed something. */
  readonly events: number
}

export const count = async (sql: postgres.Sql): Promise<Counted> => {
  const [row] = await sql<Array<{ edits: number; events: number }>>`
    SELECT (SELECT count(*)::integer FROM audit
            WHERE shop_id = ${SHOP_ID} AND record_type = 'product' AND operation = 'update') AS edits,
           (SELECT count(*)::integer FROM inbox
            WHERE shop_id = ${SHOP_ID} AND source = 'bitrix.product' AND state = 'applied') AS events`
  return { edits: row?.edits ?? 0, events: row?.events ?? 0 }
}
