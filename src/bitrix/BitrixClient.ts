/**
 * The one door to Bitrix's API: bearer token, no redirects, bounded time and size, one circuit for writing and one for
 * reading per shop, because its writes have been known to hang while reads went on.
 *
 * A push is one attempt: whoever holds the fact tries again. A read is tried READ_ATTEMPTS_MAX times.
 *
 *   2xx, success in the body        delivered
 *   401, 403                        refused "Invalid API token"; counts against the circuit, so the rest waits
 *   404 and other 4xx of the API    refused with its reason; the API is well
 *   429, 503                        failed; counts against the circuit, which stays open as long as it asks for
 *   5xx or failure in the body      failed, by a verdict of the API: counts against the fact and not the circuit, so
 *                                   that one poisoned product is not taken for an outage; so many different products
 *                                   in a row are one
 *   no answer, no JSON, a page of a proxy, a redirect   failed; counts against the circuit
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { Delivered } from "../platform/OutboxOutcome.ts"
import { retryAfterMs } from "../platform/RetryAfter.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { BitrixApi } from "./BitrixConnection.ts"
import type { ProductPage } from "./BitrixWire.ts"
import { readPage, readVerdict } from "./BitrixWire.ts"
import type { ProductParcel } from "./ProductParcel.ts"

const PUSH_TIMEOUT_MS = 30_000
const READ_TIMEOUT_MS = 30_000
const READ_ATTEMPTS_MAX = 3
const CONNECTIONS_MAX = 32
const CONNECT_TIMEOUT_MS = 5_000
const KEEP_ALIVE_TIMEOUT_MS = 30_000
const ANSWER_BYTES_MAX = 4 * 1_048_576
/** Failures in a row that open a circuit. */
const FAILURES_MAX = 5
const OPEN_MS_MAX = 60_000

export class BitrixUnavailable extends Schema.TaggedError<BitrixUnavailable>()("BitrixUnavailable", {
  message: Schema.String,
}) {}

export interface Circuit {
  readonly state: "closed" | "open" | "half_open"
  /** Until it is tried again; 0 when it may be now. */
  readonly waitMs: number
}

export class BitrixClient extends Context.Service<
  BitrixClient,
  {
    readonly push: (shopId: ShopId, api: BitrixApi, parcel: ProductParcel) => Effect.Effect<Delivered>
    readonly listProducts: (
      shopId: ShopId,
      api: BitrixApi,
      page: { readonly offset: number; readonly limit: number },
    ) => Effect.Effect<ProductPage, BitrixUnavailable>
    /** The product as it is listed, if it is. */
    readonly findProduct: (
      shopId: ShopId,
      api: BitrixApi,
      id: number,
    ) => Effect.Effect<Readonly<Record<string, unknown>> | undefined, BitrixUnavailable>
    readonly circuit: (shopId: ShopId, of: "push" | "read") => Effect.Effect<Circuit>
  }
>()("cvety/bitrix/BitrixClient") {
  static readonly layerNoDeps = Layer.effect(
    BitrixClient,
    Effect.gen(function* () {
      const http = yield* HttpClient.HttpClient
      const breaker = yield* CircuitBreaker.make({
        tripPolicy: CircuitBreaker.consecutive(FAILURES_MAX),
        openDuration: Schedule.min([Schedule.exponential("1 second"), Schedule.spaced(OPEN_MS_MAX)]),
      })
      const ask = makeAsk(http)
      const circuit = makeCircuit(breaker)
      const read = makeRead(ask, breaker)
      return {
        push: makePush(ask, breaker, circuit),
        listProducts: (shopId, api, { offset, limit }) =>
          read(shopId, api, `limit=${limit}&offset=${offset}`),
        findProduct: (shopId, api, id) =>
          Effect.flatMap(read(shopId, api, `id=${id}&limit=1`), ({ data }) => {
            const found = data.find((item) => String(item["id"]) === String(id))
            return found === undefined && data.length > 0
              ? Effect.fail(new BitrixUnavailable({ message: "Bitrix answers about another product" }))
              : Effect.succeed(found)
          }),
        circuit,
      }
    }),
  )

  static readonly layer = BitrixClient.layerNoDeps.pipe(
    Layer.provide([
      NodeHttpClient.layerUndiciOptions({
        connections: CONNECTIONS_MAX,
        connect: { timeout: CONNECT_TIMEOUT_MS },
        keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
        headersTimeout: PUSH_TIMEOUT_MS,
        bodyTimeout: PUSH_TIMEOUT_MS,
        maxResponseSize: ANSWER_BYTES_MAX,
        allowH2: false,
      }),
      CircuitBreaker.layerStoreMemory(),
    ]),
  )
}

