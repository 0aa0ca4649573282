/** Asks one URL in closed loops over keep-alive connections; only a 200 with the expected piece of body counts. */
import { Agent, request } from "node:http"

export interface ReadJob {
  readonly url: string
  readonly token: string
  readonly expected: string
  readonly concurrency: number
  readonly seconds: number
  /** Requests per second of each loop; 0 for as fast as it can. */
  readonly pace: number
}

export interface ReadOutcome {
  readonly successCount: number
  readonly failureCount: number
  readonly firstFailure: string | null
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const run = async (job: ReadJob): Promise<ReadOutcome> => {
  const agent = new Agent({ keepAlive: true, maxSockets: job.concurrency })
  const latenciesMs: Array<number> = []
  const failures: Array<string> = []
  const startMs = performance.now()
  const endMs = startMs + job.seconds * 1e3
  const loop = async () => {
    while (performance.now() < endMs && failures.length < FAILURES_MAX) {
      const sentMs = performance.now()
      const failure = await ask(agent, job)
      const tookMs = performance.now() - sentMs
      if (failure === null) latenciesMs.push(tookMs)
      else failures.push(failure)
      if (job.pace > 0)
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, 1e3 / job.pace - tookMs)))
    }
  }
  await Promise.all(Array.from({ length: job.concurrency }, loop))
  agent.destroy()
  latenciesMs.sort((a, b) => a - b)
  return {
    successCount: latenciesMs.length,
    failureCount: failures.length,
    firstFailure: failures[0] ?? null,
    seconds: (performance.now() - startMs) / 1e3,
    p50Ms: latenciesMs[Math.floor(latenciesMs.length * 0.5)] ?? 0,
    p99Ms: latenciesMs[Math.floor(latenciesMs.length * 0.99)] ?? 0,
  }
}

const FAILURES_MAX = 20

const ask = (agent: Agent, { url, token, expected }: ReadJob): Promise<string | null> =>
  new Promise((resolve) => {
    const sent = request(url, { agent, headers: { authorization: `Bearer ${token}` } }, (response) => {
      let body = ""
      response.setEncoding("utf8")
      response.on("data", (chunk: string) => {
        body += chunk
      })
      response.on("end", () =>
        resolve(
          response.statusCode === 200 && body.includes(expected) ? null : `${response.statusCode} ${body}`,
        ),
      )
    })
    sent.on("error", (error) => resolve(error.message))
    sent.end()
  })

process.on("message", (job: ReadJob) => {
  run(job).then((outcome) => process.send?.(outcome))
})
process.on("disconnect", () => process.exit(0))
