/** A simulator for one test, and the requests that tests send it. */
import { afterEach } from "vitest"
import { type BitrixSimulator, type SimulatorOptions, startBitrix } from "./BitrixSimulator.ts"

export const TOKEN = "test-bitrix-token"

const started: Array<BitrixSimulator> = []

afterEach(async () => {
  await Promise.all(started.splice(0).map((simulator) => simulator.close()))
})

export const simulator = async (options: Partial<SimulatorOptions> = {}) => {
  const made = await startBitrix({ token: TOKEN, ...options })
  started.push(made)
  return made
}

interface Asked {
  readonly method?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

/** With the right token, redirects not followed. */
export const ask = async ({ url }: { readonly url: string }, path: string, asked: Asked = {}) => {
  const { method = "GET", body, headers = { authorization: `Bearer ${TOKEN}` }, timeoutMs } = asked
  const response = await fetch(url + path, {
    method,
    redirect: "manual",
    headers: { ...headers, ...(typeof body === "object" && { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    ...(timeoutMs === undefined ? {} : { signal: AbortSignal.timeout(timeoutMs) }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, body: parsed(text) }
}

/** Tests look into answers of any shape. */
const parsed = (text: string) => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export const put = (bitrix: { readonly url: string }, body: object, id?: number) =>
  ask(bitrix, `/products/update-from-railway${id === undefined ? "" : `/${id}`}`, { method: "PUT", body })

export const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}
