/** Requests that seem to come from an address of their own: the service under test must trust 127.0.0.1 as a proxy. */
import * as Effect from "effect/Effect"
import type { Answer } from "./TestService.ts"

export const TRUSTING = { TRUSTED_PROXIES: "127.0.0.1/32" }

let lastAddress = 0

/** An address that no other request of this test file comes from. */
export const nextAddress = (): string => {
  lastAddress += 1
  return `198.18.${Math.floor(lastAddress / 250)}.${(lastAddress % 250) + 1}`
}

/** One request from an address, and how long its answer took. */
export const ask = (
  url: string,
  method: string,
  path: string,
  options: {
    readonly token?: string | undefined
    readonly body?: unknown
    readonly from?: string
    readonly headers?: Readonly<Record<string, string>>
  } = {},
): Effect.Effect<Answer & { readonly elapsedMs: number }> =>
  Effect.promise(async () => {
    const startMs = performance.now()
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        "x-forwarded-for": options.from ?? nextAddress(),
        ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
        ...(options.body === undefined ? {} : { "content-type": "application/json" }),
        ...options.headers,
      },
      ...(options.body === undefined
        ? {}
        : { body: typeof options.body === "string" ? options.body : JSON.stringify(options.body) }),
    })
    const body = await response.json()
    return {
      status: response.status,
      headers: response.headers,
      body,
      elapsedMs: performance.now() - startMs,
    }
  })

export const logIn = (url: string, phone: string, password: string, from?: string) =>
  ask(url, "POST", "/auth/login", { body: { phone, password }, ...(from === undefined ? {} : { from }) })
