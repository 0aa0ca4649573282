/** Generator without HTTP: the same change, made by the driver in the place where a server would be. */
import { CHANGED_BY_ID, NOTES } from "./events.ts"
import type { Job, Senders } from "./generator.ts"
import { takeJobs } from "./generator.ts"
import { connect, oneStatement, ordinary } from "./transactions.ts"

const sql = connect()

const open = async ({ form, concurrency }: Job): Promise<Senders> => {
  const apply = form === "ordinary" ? ordinary : oneStatement
  const sends = Array.from(
    { length: concurrency },
    () => async (step: { bitrixOrderId: number; code: string }) => {
      const { status } = await apply(sql, {
        order_id: step.bitrixOrderId,
        status: step.code,
        changed_by_id: CHANGED_BY_ID,
        notes: NOTES,
      })
      return status === "success" ? null : status
    },
  )
  return { sends, close: async () => {} }
}

takeJobs(open)
