/** What the identity bench measures and with what: our server, the floor, the load. */
import { randomBytes } from "node:crypto"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import { SignJWT } from "jose"
import type { Cores } from "../options.ts"
import * as Process from "../process.ts"
import type { World } from "../world.ts"
import type { ReadJob, ReadOutcome } from "./load.ts"

export interface Server {
  readonly pid: number
  readonly port: number
  readonly url: string
}

export interface Measured extends ReadOutcome {
  readonly perSecond: number
  readonly serverCpuUs: number
  readonly postgresCpuUs: number
  /** How much of its one core the server used: under 0.9 something else was what limited it. */
  readonly busy: number
  /** Cores that processes of others took meanwhile. */
  readonly taken: number
}

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const secret = randomBytes(32).toString("base64url")

/** The floor works as the owner: row security would hide the account from it, and costs it nothing this way. */
export const startBoth = (world: World, cores: Cores | null) =>
  Effect.gen(function* () {
    const ours = yield* start("../../src/main.ts", world, cores)
    const floor = yield* start("./fastify.ts", world, cores)
    const load = yield* Process.start({ file: file("./load.ts"), env: {}, cores: cores?.others ?? null })
    const ask = (server: Server, job: Omit<ReadJob, "port">) =>
      Effect.gen(function* () {
        const usedMs = () => ({
          server: Process.cpuMs(server.pid),
          postgres: Process.familyCpuMs(world.pid),
          all: Process.machineCpuMs(),
          own: [server.pid, load.pid, process.pid].reduce((sum, pid) => sum + Process.cpuMs(pid), 0),
        })
        const before = usedMs()
        const outcome = yield* Process.ask<ReadOutcome>(load, { ...job, port: server.port })
        if (outcome.failureCount > 0) throw new Error(`void: ${outcome.firstFailure}`)
        const after = usedMs()
        const serverMs = after.server - before.server
        const postgresMs = after.postgres - before.postgres
        const othersMs = after.all - before.all - (after.own - before.own) - postgresMs
        return {
          ...outcome,
          perSecond: outcome.successCount / outcome.seconds,
          serverCpuUs: (serverMs * 1e3) / outcome.successCount,
          postgresCpuUs: (postgresMs * 1e3) / outcome.successCount,
          busy: serverMs / 1e3 / outcome.seconds,
          taken: othersMs / 1e3 / outcome.seconds,
        } satisfies Measured
      })
    return { ours, floor, ask }
  })

const start = (script: string, world: World, cores: Cores | null) =>
  Effect.gen(function* () {
    const port = yield* Process.freePort
    const server = yield* Process.start({
      file: file(script),
      env: {
        NODE_ENV: "production",
        APP_ENV: "production",
        IMAGES_BASE_URL: "http://localhost:8014",
        DATABASE_URL: world.ownerUrl,
        SECRET_KEY: secret,
        WEBHOOK_SECRET: secret,
        SHUTDOWN_LAME_DUCK_MS: "0",
        PORT: String(port),
      },
      cores: cores?.measured ?? null,
    })
    const url = `http://127.0.0.1:${port}`
    yield* Process.untilAnswers(server, `${url}/health`)
    return { url, port, pid: server.pid } satisfies Server
  })

/** Sessions of the director that the world has. */
export const tokens = (count: number): Promise<ReadonlyArray<string>> =>
  Promise.all(
    Array.from({ length: count }, (_, index) =>
      new SignJWT({ user_id: 2, phone: "+70000000012", role: "DIRECTOR", shop_id: 17_008, ver: 0 })
        .setProtectedHeader({ alg: "HS256", typ: "JWT" })
        .setSubject("2")
        .setJti(`bench-${index}`)
        .setIssuedAt()
        .setExpirationTime("1 hour")
        .sign(new TextEncoder().encode(secret)),
    ),
  )
