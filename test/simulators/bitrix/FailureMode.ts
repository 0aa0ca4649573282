/**
 * How a request fails, and what that looks like on the wire.
 *
 * Modes that spoil an answer (`committed_then_hang`, `reset_mid`, `slow_*`, `bad_json`, `wrong_types`, `bad_charset`)
 * let the request have its effect first. Modes that replace the answer do not, unless the rule says `commit`: that
 * plays a proxy that answers 502 for work that was done.
 */
import type { ServerResponse } from "node:http"
import { type Answer, html, json } from "./Exchange.ts"

export type FailureMode =
  /** No failure; for scripts. */
  | { readonly kind: "ok" }
  | { readonly kind: "hang" }
  | { readonly kind: "committed_then_hang" }
  | { readonly kind: "reset" }
  | { readonly kind: "reset_mid" }
  | { readonly kind: "slow_headers"; readonly ms: number }
  | { readonly kind: "slow_body"; readonly bytesPerSecond: number }
  | {
      readonly kind: "status"
      readonly status: number
      readonly body?: unknown
      /** Seconds, or an HTTP date as text. */
      readonly retryAfter?: number | string
    }
  | { readonly kind: "html"; readonly status: number }
  | { readonly kind: "empty"; readonly status?: 200 | 204 }
  | { readonly kind: "bad_json"; readonly form?: "truncated" | "bare_word" | "bom" | "trailing_comma" }
  | { readonly kind: "wrong_types"; readonly form?: "ids" | "nulls" | "arrays" }
  /** To the path with a slash, or to `location`. */
  | { readonly kind: "redirect"; readonly status?: 301 | 302 | 307 | 308; readonly location?: string }
  | { readonly kind: "redirect_loop"; readonly status?: 301 | 302 | 307 | 308 }
  | { readonly kind: "large"; readonly bytes?: number }
  | { readonly kind: "bad_charset" }
  /** 200, and the body says that it failed. */
  | { readonly kind: "failed_200"; readonly form?: "status_false" | "success_false" | "success_false_text" }

/** By what a person may call them; a mode that is missing here does not compile. */
const KINDS: Readonly<Record<FailureMode["kind"], true>> = {
  ok: true,
  hang: true,
  committed_then_hang: true,
  reset: true,
  reset_mid: true,
  slow_headers: true,
  slow_body: true,
  status: true,
  html: true,
  empty: true,
  bad_json: true,
  wrong_types: true,
  redirect: true,
  redirect_loop: true,
  large: true,
  bad_charset: true,
  failed_200: true,
}

/** From outside; throws when there is no such mode. */
export const modeOf = (value: unknown): FailureMode => {
  const kind = typeof value === "object" && value !== null && "kind" in value ? String(value.kind) : ""
  if (!Object.hasOwn(KINDS, kind)) {
    throw new Error(`mode has to be {"kind": ...}, one of ${Object.keys(KINDS).join(", ")}`)
  }
  return value as FailureMode
}

const LARGE_BYTES = 64 * 1_048_576
const CHUNK_BYTES = 65_536
const DRIP_MS = 50
const RESET_AFTER_MS = 20
export const LOOP_PATH = "/__fake/loop"

/** Answers that are never finished; closed by `release`. */
export class HungResponses {
  private readonly responses = new Set<ServerResponse>()
  private readonly closedByUs = new WeakSet<ServerResponse>()
  private readonly timers = new Set<NodeJS.Timeout>()

  add(response: ServerResponse): void {
    this.responses.add(response)
    response.on("close", () => this.responses.delete(response))
  }

  reset(response: ServerResponse): void {
    this.closedByUs.add(response)
    response.socket?.resetAndDestroy()
  }

