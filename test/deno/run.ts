/**
 * Starts the same src/main.ts under Deno and drives the webhook: the happy path, the repeat, and the 401. Run by
 * `npm run test:deno`; ends with a line that says how many checks passed.
 */

import { deepStrictEqual, strictEqual } from "node:assert/strict"
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

const START_TIMEOUT_MS = 30_000

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

const dataDir = mkdtempSync(join(tmpdir(), "cvety-deno-"))
const url = `http://127.0.0.1:${await freePort()}`
const deno = spawn("deno", ["run", "-A", "--no-check", "src/main.ts"], {
  env: { ...process.env, DATA_DIR: dataDir, PORT: new URL(url).port, SHUTDOWN_LAME_DUCK_MS: "0" },
  stdio: ["ignore", "inherit", "inherit"],
})
const exited = new Promise<number | null>((resolve) => deno.once("exit", resolve))

const isReady = async (): Promise<boolean> => {
  try {
    return (await fetch(`${url}/ready`)).status === 200
  } catch {
    return false
  }
}

const post = async (secret: string) => {
  const response = await fetch(`${url}/api/v1/webhooks/order-status-sync`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-webhook-secret": secret },
    body: JSON.stringify({ order_id: 123456, status: "AP", changed_by_id: 42, notes: "Принят флорист" }),
  })
  return { status: response.status, body: await response.json() }
}

const checks: ReadonlyArray<readonly [title: string, check: () => Promise<void>]> = [
  [
    "becomes ready",
    async () => {
      const deadline = Date.now() + START_TIMEOUT_MS
      while (!(await isReady())) {
        if (Date.now() > deadline || deno.exitCode !== null) throw new Error("it did not become ready")
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    },
  ],
  [
    "applies a change of status",
    async () => {
      const { status, body } = await post(readFileSync(join(dataDir, "webhook-secret"), "utf8"))
      strictEqual(status, 200)
      deepStrictEqual(body, {
        status: "success",
        order_id: 789,
        railway_order_id: 789,
        bitrix_order_id: 123456,
        old_status: "new",
        new_status: "accepted",
        history_recorded: true,
      })
    },
  ],
  [
    "skips the repeat",
    async () => {
      const { body } = await post(readFileSync(join(dataDir, "webhook-secret"), "utf8"))
      deepStrictEqual(body, {
        status: "skipped",
        reason: "Status unchanged",
        bitrix_order_id: 123456,
        current_status: "accepted",
      })
    },
  ],
  [
    "refuses a wrong secret",
    async () => {
      const { status, body } = await post("wrong")
      strictEqual(status, 401)
      deepStrictEqual(body, { detail: "Invalid webhook secret" })
    },
  ],
  [
    "stops on SIGTERM with success",
    async () => {
      deno.kill("SIGTERM")
      strictEqual(await exited, 0)
    },
  ],
]

let failed = 0
for (const [title, check] of checks) {
  try {
    await check()
    console.log(`ok    Deno ${title}`)
  } catch (error) {
    failed += 1
    console.log(`FAIL  Deno ${title}\n${error instanceof Error ? error.message : String(error)}`)
  }
}
if (deno.exitCode === null) deno.kill("SIGKILL")
await exited
rmSync(dataDir, { recursive: true, force: true })
console.log(`${checks.length - failed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
