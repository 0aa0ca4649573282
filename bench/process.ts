/** Processes of the bench: started on their cores, asked over IPC, read in /proc, ended with their scope. */
import type { ChildProcess } from "node:child_process"
import { spawn, spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { createServer } from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

const STOP_WITHIN_MS = 10_000
const ANSWER_WITHIN_MS = 30_000

export interface StartOptions {
  readonly file: string
  readonly args?: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
  /** Where it may run, as `taskset` reads it; anywhere when null. */
  readonly cores: string | null
}

export interface Running {
  readonly pid: number
  readonly child: ChildProcess
}

/** The service is measured with the flags that `npm start` gives it. */
const startFlags = (
  JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    readonly scripts: { readonly start: string }
  }
).scripts.start
  .split(" ")
  .filter((word) => word.startsWith("--"))

/** Its log goes to a pipe that is drained, as a container's does; its complaints go to our stderr. */
export const start = (options: StartOptions): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const node = [
        process.execPath,
        "--disable-warning=ExperimentalWarning",
        ...(options.file.endsWith("/src/main.ts") ? startFlags : []),
        options.file,
        ...(options.args ?? []),
      ]
      const [command = "", ...args] =
        options.cores === null ? node : ["taskset", "-c", options.cores, ...node]
      const child = spawn(command, args, {
        env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...options.env },
        stdio: ["ignore", "pipe", "inherit", "ipc"],
      })
      child.stdout?.resume()
      return { pid: child.pid ?? 0, child }
    }),
    ({ child }) => Effect.promise(() => stop(child)),
  )

const stop = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_WITHIN_MS)
    child.once("exit", () => {
      clearTimeout(timer)
      resolve()
    })
    child.kill("SIGTERM")
  })

/** Sends a message and takes the next one that comes back. */
export const ask = <A>({ child }: Running, message: object): Effect.Effect<A> =>
  Effect.callback<A>((resume) => {
    const onMessage = (answer: unknown) => {
      child.off("exit", onExit)
      resume(Effect.succeed(answer as A))
    }
    const onExit = (code: number | null) => {
      child.off("message", onMessage)
      resume(Effect.die(new Error(`a process of the bench ended with ${code}`)))
    }
    child.once("message", onMessage)
    child.once("exit", onExit)
    child.send(message)
  })

/** The time from now to the first 200 of a URL, in ms. */
export const untilAnswers = ({ child }: Running, url: string): Effect.Effect<number> =>
  Effect.promise(async () => {
    const startMs = performance.now()
    while (performance.now() - startMs < ANSWER_WITHIN_MS) {
      if (child.exitCode !== null) throw new Error(`${url} ended with ${child.exitCode} before it answered`)
      const response = await fetch(url).catch(() => undefined)
      await response?.text()
      if (response?.status === 200) return performance.now() - startMs
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    throw new Error(`${url} does not answer`)
  })
const POLL_MS = 10

export const freePort = Effect.promise(
  () =>
    new Promise<number>((resolve) => {
      const server = createServer().listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        server.close(() => resolve(port))
      })
    }),
)

/** Moves processes that run already, with all their threads. */
export const pin = (pids: ReadonlyArray<number>, cores: string): void => {
  for (const pid of pids) spawnSync("taskset", ["-acp", cores, String(pid)])
}

/** A process and its children. */
export const family = (pid: number): ReadonlyArray<number> => [
  pid,
  ...readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && statOf(Number(name))?.parent === pid)
    .map(Number),
]

/** User and system time so far, in ms; of a family, what its dead have used as well. */
export const cpuMs = (pid: number): number => statOf(pid)?.cpuMs ?? 0

export const familyCpuMs = (pid: number): number =>
  family(pid).reduce((sum, member) => sum + cpuMs(member), statOf(pid)?.deadChildrenCpuMs ?? 0)

/** What all processes of the machine have used so far, in ms of one core. */
export const machineCpuMs = (): number => {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = readFileSync(
    "/proc/stat",
    "utf8",
  )
    .slice("cpu ".length, 200)
    .trim()
    .split(/\s+/)
    .map(Number)
  return (user + nice + system + irq + softirq + steal) * TICK_MS
}

export const residentMiB = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024

const TICK_MS = 10

const statOf = (pid: number) => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8")
    // The second field is the name in brackets and may hold anything.
    const fields = text
      .slice(text.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number)
    const ticks = (index: number) => (fields[index] ?? 0) * TICK_MS
    return {
      parent: fields[1] ?? 0,
      cpuMs: ticks(11) + ticks(12),
      deadChildrenCpuMs: ticks(13) + ticks(14),
    }
  } catch {
    return undefined
  }
}
