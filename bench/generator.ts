/**
 * A process that makes load on request: N senders in a closed loop, each sends its next change when the last one is
 * answered. Jobs and their outcomes travel over the IPC channel of the harness, one at a time.
 */
import type { Range, Step } from "./events.ts"
import { Walk } from "./events.ts"

export interface Job {
  /** Where a server listens; 0 for the generator that needs none. */
  readonly port: number
  readonly form: "ordinary" | "one statement"
  readonly concurrency: number
  readonly seconds: number
}

export interface Outcome {
  readonly successCount: number
  readonly failureCount: number
  readonly firstFailure: string | null
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Sends one step and answers what went wrong with it, or null when the change was made. */
export type Send = (step: Step) => Promise<string | null>

export interface Senders {
  readonly sends: ReadonlyArray<Send>
  readonly close: () => Promise<void>
}

export const takeJobs = (connect: (job: Job) => Promise<Senders>): void => {
  const [from = 0, to = 0] = process.argv.slice(2).map(Number)
  const walk = new Walk({ from, to } satisfies Range)
  process.on("message", (job: Job) => {
    run(walk, job, connect).then((outcome) => process.send?.(outcome))
  })
  process.on("disconnect", () => process.exit(0))
}

const run = async (walk: Walk, job: Job, connect: (job: Job) => Promise<Senders>): Promise<Outcome> => {
  const { sends, close } = await connect(job)
  const latenciesMs: Array<number> = []
  const failures: Array<string> = []
  const startMs = performance.now()
  const endMs = startMs + job.seconds * 1e3

  const work = async (send: Send, worker: number) => {
    for (let nowMs = startMs; nowMs < endMs; ) {
      const step = walk.next(worker, sends.length)
      const sentMs = performance.now()
      const failure = await send(step)
      nowMs = performance.now()
      if (failure === null) {
        latenciesMs.push(nowMs - sentMs)
        walk.succeeded(step)
      } else {
        failures.push(failure)
        walk.failed(step)
        if (failures.length > FAILURES_MAX) return
      }
    }
  }

  await Promise.all(sends.map(work))
  const seconds = (performance.now() - startMs) / 1e3
  await close()
  latenciesMs.sort((a, b) => a - b)
  return {
    successCount: latenciesMs.length,
    failureCount: failures.length,
    firstFailure: failures[0] ?? null,
    seconds,
    p50Ms: latenciesMs[Math.floor(latenciesMs.length * 0.5)] ?? 0,
    p99Ms: latenciesMs[Math.floor(latenciesMs.length * 0.99)] ?? 0,
  }
}

/** A cell with a failure is void: there is no point in going on for long. */
const FAILURES_MAX = 100