type Breaker = CircuitBreaker.CircuitBreaker
type Ask = ReturnType<typeof makeAsk>

const makeAsk =
  (http: HttpClient.HttpClient) =>
  (request: HttpClientRequest.HttpClientRequest, api: BitrixApi, timeoutMs: number) =>
    http.execute(HttpClientRequest.bearerToken(request, Redacted.value(api.token))).pipe(
      Effect.flatMap((response) =>
        Effect.map(
          response.text,
          (body): Answer => ({ status: response.status, headers: response.headers, body }),
        ),
      ),
      Effect.provideService(HttpClient.TracerDisabledWhen, () => true),
      Effect.timeoutOrElse({
        duration: timeoutMs,
        orElse: () => Effect.fail(new BitrixUnavailable({ message: "Request timeout" })),
      }),
      Effect.catchTag("HttpClientError", ({ reason }) =>
        Effect.fail(new BitrixUnavailable({ message: transportFault[reason._tag] ?? "No answer" })),
      ),
    )

const makeCircuit =
  (breaker: Breaker): BitrixClient["Service"]["circuit"] =>
  (shopId, of) =>
    breaker.state(`${of} ${shopId}`).pipe(
      Effect.map((state): Circuit => {
        switch (state._tag) {
          case "Closed":
            return { state: "closed", waitMs: 0 }
          case "Open": {
            const waitMs = Duration.toMillis(state.retryAfter)
            return { state: waitMs > 0 ? "open" : "half_open", waitMs }
          }
          case "HalfOpen":
            return { state: "half_open", waitMs: state.probing ? PROBE_MS : 0 }
        }
      }),
      Effect.orDie,
    )

const makePush = (
  ask: Ask,
  breaker: Breaker,
  circuit: BitrixClient["Service"]["circuit"],
): BitrixClient["Service"]["push"] => {
  const attemptPush = Effect.fnUntraced(function* (api: BitrixApi, parcel: ProductParcel) {
    const url = `${api.baseUrl}/${api.updatePath.replace("{id}", String(parcel.id))}`
    const request = HttpClientRequest.bodyText(
      HttpClientRequest.put(url),
      JSON.stringify(parcel),
      "application/json",
    )
    const answer = yield* ask(request, api, PUSH_TIMEOUT_MS)
    return toAttempt(answer, yield* Clock.currentTimeMillis)
  })
  const judged = makeJudge()
  return Effect.fnUntraced(function* (shopId, api, parcel) {
    const { delivered, health } = yield* attemptPush(api, parcel).pipe(
      Effect.catchTag("BitrixUnavailable", ({ message }) => Effect.succeed(ill(failed(message)))),
      Effect.map((attempt) => judged(shopId, parcel.id, attempt)),
      breaker.execute({
        key: `push ${shopId}`,
        classify: (exit) => (exit._tag === "Success" ? toOutcome(exit.value) : CircuitBreaker.failure()),
      }),
      Effect.catchTag("CircuitBreakerError", () =>
        Effect.succeed<Attempt>({ delivered: { kind: "released" }, health: "unclear" }),
      ),
    )
    if (delivered.kind !== "failed" || health !== "ill") return delivered
    const { state } = yield* circuit(shopId, "push")
    return { ...delivered, isOutage: delivered.isOutage || state !== "closed" }
  })
}

