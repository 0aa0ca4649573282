/** Who takes part in the bench of the sync: nodes of ours, floors, the simulator of Bitrix, the load. */
import { randomBytes } from "node:crypto"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import { SignJWT } from "jose"
import { SHOP_ID } from "../events.ts"
import type { Cores } from "../options.ts"
import * as Process from "../process.ts"
import type { World } from "../world.ts"
import type { Job, Outcome } from "./load.ts"

export interface Server {
  readonly pid: number
  readonly url: string
}

export interface Simulator extends Server {
  /** Below `/__fake/`. Without a body it is a question. */
  readonly control: (name: string, body?: object) => Promise<any>
}

export interface Measured {
  readonly latenciesMs: ReadonlyArray<number>
  readonly perSecond: number
  readonly serverCpuUs: number
  readonly postgresCpuUs: number
  /** How much of its one core the server used: under 0.9 something else was what limited it. */
  readonly busy: number
  /** Cores that processes of others took meanwhile. */
  readonly taken: number
}

const secret = randomBytes(32).toString("base64url")
const token = randomBytes(32).toString("base64url")
const REQUESTS_PER_SECOND_MAX = 5_000

export const webhookSecret = secret

export const startSimulator = (cores: Cores | null) =>
  Effect.gen(function* () {
    const { pid, url } = yield* start({
      file: fileURLToPath(new URL("../../test/simulators/bitrix/main.ts", import.meta.url)),
      env: { TOKEN: token, PRODUCTS: "0" },
      cores: cores?.others ?? null,
      health: "/__fake/state",
    })
    const control: Simulator["control"] = async (name, body) => {
      const response = await fetch(
        `${url}/__fake/${name}`,
        body === undefined ? {} : { method: "POST", body: JSON.stringify(body) },
      )
      const answer = await response.json()
      if (response.status !== 200) throw new Error(`the simulator refuses ${name}: ${JSON.stringify(answer)}`)
      return answer
    }
    // It comes with odd goods of its own.
    yield* Effect.promise(() => control("reset", {}))
    return { pid, url, control } satisfies Simulator
  })

/** A node of ours; without a simulator there is nobody whom it tells. */
export const startNode = (
  databaseUrl: string,
  simulator: Simulator | null,
  cores: string | null,
  /** Whether it walks through Bitrix's list, as it does every minute by default. */
  { walks }: { readonly walks: boolean } = { walks: true },
) =>
  start({
    file: fileURLToPath(new URL("../../src/main.ts", import.meta.url)),
    env: {
      NODE_ENV: "production",
      APP_ENV: "production",
      IMAGES_BASE_URL: "http://localhost:8014",
      DATABASE_URL: databaseUrl,
      SECRET_KEY: secret,
      WEBHOOK_SECRET: secret,
      SHUTDOWN_LAME_DUCK_MS: "0",
      ...(walks ? {} : { BITRIX_RECONCILE_PAUSE_SECONDS: "0" }),
      ...(simulator === null
        ? {}
        : {
            BITRIX_BASE_URL: `${simulator.url}/api/v2`,
            BITRIX_TOKEN: token,
            BITRIX_REQUESTS_PER_SECOND_MAX: String(REQUESTS_PER_SECOND_MAX),
          }),
    },
    cores,
  })

export const startFloor = (world: World, hasRowSecurity: boolean, cores: Cores | null) =>
  start({
    file: fileURLToPath(new URL("./fastify.ts", import.meta.url)),
    env: {
      NODE_ENV: "production",
      DATABASE_URL: hasRowSecurity ? world.appUrl : world.ownerUrl,
      ROW_SECURITY: String(hasRowSecurity),
    },
    cores: cores?.measured ?? null,
  })

const start = (options: Process.StartOptions & { readonly health?: string }) =>
  Effect.gen(function* () {
    const port = yield* Process.freePort
    const server = yield* Process.start({ ...options, env: { ...options.env, PORT: String(port) } })
    const url = `http://127.0.0.1:${port}`
    yield* Process.untilAnswers(server, `${url}${options.health ?? "/health"}`)
    return { pid: server.pid, url } satisfies Server
  })

export const startLoad = (world: World, cores: Cores | null) =>
  Effect.map(
    Process.start({
      file: fileURLToPath(new URL("./load.ts", import.meta.url)),
      env: {},
      cores: cores?.others ?? null,
    }),
    (load) =>
      Effect.fnUntraced(function* (server: Server, job: Omit<Job, "url">) {
        const usedMs = () => {
          const serverMs = Process.cpuMs(server.pid)
          const postgresMs = Process.familyCpuMs(world.pid)
          const ownMs = serverMs + postgresMs + Process.cpuMs(load.pid) + Process.cpuMs(process.pid)
          return { serverMs, postgresMs, othersMs: Process.machineCpuMs() - ownMs }
        }
        const before = usedMs()
        const { latenciesMs, seconds, failureCount, firstFailure } = yield* Process.ask<Outcome>(load, {
          ...job,
          url: server.url,
        })
        const after = usedMs()
        if (failureCount > 0) throw new Error(`void: ${failureCount} failed, the first: ${firstFailure}`)
        const { length: count } = latenciesMs
        return {
          latenciesMs,
          perSecond: count / seconds,
          serverCpuUs: ((after.serverMs - before.serverMs) * 1e3) / count,
          postgresCpuUs: ((after.postgresMs - before.postgresMs) * 1e3) / count,
          busy: (after.serverMs - before.serverMs) / 1e3 / seconds,
          taken: (after.othersMs - before.othersMs) / 1e3 / seconds,
        } satisfies Measured
      }),
  )
export type Load = Effect.Success<ReturnType<typeof startLoad>>

/** Of the director that the world has. */
export const directorToken = Effect.promise(() =>
  new SignJWT({ user_id: 2, phone: "+70000000012", role: "DIRECTOR", shop_id: SHOP_ID, ver: 0 })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject("2")
    .setJti("bench")
    .setIssuedAt()
    .setExpirationTime("2 hours")
    .sign(new TextEncoder().encode(secret)),
)
