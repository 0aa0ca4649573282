/**
 * Asks one path over keep-alive connections, with as little work per request as can be: it shares its core with
 * PostgreSQL. Only a 200 with the expected piece of body counts.
 */
import * as LeanHttp from "../../test/support/LeanHttp.ts"
import * as Pace from "../pace.ts"

export interface ReadJob extends Pace.Pace {
  readonly port: number
  readonly path: string
  /** Used in turn; none sends no credential. */
  readonly tokens: ReadonlyArray<string>
  readonly expected: string
  readonly connections: number
}

export interface ReadOutcome extends Omit<Pace.Paced, "latenciesMs"> {
  readonly successCount: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const run = async (job: ReadJob): Promise<ReadOutcome> => {
  const clients = Array.from({ length: job.connections }, () => LeanHttp.open(`http://127.0.0.1:${job.port}`))
  const credentials =
    job.tokens.length === 0 ? [{}] : job.tokens.map((one) => ({ authorization: `Bearer ${one}` }))
  const requests = credentials.map((headers) => LeanHttp.requestText("GET", job.path, headers))
  let asked = 0
  const { latenciesMs, ...paced } = await Pace.run(clients, job, async (client) => {
    const answer = await client.ask(requests[asked++ % requests.length] ?? "")
    return answer?.status === 200 && answer.body.includes(job.expected) ? null : LeanHttp.inWords(answer)
  })
  for (const client of clients) client.close()
  const sortedMs = latenciesMs.toSorted((a, b) => a - b)
  return {
    ...paced,
    successCount: sortedMs.length,
    p50Ms: sortedMs[Math.floor(sortedMs.length * 0.5)] ?? 0,
    p99Ms: sortedMs[Math.floor(sortedMs.length * 0.99)] ?? 0,
  }
}

process.on("message", (job: ReadJob) => {
  run(job).then((outcome) => process.send?.(outcome))
})
process.on("disconnect", () => process.exit(0))
