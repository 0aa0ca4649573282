/**
 * What the order-status webhook must do, written a second time and simply, for tests that send it anything: whether a
 * request is refused and how, and what an event does to the orders of a small world.
 */
import type { Received, Sent } from "./RawHttp.ts"
import { WEBHOOK } from "./RawHttp.ts"
import { PREVIOUS_SECRET, SECRET } from "./TestService.ts"

export const STATUS_BY_CODE: Readonly<Record<string, string>> = {
  N: "new",
  PD: "paid",
  AP: "accepted",
  CO: "assembled",
  DE: "in_delivery",
  F: "delivered",
  RF: "cancelled",
  UN: "cancelled",
}

const BODY_BYTES_MAX = 65_536
const DEPTH_MAX = 32

interface Event {
  readonly orderId: bigint
  readonly status: string
  readonly eventId: string | null
  readonly occurredMs: number | null
}

/** The status of the refusal, or the event. */
export const understand = (request: Sent): number | Event => {
  if (request.method !== "POST") return 405
  if (!request.path?.startsWith(WEBHOOK)) return 404
  const headers = request.headers ?? {}
  const secret = headers["x-webhook-secret"]
  if (secret !== SECRET && secret !== PREVIOUS_SECRET) return 401
  const type = (headers["content-type"] ?? "").trim().toLowerCase()
  if (!/^(application\/(.+\+)?json(; ?charset=utf-8)?)?$/.test(type)) return 415
  if ((headers["content-encoding"] ?? "identity") !== "identity") return 415
  const bytes = typeof request.body === "string" ? Buffer.from(request.body) : Buffer.from(request.body ?? [])
  if (bytes.length > BODY_BYTES_MAX) return 413
  return understandText(bytes)
}

const understandText = (bytes: Buffer): number | Event => {
  let text: string
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    return 400
  }
  if (deepest(text) > DEPTH_MAX) return 400
  try {
    return understandBody(JSON.parse(text))
  } catch {
    return 422
  }
}

const deepest = (text: string): number => {
  let depth = 0
  let most = 0
  for (const [token] of text.matchAll(/"(?:\\[\s\S]|[^"\\])*(?:"|$)|[[\]{}]/g)) {
    if (token === "[" || token === "{") most = Math.max(most, ++depth)
    if (token === "]" || token === "}") depth--
  }
  return most
}

const understandBody = (body: unknown): number | Event => {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return 422
  const fields = new Map(Object.entries(body))
  const orderId = whole(fields.get("order_id"))
  const status = fields.get("status")
  const eventId = fields.get("event_id") ?? null
  const occurred = fields.get("occurred_at") ?? null
  const changedBy = fields.get("changed_by_id") ?? null
  const notes = fields.get("notes") ?? null
  const occurredMs = occurred === null ? null : moment(occurred)
  const isFit =
    orderId !== undefined &&
    typeof status === "string" &&
    status.length <= 64 &&
    (eventId === null || (typeof eventId === "string" && eventId.length > 0 && eventId.length <= 200)) &&
    occurredMs !== undefined &&
    (changedBy === null || whole(changedBy) !== undefined) &&
    (notes === null || typeof notes === "string")
  return isFit ? { orderId, status, eventId: eventId as string | null, occurredMs } : 422
}

/** The sign is counted. */
const ID_CHARS_MAX = 100

const whole = (value: unknown): bigint | undefined => {
  const digits =
    typeof value === "number"
      ? Number.isInteger(value)
        ? String(BigInt(value))
        : undefined
      : typeof value === "string"
        ? /^\s*([+-]?\d+)(\.0*)?\s*$/.exec(value)?.[1]
        : undefined
  return digits === undefined || digits.length > ID_CHARS_MAX ? undefined : BigInt(digits)
}

const moment = (value: unknown): number | undefined => {
  if (typeof value !== "string") return undefined
  const ms = Date.parse(value.replace(/([+-]\d\d)(\d\d)$/, "$1:$2"))
  const year = new Date(ms).getUTCFullYear()
  return year >= 1 && year <= 9_999 ? ms : undefined
}

/** Orders by Bitrix id, and the answers given to event ids. */
export class OrderModel {
  readonly statusById = new Map<bigint, string>()
  readonly successesById = new Map<bigint, number>()
  eventsRecorded = 0
  private readonly occurredById = new Map<bigint, number>()
  private readonly answerByEventId = new Map<string, unknown>()

  constructor(ids: ReadonlyArray<number>) {
    for (const id of ids) this.statusById.set(BigInt(id), "new")
  }

  /** Throws when the answer is another than it must be. Orders' ids are their Bitrix ids. */
  check(request: Sent, received: Received): void {
    const understood = understand(request)
    const expected =
      typeof understood === "number"
        ? { status: understood, body: undefined }
        : { status: 200, body: this.answer(understood) }
    const isRight =
      received.status === expected.status &&
      (expected.body === undefined
        ? received.body?.detail !== undefined
        : JSON.stringify(received.body) === JSON.stringify(expected.body))
    if (isRight) return
    const sent = { ...request, body: Buffer.from(request.body ?? "").toString("latin1") }
    throw new Error(
      `expected ${JSON.stringify(expected)}, received ${received.status} ${received.text} for ${JSON.stringify(sent)}`,
    )
  }

  private answer(event: Event): unknown {
    const given = event.eventId === null ? undefined : this.answerByEventId.get(event.eventId)
    if (given !== undefined) return given
    const answer = this.decide(event)
    if (event.eventId !== null) this.answerByEventId.set(event.eventId, answer)
    this.eventsRecorded += 1
    return answer
  }

  private decide({ orderId, status: code, occurredMs }: Event): unknown {
    const bitrix_order_id = Number.isSafeInteger(Number(orderId)) ? Number(orderId) : String(orderId)
    const skipped = (reason: string, more: object = {}) => ({
      status: "skipped",
      reason,
      bitrix_order_id,
      ...more,
    })
    const old_status = this.statusById.get(orderId)
    if (old_status === undefined) return skipped("Order not found in Railway")
    if (!Object.hasOwn(STATUS_BY_CODE, code)) return skipped(`Unknown status: ${stored(code)}`)
    const last = this.occurredById.get(orderId)
    // A time far in the future is no time.
    const occurred = occurredMs === null || occurredMs > TOMORROW_MS ? null : occurredMs
    if (occurred !== null && last !== undefined && occurred < last) {
      return skipped("Stale event", { current_status: old_status })
    }
    if (occurred !== null) this.occurredById.set(orderId, occurred)
    const new_status = STATUS_BY_CODE[code] ?? ""
    if (new_status === old_status) return skipped("Status unchanged", { current_status: old_status })
    this.statusById.set(orderId, new_status)
    this.successesById.set(orderId, (this.successesById.get(orderId) ?? 0) + 1)
    return {
      status: "success",
      order_id: Number(orderId),
      railway_order_id: Number(orderId),
      bitrix_order_id,
      old_status,
      new_status,
      history_recorded: true,
    }
  }
}

const TOMORROW_MS = Date.now() + 86_400_000

const stored = (text: string): string => text.toWellFormed().replaceAll("\u0000", "\ufffd")