  after(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer)
      work()
    }, ms)
    this.timers.add(timer)
  }

  get size(): number {
    return this.responses.size
  }

  release(): void {
    for (const response of this.responses) {
      this.closedByUs.add(response)
      response.destroy()
    }
    this.responses.clear()
  }

  /** Whether the connection ended by our doing, not by the client's. */
  wasClosedByUs(response: ServerResponse): boolean {
    return this.closedByUs.has(response)
  }

  close(): void {
    this.release()
    for (const timer of this.timers) clearTimeout(timer)
    this.timers.clear()
  }
}

export const send = (response: ServerResponse, { status, body, headers }: Answer): void => {
  if (response.destroyed) return
  response.writeHead(
    status,
    status === 204 ? headers : { ...headers, "content-length": Buffer.byteLength(body) },
  )
  response.end(body)
}

export const perform = async (
  mode: FailureMode,
  rawPath: string,
  response: ServerResponse,
  hung: HungResponses,
  work: () => Answer | Promise<Answer>,
): Promise<void> => {
  switch (mode.kind) {
    case "ok":
      return send(response, await work())
    case "hang":
      return hung.add(response)
    case "committed_then_hang":
      await work()
      return hung.add(response)
    case "reset":
      return hung.reset(response)
    case "reset_mid":
      return resetMid(await work(), response, hung)
    case "slow_headers":
      return hung.after(mode.ms, () => void Promise.resolve(work()).then((answer) => send(response, answer)))
    case "slow_body":
      return drip(await work(), mode.bytesPerSecond, response, hung)
    case "large":
      return pour(mode.bytes ?? LARGE_BYTES, response)
    case "bad_json":
      return send(response, badJson(await work(), mode.form))
    case "wrong_types":
      return send(response, wrongTypes(await work(), mode.form))
    case "bad_charset":
      return send(response, badCharset(await work()))
    default:
      return send(response, replacement(mode, rawPath))
  }
}

type Replacing = Extract<
  FailureMode,
  { readonly kind: "status" | "html" | "empty" | "redirect" | "redirect_loop" | "failed_200" }
>

const replacement = (mode: Replacing, rawPath: string): Answer => {
  switch (mode.kind) {
    case "status":
      return failedStatus(mode.status, mode.body, mode.retryAfter)
    case "html":
      return html(mode.status)
    case "empty":
      return { status: mode.status ?? 200, body: "", headers: {} }
    case "redirect":
      return redirect(mode.status ?? 301, mode.location ?? withSlash(rawPath))
    case "redirect_loop":
      return redirect(mode.status ?? 307, `${LOOP_PATH}/1`)
    case "failed_200":
      return json(200, FAILED[mode.form ?? "status_false"])
  }
}

const FAILED = {
  status_false: { status: false, error: "Failed to update product" },
  success_false: { success: false, error: { code: "internal_error", message: "Internal error" } },
  success_false_text: { success: false, error: "Internal error" },
}

export const redirect = (status: number, location: string): Answer => ({
  ...html(status),
  headers: { ...html(status).headers, location },
})

export const withSlash = (rawPath: string): string => {
  const [path = "", query] = rawPath.split("?")
  return `${path}/${query === undefined ? "" : `?${query}`}`
}

const failedStatus = (status: number, body: unknown, retryAfter: number | string | undefined): Answer => {
  const answer =
    typeof body === "string"
      ? { status, body, headers: { "content-type": "text/plain; charset=utf-8" } }
      : json(status, body ?? { status: false, error: `Simulated failure ${status}` })
  return retryAfter === undefined
    ? answer
    : { ...answer, headers: { ...answer.headers, "retry-after": String(retryAfter) } }
}

const resetMid = ({ status, headers, body }: Answer, response: ServerResponse, hung: HungResponses): void => {
  const bytes = Buffer.from(body)
  response.writeHead(status === 204 ? 200 : status, { ...headers, "content-length": bytes.length + 1 })
  response.flushHeaders()
  response.write(bytes.subarray(0, Math.ceil(bytes.length / 2)))
  hung.after(RESET_AFTER_MS, () => hung.reset(response))
}

