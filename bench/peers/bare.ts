/** Floor B: the least that can be done, `node:http` and one statement. It logs nothing and measures nothing. */
import { createHash, timingSafeEqual } from "node:crypto"
import type { ServerResponse } from "node:http"
import { createServer } from "node:http"
import type { StatusEvent } from "../transactions.ts"
import { connect, oneStatement } from "../transactions.ts"

const digest = (secret: string) => createHash("sha256").update(secret).digest()

const secret = digest(process.env["WEBHOOK_SECRET"] ?? "")
const sql = connect()

const respond = (response: ServerResponse, status: number, answer: object): void => {
  const body = JSON.stringify(answer)
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  })
  response.end(body)
}

const isEvent = (body: Partial<Record<keyof StatusEvent, unknown>>): body is StatusEvent =>
  Number.isSafeInteger(body.order_id) &&
  typeof body.status === "string" &&
  (body.changed_by_id == null || Number.isSafeInteger(body.changed_by_id)) &&
  (body.notes == null || typeof body.notes === "string")

const apply = async (body: string, response: ServerResponse): Promise<void> => {
  const event: unknown = JSON.parse(body)
  if (typeof event !== "object" || event === null || !isEvent(event)) {
    return respond(response, 422, { detail: "invalid" })
  }
  respond(response, 200, await oneStatement(sql, event))
}

createServer((request, response) => {
  if (request.url === "/health") return respond(response, 200, { status: "healthy" })
  if (request.method !== "POST" || request.url !== "/api/v1/webhooks/order-status-sync") {
    return respond(response, 404, { detail: "Not Found" })
  }
  if (!timingSafeEqual(digest(String(request.headers["x-webhook-secret"])), secret)) {
    return respond(response, 401, { detail: "Invalid webhook secret" })
  }
  let body = ""
  request.setEncoding("utf8")
  request.on("data", (text: string) => {
    body += text
  })
  request.on("end", () => {
    apply(body, response).catch(() => respond(response, 500, { detail: "Internal Server Error" }))
  })
}).listen(Number(process.env["PORT"]), "127.0.0.1")
