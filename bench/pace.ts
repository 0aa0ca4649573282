/**
 * How often is asked, and what counts.
 *
 *   closed loop   every client asks again as soon as it was answered
 *   steady        so many requests per second, however long they take; latency counts from when one was due
 */
const FAILURES_MAX = 20

export interface Pace {
  readonly seconds: number
  /** Null for a closed loop. */
  readonly perSecond: number | null
}

export interface Paced {
  readonly latenciesMs: ReadonlyArray<number>
  readonly failureCount: number
  readonly firstFailure: string | null
  readonly seconds: number
}

/** Asks until the time is over or too much has failed. Null of `ask` is a success. */
export const run = async <C>(
  clients: ReadonlyArray<C>,
  { seconds, perSecond }: Pace,
  ask: (client: C) => Promise<string | null>,
): Promise<Paced> => {
  const latenciesMs: Array<number> = []
  const failures: Array<string> = []
  const startMs = performance.now()
  const endMs = startMs + seconds * 1e3
  const intervalMs = perSecond === null ? 0 : 1e3 / perSecond
  let due = 0
  const askOnce = async (client: C, sinceMs: number) => {
    const failure = await ask(client)
    if (failure === null) latenciesMs.push(performance.now() - sinceMs)
    else failures.push(failure)
  }
  const loop = async (client: C) => {
    while (performance.now() < endMs && failures.length < FAILURES_MAX) {
      if (intervalMs === 0) {
        await askOnce(client, performance.now())
        continue
      }
      const dueMs = startMs + due++ * intervalMs
      if (dueMs >= endMs) return
      const waitMs = dueMs - performance.now()
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
      // A timer that fires late is the load's own lateness, not the server's.
      await askOnce(client, waitMs > 0 ? performance.now() : dueMs)
    }
  }
  await Promise.all(clients.map(loop))
  return {
    latenciesMs,
    failureCount: failures.length,
    firstFailure: failures[0] ?? null,
    seconds: (performance.now() - startMs) / 1e3,
  }
}