/** So many different products that are refused in a row are an outage. */
const makeJudge = () => {
  const refusedInARow = new Map<ShopId, Set<number>>()
  return (shopId: ShopId, productId: number, attempt: Attempt): Attempt => {
    if (attempt.health !== "unclear") {
      refusedInARow.delete(shopId)
      return attempt
    }
    const products = (refusedInARow.get(shopId) ?? new Set()).add(productId)
    refusedInARow.set(shopId, products)
    return products.size < FAILURES_MAX ? attempt : ill(attempt.delivered)
  }
}

const makeRead = (ask: Ask, breaker: Breaker) =>
  Effect.fnUntraced(function* (shopId: ShopId, api: BitrixApi, query: string) {
    const request = HttpClientRequest.get(`${api.baseUrl}/products/?${query}`)
    return yield* ask(request, api, READ_TIMEOUT_MS).pipe(
      Effect.flatMap(({ status, body }) => {
        const page = status === 200 ? readPage(body) : undefined
        return page === undefined
          ? Effect.fail(new BitrixUnavailable({ message: `The list cannot be read (status ${status})` }))
          : Effect.succeed(page)
      }),
      Effect.retry({
        times: READ_ATTEMPTS_MAX - 1,
        schedule: Schedule.jittered(Schedule.exponential("500 millis")),
      }),
      breaker.execute({ key: `read ${shopId}` }),
      Effect.catchTag("CircuitBreakerError", () =>
        Effect.fail(new BitrixUnavailable({ message: "Bitrix is left alone for a while" })),
      ),
    )
  })

/** How long to wait while somebody else tries whether it is back. */
const PROBE_MS = 250

const transportFault: Readonly<Record<string, string>> = {
  TransportError: "No connection",
  DecodeError: "The answer broke off",
  EmptyBodyError: "The answer is empty",
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** How an attempt ended, and what it says of the API as a whole. */
interface Attempt {
  readonly delivered: Delivered
  readonly health: "well" | "unclear" | "ill"
}

const well = (delivered: Delivered): Attempt => ({ delivered, health: "well" })
const ill = (delivered: Delivered): Attempt => ({ delivered, health: "ill" })
const refused = (error: string): Delivered => ({ kind: "refused", error })
const failed = (error: string, retryAfterMs: number | null = null, isOutage = false): Delivered => ({
  kind: "failed",
  error,
  retryAfterMs,
  isOutage,
})

const toAttempt = ({ status, headers, body }: Answer, nowMs: number): Attempt => {
  const verdict = readVerdict(body)
  const askedMs = retryAfterMs(headers["retry-after"], nowMs)
  if (status >= 200 && status < 300 && verdict?.isOk === true) return well({ kind: "delivered" })
  if (status === 401 || status === 403) return ill(refused(`Invalid API token (${status})`))
  if (status === 429) return ill(failed("Too many requests (429)", askedMs, true))
  if (status === 503) return ill(failed(`${verdict?.error ?? "Not available"} (503)`, askedMs))
  if (verdict === undefined)
    return status === 404
      ? ill(refused("No such path (404)"))
      : ill(failed(`No answer of the API (${status})`, askedMs))
  if (status === 404) return well(refused("Product not found (404)"))
  if (status >= 400 && status < 500 && status !== 408) return well(refused(`${verdict.error} (${status})`))
  return { delivered: failed(`${verdict.error} (${status})`, askedMs), health: "unclear" }
}

const toOutcome = ({ delivered, health }: Attempt): CircuitBreaker.Outcome => {
  if (health === "well") return CircuitBreaker.success
  if (health === "unclear") return CircuitBreaker.ignored
  const askedMs = delivered.kind === "failed" ? delivered.retryAfterMs : null
  return CircuitBreaker.failure(askedMs === null ? undefined : { retryAfter: askedMs })
}
