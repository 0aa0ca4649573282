/** The floor of `GET /auth/me`: what a careful programmer writes with Fastify, `jose` and `postgres`. */
import Fastify from "fastify"
import { jwtVerify } from "jose"
import postgres from "postgres"

const key = new TextEncoder().encode(process.env["SECRET_KEY"])
const sql = postgres(process.env["DATABASE_URL"] ?? "", { max: 10, onnotice: () => {} })
const server = Fastify({ logger: false })

server.get("/health", async () => ({ status: "healthy" }))

const text = { type: "string" }
const integer = { type: "integer" }

server.get(
  "/api/v1/auth/me",
  {
    schema: {
      response: {
        200: {
          type: "object",
          properties: {
            id: integer,
            name: text,
            phone: text,
            role: text,
            is_active: { type: "boolean" },
            is_superadmin: { type: "boolean" },
            invited_by: { type: ["integer", "null"] },
            created_at: text,
            updated_at: text,
          },
        },
      },
    },
  },
  (request) => whoIs(request.headers.authorization ?? ""),
)

const whoIs = async (authorization: string) => {
  const token = /^Bearer (.+)$/.exec(authorization)?.[1] ?? ""
  const verified = await jwtVerify(token, key, { algorithms: ["HS256"] }).catch(() => undefined)
  if (verified === undefined) throw new Refused()
  const [user] = await sql`
      SELECT u.id, u.name, u.phone, u.role, u.is_active, u.is_superadmin, u.invited_by, u.created_at, u.updated_at
      FROM "user" u
      LEFT JOIN shop s ON s.id = u.shop_id
      WHERE u.id = ${Number(verified.payload.sub)} AND u.is_active
        AND u.token_version = ${Number(verified.payload["ver"])} AND s.is_active
        AND NOT EXISTS (SELECT FROM ended_session WHERE id = ${String(verified.payload.jti)})`
  if (user === undefined) throw new Refused()
  return {
    ...user,
    created_at: user["created_at"].toISOString().slice(0, -1),
    updated_at: user["updated_at"].toISOString().slice(0, -1),
  }
}

class Refused extends Error {
  readonly statusCode = 401
}

await server.listen({ port: Number(process.env["PORT"]), host: "127.0.0.1" })
