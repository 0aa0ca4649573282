/** Floor A: what a careful programmer writes with Fastify and `postgres`. It logs nothing and measures nothing. */
import { createHash, timingSafeEqual } from "node:crypto"
import Fastify from "fastify"
import type { StatusEvent } from "../transactions.ts"
import { connect, ordinary } from "../transactions.ts"

const digest = (secret: string) => createHash("sha256").update(secret).digest()

const secret = digest(process.env["WEBHOOK_SECRET"] ?? "")
const sql = connect()
const server = Fastify({ logger: false })

server.get("/health", async () => ({ status: "healthy" }))

server.post<{ Body: StatusEvent }>(
  "/api/v1/webhooks/order-status-sync",
  {
    schema: {
      body: {
        type: "object",
        required: ["order_id", "status"],
        properties: {
          order_id: { type: "integer" },
          status: { type: "string", maxLength: 64 },
          changed_by_id: { type: ["integer", "null"] },
          notes: { type: ["string", "null"], maxLength: 4_000 },
        },
      },
      response: {
        200: {
          type: "object",
          required: ["status", "bitrix_order_id"],
          properties: {
            status: { type: "string" },
            order_id: { type: "integer" },
            railway_order_id: { type: "integer" },
            bitrix_order_id: { type: "integer" },
            old_status: { type: "string" },
            new_status: { type: "string" },
            history_recorded: { type: "boolean" },
            reason: { type: "string" },
          },
        },
      },
    },
    onRequest: async (request, reply) => {
      if (!timingSafeEqual(digest(String(request.headers["x-webhook-secret"])), secret)) {
        return reply.code(401).send({ detail: "Invalid webhook secret" })
      }
    },
  },
  (request) => ordinary(sql, request.body),
)

await server.listen({ port: Number(process.env["PORT"]), host: "127.0.0.1" })
