/** A request that has been read whole, and the answer that a handler makes of it. */
import type { IncomingHttpHeaders } from "node:http"

export interface Exchange {
  readonly method: string
  /** Below the base path, without a slash at the end. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface Answer {
  readonly status: number
  readonly body: string | Buffer
  readonly headers: Readonly<Record<string, string>>
}

export type Handler = (exchange: Exchange, ...ids: ReadonlyArray<string>) => Answer | Promise<Answer>

const JSON_HEADERS = { "content-type": "application/json; charset=utf-8" }
const HTML_HEADERS = { "content-type": "text/html; charset=utf-8" }

export const json = (status: number, value: unknown): Answer => ({
  status,
  body: JSON.stringify(value),
  headers: JSON_HEADERS,
})

export const html = (status: number): Answer => ({
  status,
  body: `<!DOCTYPE html><html><head><title>${status}</title></head><body><center><h1>${status}</h1></center><hr><center>nginx</center></body></html>`,
  headers: HTML_HEADERS,
})

export const empty = (status: number): Answer => ({ status, body: "", headers: {} })

/** The form of the newer endpoints. */
export const errorA = (status: number, code: string, message: string): Answer =>
  json(status, { success: false, error: { code, message } })

/** The form of the older write endpoints. */
export const errorB = (status: number, error: string, timestamp: number): Answer =>
  json(status, { status: false, error, timestamp })

export const success = (data: unknown): Answer => json(200, { success: true, data })

export const page = <A>(
  all: ReadonlyArray<A>,
  query: URLSearchParams,
  pageMax: number,
  item: (a: A) => unknown,
) => {
  const limit = Math.min(pageMax, Math.max(1, whole(query.get("limit")) ?? PAGE_DEFAULT))
  const offset = Math.max(0, whole(query.get("offset")) ?? 0)
  return json(200, {
    success: true,
    data: all.slice(offset, offset + limit).map(item),
    pagination: { total: all.length, limit, offset, hasMore: offset + limit < all.length },
  })
}
const PAGE_DEFAULT = 20

export const whole = (text: string | null): number | undefined =>
  text !== null && /^-?\d+$/.test(text.trim()) ? Number(text) : undefined

type JsonObject = Readonly<Record<string, unknown>>

/** Undefined when the body is no JSON object. */
export const objectOf = (body: Buffer): JsonObject | undefined => {
  try {
    const value: unknown = JSON.parse(body.toString())
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as JsonObject)
      : undefined
  } catch {
    return undefined
  }
}

/** An id as PHP's `(int)` takes it from JSON or a query: a positive whole number, or none. */
export const idOf = (value: unknown): number | undefined => {
  const id = typeof value === "string" && /^\s*\d+\s*$/.test(value) ? Number(value) : value
  return typeof id === "number" && Number.isSafeInteger(id) && id > 0 ? id : undefined
}
