/** The service as a process of its own: `node src/main.ts` on a free port, killed when the scope closes. */
import { spawn } from "node:child_process"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { COMPILE_CACHE } from "./CompileCache.ts"
import { SECRET } from "./TestService.ts"

export const SIGNING_KEY = "test-signing-key-of-32-characters-or-more"

export interface ServiceProcess {
  readonly url: string
  readonly pid: number
  readonly send: (signal: NodeJS.Signals) => Effect.Effect<void>
  readonly exited: Effect.Effect<Exit>
  readonly isRunning: () => boolean
  /** What it wrote to stdout and stderr so far. */
  readonly lines: ReadonlyArray<string>
}

interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Answers once the service listens. It inherits nothing of the environment but what is given. */
export const start = (
  env: Readonly<Record<string, string>>,
): Effect.Effect<ServiceProcess, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => launch(env)),
    ({ send, exited }) => Effect.andThen(send("SIGKILL"), exited),
  )

const launch = async (env: Readonly<Record<string, string>>): Promise<ServiceProcess> => {
  const child = spawn(node, [main], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"] ?? "",
      ...COMPILE_CACHE,
      PORT: "0",
      SHUTDOWN_LAME_DUCK_MS: "0",
      WEBHOOK_SECRET: SECRET,
      SECRET_KEY: SIGNING_KEY,
      ...env,
    },
  })
  const lines: Array<string> = []
  const exited = new Promise<Exit>((resolve) =>
    child.once("exit", (code, signal) => resolve({ code, signal })),
  )
  const listening = new Promise<string>((resolve) => {
    const take = (line: string) => {
      lines.push(line)
      if (line.includes('"event":"listening"')) resolve(JSON.parse(line).url)
    }
    createInterface(child.stdout).on("line", take)
    createInterface(child.stderr).on("line", take)
  })
  const url = await Promise.race([listening, exited])
  if (typeof url !== "string") throw new Error(`the service did not start:\n${lines.join("\n")}`)
  return {
    url,
    pid: child.pid ?? 0,
    send: (signal) => Effect.sync(() => void child.kill(signal)),
    exited: Effect.promise(() => exited),
    isRunning: () => child.exitCode === null && child.signalCode === null,
    lines,
  }
}

// The runtime that package.json pins: `node` on the PATH may be one that cannot run TypeScript.
const node = join(dirname(createRequire(import.meta.url).resolve("node/package.json")), "bin", "node")
const main = join(import.meta.dirname, "../../src/main.ts")
