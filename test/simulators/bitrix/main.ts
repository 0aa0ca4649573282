/**
 * The simulator by hand: `npm run sim:bitrix -- --port 8020 --products 50`.
 *
 * Each flag has a variable of the same name: PORT, TOKEN, WEBHOOK_URL, WEBHOOK_SECRET, PRODUCTS, LATENCY_MS.
 */
import { parseArgs } from "node:util"
import { startBitrix } from "./BitrixSimulator.ts"
import { oddOrders, oddProducts, pricedProducts } from "./Fixtures.ts"

const text = { type: "string" } as const
const { values } = parseArgs({
  options: {
    port: text,
    token: text,
    "webhook-url": text,
    "webhook-secret": text,
    products: text,
    "latency-ms": text,
    legacy: { type: "boolean" },
  },
})
const { env } = process

const token = values.token ?? env["TOKEN"] ?? "test-bitrix-token"
const url = values["webhook-url"] ?? env["WEBHOOK_URL"]
const secret = values["webhook-secret"] ?? env["WEBHOOK_SECRET"] ?? "test-webhook-secret"
const productCount = Number(values.products ?? env["PRODUCTS"] ?? 20)

const bitrix = await startBitrix({
  port: Number(values.port ?? env["PORT"] ?? 8020),
  token,
  latencyMs: Number(values["latency-ms"] ?? env["LATENCY_MS"] ?? 0),
  eventMetadata: values.legacy !== true,
  ...(url === undefined ? {} : { webhook: { url, secret } }),
})
bitrix.seed(Array.from({ length: productCount }, (_, index) => ({ id: index + 1 })))
bitrix.seed([...pricedProducts, ...oddProducts])
bitrix.seedOrders(oddOrders)

const fake = `${bitrix.origin}/__fake`
console.log(`Bitrix simulator on ${bitrix.url}, token ${token}, ${bitrix.products.size} products
events go to ${url ?? "nobody (set WEBHOOK_URL=http://127.0.0.1:8014/api/v1/webhooks and WEBHOOK_SECRET)"}

  curl -H 'Authorization: Bearer ${token}' '${bitrix.url}/products/?limit=3'
  curl -X PUT -H 'Authorization: Bearer ${token}' -d '{"id":1,"title":"Розы","price":"9 000 ₸"}' ${bitrix.url}/products/update-from-railway

a florist edits a product, deletes it, moves an order:
  curl -d '{"id":1,"change":{"price":"9 990 ₸"}}' ${fake}/edit
  curl -d '{"id":1}' ${fake}/remove
  curl -d '{"id":123456,"status":"AP"}' ${fake}/order-status

three 503, then well again; POST that never answers; everything healed; gone for 10 s:
  curl -d '{"path":"/products","mode":{"kind":"status","status":503,"retryAfter":2},"times":3}' ${fake}/fail
  curl -d '{"method":"POST","mode":{"kind":"hang"}}' ${fake}/fail
  curl -X POST ${fake}/heal
  curl -d '{"forMs":10000}' ${fake}/refuse

what it knows:
  curl ${fake}/state; curl ${fake}/requests; curl ${fake}/writes; curl ${fake}/outcomes`)

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void bitrix.close().then(() => process.exit(0)))
}
