/** The two sides of the demo: the service as a process of its own, spoken to over HTTP, and the simulator of Bitrix. */
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import * as fs from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { ORDER_SHOP_ID, shops } from "../../src/demo/DemoSeed.ts"
import type { BitrixSimulator } from "../../test/simulators/bitrix/BitrixSimulator.ts"
import { startBitrix } from "../../test/simulators/bitrix/BitrixSimulator.ts"
import type { Timeline } from "./Timeline.ts"

/** Of the seed of the service, which begins with it. */
export const ROSA = 668_826
/** Goods that only Bitrix has at the beginning. */
export const GOODS = [101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111] as const

const WALK_PAUSE_SECONDS = 1
const WITHIN_MS = 12_000
const POLL_MS = 20
const STOP_WITHIN_MS = 10_000

export interface Answer {
  readonly status: number
  readonly body: any
  readonly tookMs: number
}

export interface Stage {
  readonly bitrix: BitrixSimulator
  readonly timeline: Timeline
  readonly ask: (method: string, path: string, body?: object) => Promise<Answer>
  /** The product as the people of the shop see it. */
  readonly here: (id: number) => Promise<any>
  /** An edit by the director; says what was answered. */
  readonly edit: (id: number, change: object) => Promise<Answer>
  readonly until: (what: string, isTrue: () => boolean | Promise<boolean>) => Promise<void>
  /** What the service logged as wrong, newest last. */
  readonly complaints: () => ReadonlyArray<string>
  readonly counters: () => Promise<ReadonlyArray<ReadonlyArray<string>>>
  readonly close: () => Promise<void>
}

export const open = async (timeline: Timeline): Promise<Stage> => {
  const token = randomBytes(32).toString("base64url")
  const secret = randomBytes(32).toString("base64url")
  const dataDir = await fs.mkdtemp(join(tmpdir(), "cvety-demo-"))
  const bitrix = await startBitrix({ token })
  bitrix.seed([
    { id: ROSA, title: "Букет Rosa Deluxe", price: "12 000 ₸", image: null, type: "catalog" },
    ...GOODS.map((id) => ({ id, title: `Букет № ${id}`, price: "7 500 ₸", type: "catalog" as const })),
  ])
  const service = await startService({
    DATA_DIR: dataDir,
    WEBHOOK_SECRET: secret,
    SECRET_KEY: randomBytes(32).toString("base64url"),
    BITRIX_BASE_URL: bitrix.url,
    BITRIX_TOKEN: token,
    BITRIX_RECONCILE_PAUSE_SECONDS: String(WALK_PAUSE_SECONDS),
  }).catch(async (error) => {
    await bitrix.close()
    await removeFolder(dataDir)
    throw error
  })
  bitrix.webhooks.target = { url: `${service.url}/api/v1/webhooks`, secret }
  timeline.say("here", `listens on ${service.url}`)
  timeline.say("Bitrix", `listens on ${bitrix.url} and has ${bitrix.products.size} products`)

  const credential = await logIn(service.url, dataDir)
  let editCount = 0
  const ask = (method: string, path: string, body?: object) =>
    exchange(`${service.url}/api/v1${path}`, method, credential, body)
  return {
    bitrix,
    timeline,
    ask,
    here: async (id) => {
      const { body } = await ask("GET", "/products/admin")
      return body.find((product: { readonly id: number }) => product.id === id)
    },
    edit: async (id, change) => {
      editCount += 1
      const answer = await ask("PUT", `/products/${id}`, change)
      if (answer.status !== 200)
        throw new Error(`an edit was answered ${answer.status}: ${JSON.stringify(answer.body)}`)
      return answer
    },
    until: async (what, isTrue) => {
      const endMs = performance.now() + WITHIN_MS
      while (!(await isTrue())) {
        if (performance.now() > endMs) throw new Error(`${what}: not within ${WITHIN_MS / 1e3} s`)
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      }
    },
    complaints: () => service.lines.filter((line) => /"level":"(ERROR|WARN|FATAL)"/i.test(line)),
    counters: async () => {
      const { body } = await ask("GET", "/sync/status")
      const { webhooks, writes } = bitrix
      return [
        ["edits here", String(editCount)],
        ["writes that Bitrix took", String(writes.length)],
        ["events that Bitrix delivered", String(webhooks.delivered)],
        ["events that were lost", String(webhooks.lost)],
        ["differences that the last walk found", String(body.from_bitrix.reconciliation.last_differences)],
        ["conflicts open", String(body.conflicts_open)],
        ["pending", String(body.to_bitrix.pending)],
        ["parked", String(body.to_bitrix.parked)],
      ]
    },
    close: async () => {
      await service.stop()
      await bitrix.close()
      await removeFolder(dataDir)
    },
  }
}

const removeFolder = (path: string) => fs.rm(path, { recursive: true, force: true, maxRetries: 5 })

const exchange = async (url: string, method: string, credential: string, body?: object): Promise<Answer> => {
  const startMs = performance.now()
  const response = await fetch(url, {
    method,
    headers: {
      ...(credential === "" ? {} : { authorization: `Bearer ${credential}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: await response.json(), tookMs: performance.now() - startMs }
}

const logIn = async (url: string, dataDir: string): Promise<string> => {
  const director = shops.find(({ id }) => id === ORDER_SHOP_ID)?.director
  const password = (await fs.readFile(join(dataDir, "demo-password"), "utf8")).trim()
  const credentials = { phone: director?.phone, password }
  const { status, body } = await exchange(`${url}/api/v1/auth/login`, "POST", "", credentials)
  if (status !== 200) throw new Error(`the director cannot log in: ${JSON.stringify(body)}`)
  return body.access_token
}

const startService = async (env: Readonly<Record<string, string>>) => {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", MAIN], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"],
      HOME: process.env["HOME"],
      PORT: "0",
      SHUTDOWN_LAME_DUCK_MS: "0",
      ...env,
    },
  })
  // Whatever ends the demo ends the service too.
  process.once("exit", () => child.kill("SIGKILL"))
  const lines: Array<string> = []
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  const listening = new Promise<string>((resolve) => {
    const take = (line: string) => {
      lines.push(line)
      if (line.includes('"event":"listening"')) resolve(JSON.parse(line).url)
    }
    createInterface(child.stdout).on("line", take)
    createInterface(child.stderr).on("line", take)
  })
  const url = await Promise.race([listening, ended])
  if (url === undefined) throw new Error(`the service did not start:\n${lines.join("\n")}`)
  return {
    url,
    lines: lines as ReadonlyArray<string>,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_WITHIN_MS)
      child.kill("SIGTERM")
      await ended
      clearTimeout(timer)
    },
  }
}

const MAIN = join(import.meta.dirname, "../../src/main.ts")