const drip = (
  { status, headers, body }: Answer,
  bytesPerSecond: number,
  response: ServerResponse,
  hung: HungResponses,
): void => {
  const bytes = Buffer.from(body)
  const step = Math.max(1, Math.round((bytesPerSecond * DRIP_MS) / 1_000))
  const paceMs = Math.max(DRIP_MS, 1_000 / bytesPerSecond)
  response.writeHead(status, { ...headers, "content-length": bytes.length })
  response.flushHeaders()
  const next = (from: number) => {
    if (response.destroyed) return
    if (from >= bytes.length) return void response.end()
    response.write(bytes.subarray(from, from + step))
    hung.after(paceMs, () => next(from + step))
  }
  next(0)
}

/** A valid list whose only item has a title without end. */
const pour = (byteCount: number, response: ServerResponse): void => {
  response.writeHead(200, { "content-type": "application/json; charset=utf-8" })
  response.write('{"success":true,"status":true,"data":[{"id":1,"title":"')
  let left = byteCount
  const more = () => {
    while (left > 0 && !response.destroyed) {
      const chunk = Buffer.alloc(Math.min(left, CHUNK_BYTES), "x")
      left -= chunk.length
      if (!response.write(chunk)) return void response.once("drain", more)
    }
    response.end('"}],"pagination":{"total":1,"limit":1,"offset":0,"hasMore":false}}')
  }
  more()
}

const badJson = (answer: Answer, form: Extract<FailureMode, { kind: "bad_json" }>["form"]): Answer => ({
  ...answer,
  body: badJsonText(answer.body.toString(), form),
})

const badJsonText = (text: string, form: Extract<FailureMode, { kind: "bad_json" }>["form"]): string => {
  switch (form) {
    case "bare_word":
      return "OK"
    case "bom":
      return `\uFEFF${text}`
    case "trailing_comma":
      return text.replace(/([}\]])\s*$/, ",$1")
    default:
      return text.slice(0, Math.floor(text.length / 2))
  }
}

const wrongTypes = (answer: Answer, form: Extract<FailureMode, { kind: "wrong_types" }>["form"]): Answer => {
  if (!answer.headers["content-type"]?.startsWith("application/json")) return answer
  const spoil = form === "nulls" ? nullsIn : form === "arrays" ? arraysIn : idsIn
  return { ...answer, body: JSON.stringify(spoil(JSON.parse(answer.body.toString()))) }
}

const mapEntries = (value: unknown, change: (key: string, value: unknown) => unknown): unknown =>
  Array.isArray(value)
    ? value.map((item) => mapEntries(item, change))
    : typeof value === "object" && value !== null
      ? Object.fromEntries(
          Object.entries(value).map(([key, item]) => [key, change(key, mapEntries(item, change))]),
        )
      : value

const idsIn = (value: unknown) =>
  mapEntries(value, (key, item) => {
    if (key !== "id" && !key.endsWith("_id")) return item
    return typeof item === "number" ? String(item) : Number(item)
  })

const nullsIn = (value: unknown) => mapEntries(value, (key, item) => (REQUIRED_KEYS.has(key) ? null : item))
const REQUIRED_KEYS = new Set(["id", "title", "status", "product_id", "order_id", "isAvailable", "total"])

/** The data of a list becomes an object, every other object a list of its values. */
const arraysIn = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return [value]
  if (!("data" in value)) return Object.values(value)
  const { data } = value
  return { ...value, data: Array.isArray(data) ? { ...data } : Object.values(data ?? {}) }
}

const badCharset = (answer: Answer): Answer => {
  const bytes = Buffer.from(answer.body)
  const at = bytes.indexOf('":"') + 3
  return { ...answer, body: Buffer.concat([bytes.subarray(0, at), INVALID_UTF8, bytes.subarray(at)]) }
}
const INVALID_UTF8 = Buffer.from([0xff, 0xfe, 0xc3, 0x28])
