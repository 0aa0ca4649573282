import { spawn } from "node:child_process"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { COMPILE_CACHE } from "../support/CompileCache.ts"

const TIMEOUT_MS = 90_000
const SCENES = 9

describe("npm run demo", () => {
  it(
    "plays every way that goods take, and all of it is as it should be",
    async () => {
      const { code, text } = await play()
      assert.strictEqual(code, 0, text)
      assert.strictEqual(text.match(/as it should be/g)?.length, SCENES, text)
      assert.match(text, /Both sides are the same\. \d+\.\d s in all\./)
      assert.notInclude(text, "\u001B", "colours are for terminals")
    },
    TIMEOUT_MS,
  )
})

const play = (): Promise<{ readonly code: number | null; readonly text: string }> =>
  new Promise((resolve) => {
    const child = spawn(node, ["--disable-warning=ExperimentalWarning", demo], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...COMPILE_CACHE },
    })
    let text = ""
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (text += String(chunk)))
    child.once("close", (code) => resolve({ code, text }))
  })

// The runtime that package.json pins: `node` on the PATH may be one that cannot run TypeScript.
const node = join(dirname(createRequire(import.meta.url).resolve("node/package.json")), "bin", "node")
const demo = join(import.meta.dirname, "../../scripts/demo.ts")
