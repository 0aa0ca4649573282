/** Generator that posts webhooks: one keep-alive HTTP/1.1 connection per sender, as little work per request as can be. */
import * as LeanHttp from "../test/support/LeanHttp.ts"
import type { Step } from "./events.ts"
import { CHANGED_BY_ID, NOTES } from "./events.ts"
import type { Job, Senders } from "./generator.ts"
import { takeJobs } from "./generator.ts"

const HEADERS = {
  "content-type": "application/json",
  "x-webhook-secret": process.env["WEBHOOK_SECRET"] ?? "",
}
const SUCCESS = /"status": ?"success"/

const open = async ({ port, concurrency }: Job): Promise<Senders> => {
  const clients = Array.from({ length: concurrency }, () => LeanHttp.open(`http://127.0.0.1:${port}`))
  return {
    sends: clients.map((client) => async (step) => {
      const answer = await client.ask(requestOf(step))
      const isSuccess = answer !== null && answer.status < 300 && SUCCESS.test(answer.body)
      return isSuccess ? null : LeanHttp.inWords(answer)
    }),
    close: async () => {
      for (const client of clients) client.close()
    },
  }
}

const requestOf = ({ bitrixOrderId, code }: Step): string =>
  LeanHttp.requestText(
    "POST",
    "/api/v1/webhooks/order-status-sync",
    HEADERS,
    `{"order_id":${bitrixOrderId},"status":"${code}","changed_by_id":${CHANGED_BY_ID},"notes":"${NOTES}"}`,
  )

takeJobs(open)
