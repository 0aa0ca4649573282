/**
 * The floor of the list of goods: what a careful programmer writes with Fastify and `postgres`, the same JSON.
 *
 *   as the owner of the tables   one statement, one round trip, no row security
 *   ROW_SECURITY=true            the same in a transaction of the role `cvety_app`, with its tenant
 */
import Fastify from "fastify"
import postgres from "postgres"
import { colors } from "../../src/products/Color.ts"

const sql = postgres(process.env["DATABASE_URL"] ?? "", {
  max: 10,
  onnotice: () => {},
  // Or PostgreSQL would plan each page anew, because it does not know the LIMIT. Ours keeps its plans too.
  connection: { plan_cache_mode: "force_generic_plan" },
  types: { bigint: { to: 20, from: [20], serialize: String, parse: Number } },
})
const server = Fastify({ logger: false })

server.get("/health", async () => ({ status: "healthy" }))

const text = { type: "string" }
const integer = { type: "integer" }
const boolean = { type: "boolean" }
const maybe = (type: string) => ({ type: [type, "null"] })
const words = { type: ["array", "null"], items: text }
const image = {
  type: "object",
  properties: {
    id: integer,
    product_id: integer,
    url: text,
    order: integer,
    is_primary: boolean,
    created_at: text,
  },
}
const color = {
  type: "object",
  properties: { id: text, name: text, hex: text, description: text, border: boolean },
}
const product = {
  type: "object",
  properties: {
    id: integer,
    name: text,
    price: integer,
    type: text,
    description: maybe("string"),
    manufacturingTime: maybe("integer"),
    width: maybe("integer"),
    height: maybe("integer"),
    shelfLife: maybe("integer"),
    enabled: boolean,
    is_featured: boolean,
    colors: words,
    occasions: words,
    cities: words,
    tags: words,
    image: maybe("string"),
    images: { type: "array", items: image },
    created_at: text,
    updated_at: text,
    colors_detailed: { type: ["array", "null"], items: color },
    bitrix_sync: {
      type: ["object", "null"],
      properties: { state: text, pending_since: maybe("string"), last_error: maybe("string") },
    },
  },
}

interface Query {
  readonly shop_id: number
  readonly limit: number
  readonly skip: number
}

server.get<{ Querystring: Query }>(
  "/api/v1/products/",
  {
    schema: {
      querystring: {
        type: "object",
        properties: {
          shop_id: { ...integer, minimum: 1 },
          limit: { ...integer, minimum: 1, maximum: 100, default: 100 },
          skip: { ...integer, minimum: 0, default: 0 },
        },
        required: ["shop_id"],
      },
      response: { 200: { type: "array", items: product } },
    },
  },
  async ({ query }) => {
    const rows = process.env["ROW_SECURITY"] === "true" ? await inTenant(query) : await page(sql, query)
    return rows.map(toRead)
  },
)

const inTenant = (query: Query) =>
  sql.begin("READ ONLY", async (tx) => {
    const [, rows] = await Promise.all([
      tx`SELECT set_config('cvety.shop_id', ${String(query.shop_id)}, true)`,
      page(tx, query),
    ])
    return rows
  }) as Promise<ReadonlyArray<postgres.Row>>

const page = (tx: postgres.ISql, { shop_id, limit, skip }: Query) => tx`
  SELECT p.*,
         (SELECT json_agg(json_build_object(
                   'id', i.id, 'product_id', i.product_id, 'url', i.url, 'order', i."order", 'is_primary', i.is_primary,
                   'created_at', to_char(i.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS'))
                 ORDER BY i."order", i.id)
          FROM product_image i
          WHERE i.shop_id = p.shop_id AND i.product_id = p.id) AS images,
         CASE WHEN r.shop_id IS NOT NULL THEN coalesce(o.state, 'synced') END AS sync_state, o.pending_since
  FROM (
    SELECT p.id, p.shop_id, p.name, p.price, p.type, p.description, p.manufacturing_time, p.width, p.height, p.shelf_life,
           p.enabled, p.is_featured, p.colors, p.occasions, p.cities, p.tags, p.image, p.origin, p.created_at, p.updated_at
    FROM product p
    JOIN shop s ON s.id = p.shop_id
    WHERE p.shop_id = ${shop_id} AND p.deleted_at IS NULL AND p.enabled AND s.is_active
    ORDER BY p.created_at DESC, p.id DESC
    LIMIT ${limit} OFFSET ${skip}
  ) p
  LEFT JOIN outbox_route r ON p.origin = 'bitrix' AND r.shop_id = p.shop_id AND r.target = 'bitrix'
  LEFT JOIN outbox o
    ON o.shop_id = r.shop_id AND o.target = 'bitrix' AND o.aggregate_type = 'product' AND o.aggregate_id = p.id::text
       AND o.state <> 'delivered'
  ORDER BY p.created_at DESC, p.id DESC`

const toRead = (row: postgres.Row) => ({
  ...row,
  manufacturingTime: row["manufacturing_time"],
  shelfLife: row["shelf_life"],
  images: row["images"] ?? [],
  created_at: row["created_at"].toISOString().slice(0, -1),
  updated_at: row["updated_at"].toISOString().slice(0, -1),
  colors_detailed:
    row["colors"]?.length > 0 ? colors.filter(({ name }) => row["colors"].includes(name)) : null,
  bitrix_sync:
    row["sync_state"] === null
      ? null
      : {
          state: row["sync_state"],
          pending_since: row["pending_since"]?.toISOString().slice(0, -1) ?? null,
          last_error: null,
        },
})

await server.listen({ port: Number(process.env["PORT"]), host: "127.0.0.1" })
