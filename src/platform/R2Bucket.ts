/**
 * The store as a bucket of Cloudflare R2, or of anything else that speaks the S3 API with signature version 4.
 *
 *   attempt: sign, send, look at the status            at most ATTEMPT_MS_MAX
 *     \-> 429, 5xx or no answer --> back-off with jitter, at least what Retry-After says --> attempt again
 *   FAILURES_MAX calls in a row failed --> for OPEN_MS every call fails at once, then one tries
 *
 * Every call may be repeated: a key names its content, and removing twice is removing once. The hash of the content is
 * part of the signature, so that what arrives damaged is refused. Redirections are not followed.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import * as Schedule from "effect/Schedule"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import { R2Unavailable } from "../shared/R2Unavailable.ts"
import type { R2 } from "./R2.ts"
import type { ObjectFacts, StoredObject, Unchanged } from "./R2Object.ts"
import { OBJECT_BYTES_MAX } from "./R2Object.ts"
import type { BucketSettings, Unsigned } from "./R2Request.ts"
import * as R2Request from "./R2Request.ts"
import { AttemptFailed, refusalOf, textOf } from "./R2Response.ts"
import * as R2Xml from "./R2Xml.ts"

const ATTEMPT_MS_MAX = 5_000
const PUT_ATTEMPT_MS_MAX = 20_000
/** Attempts and pauses together. */
const CALL_MS_MAX = 40_000
const RETRIES_MAX = 2
const BACK_OFF_MS = 100
/** A store that wants a longer pause is not waited for. */
const RETRY_AFTER_MS_MAX = 3_000
const FAILURES_MAX = 5
const OPEN_MS = 5_000
/** Between two pieces of a content. */
const SILENCE_MS_MAX = 5_000
const CONNECTIONS_MAX = 64
const LIST_BYTES_MAX = 4 * 1_024 * 1_024
/** What follows a status that says everything. */
const REST_BYTES_MAX = 65_536

export const connections = Layer.merge(
  NodeHttpClient.layerNodeHttpOptions({ keepAlive: true, maxSockets: CONNECTIONS_MAX }),
  CircuitBreaker.layerStoreMemory(),
)

export const open = Effect.fnUntraced(function* (settings: BucketSettings) {
  const client = HttpClient.withScope(yield* HttpClient.HttpClient)
  const breaker = yield* CircuitBreaker.make({
    tripPolicy: CircuitBreaker.consecutive(FAILURES_MAX),
    openDuration: Duration.millis(OPEN_MS),
  })

  /** The answer of the store, once it has one of the statuses; its body can be read while the scope is open. */
  const attempt = (unsigned: Unsigned, statuses: ReadonlyArray<number>) =>
    R2Request.sign(settings, unsigned).pipe(
      Effect.flatMap(client.execute),
      Effect.mapError(({ reason }) => AttemptFailed.because(reason._tag)),
      Effect.flatMap((response) =>
        statuses.includes(response.status) ? Effect.succeed(response) : refusalOf(response),
      ),
    )

  const call = <A>(one: Effect.Effect<A, AttemptFailed, Scope>, attemptMsMax = ATTEMPT_MS_MAX) =>
    one.pipe(
      Effect.timeoutOrElse({
        duration: attemptMsMax,
        orElse: () => Effect.fail(AttemptFailed.because("no answer in time")),
      }),
      Effect.tapError(({ reason }) =>
        Effect.annotateLogs(Effect.logWarning("image bucket failed an attempt"), { reason }),
      ),
      Effect.retry({
        while: ({ isTransient, retryAfterMs }) => isTransient && retryAfterMs <= RETRY_AFTER_MS_MAX,
        times: RETRIES_MAX,
        schedule: backOff,
      }),
      Effect.timeout(CALL_MS_MAX),
      breaker.execute({ key: settings.endpoint.host }),
      Effect.mapError(() => new R2Unavailable()),
      Effect.provideService(HttpClient.TracerPropagationEnabled, false),
    )
  return make(attempt, call)
})

const backOff = Schedule.exponential(Duration.millis(BACK_OFF_MS)).pipe(
  Schedule.jittered,
  Schedule.modifyDelay(({ duration, input }: { duration: Duration.Duration; input: unknown }) =>
    Effect.succeed(
      input instanceof AttemptFailed ? Duration.max(duration, Duration.millis(input.retryAfterMs)) : duration,
    ),
  ),
)

const make = (
  attempt: (
    unsigned: Unsigned,
    statuses: ReadonlyArray<number>,
  ) => Effect.Effect<HttpClientResponse, AttemptFailed, Scope>,
  call: <A>(
    one: Effect.Effect<A, AttemptFailed, Scope>,
    attemptMsMax?: number,
  ) => Effect.Effect<A, R2Unavailable, Scope>,
): R2["Service"] => {
  // An answer that is not read to its end costs its connection.
  const status = (unsigned: Unsigned, statuses: ReadonlyArray<number>) =>
    Effect.flatMap(attempt(unsigned, statuses), (response) =>
      Effect.as(textOf(response, REST_BYTES_MAX), response),
    )

  const put: R2["Service"]["put"] = Effect.fn("R2Bucket.put")(
    (key, object) => call(status({ method: "PUT", key, object }, [200, 201, 204]), PUT_ATTEMPT_MS_MAX),
    Effect.scoped,
    Effect.asVoid,
  )

  const get: R2["Service"]["get"] = Effect.fn("R2Bucket.get")((key, { ifNoneMatch } = {}) => {
    const headers = ifNoneMatch === undefined ? {} : { "if-none-match": ifNoneMatch }
    return call(Effect.flatMap(attempt({ method: "GET", key, headers }, [200, 304, 404]), openAnswer))
  })

  const head: R2["Service"]["head"] = Effect.fn("R2Bucket.head")(
    (key) =>
      call(
        Effect.flatMap(status({ method: "HEAD", key }, [200, 404]), (response) =>
          response.status === 404 ? Effect.succeed(undefined) : factsOf(response),
        ),
      ),
    Effect.scoped,
  )

  const remove: R2["Service"]["remove"] = Effect.fn("R2Bucket.remove")(
    (key) => call(status({ method: "DELETE", key }, [200, 204, 404])),
    Effect.scoped,
    Effect.asVoid,
  )

  const list: R2["Service"]["list"] = Effect.fn("R2Bucket.list")(
    ({ prefix, cursor, limit }) =>
      call(
        attempt({ method: "GET", query: listQuery(prefix, cursor, limit) }, [200]).pipe(
          Effect.flatMap((response) => textOf(response, LIST_BYTES_MAX)),
          Effect.map(R2Xml.parseList),
          Effect.filterOrFail(
            (page) => page !== undefined,
            () => AttemptFailed.because("the answer is no list", false),
          ),
        ),
      ),
    Effect.scoped,
  )

  return { put, get, head, remove, list }
}

const openAnswer = Effect.fnUntraced(function* (
  response: HttpClientResponse,
): Effect.fn.Return<StoredObject | Unchanged | undefined, AttemptFailed> {
  if (response.status === 200) {
    const facts = yield* factsOf(response)
    return { ...facts, content: contentOf(response) }
  }
  yield* textOf(response, REST_BYTES_MAX)
  return response.status === 404 ? undefined : { etag: response.headers["etag"] ?? "", isUnchanged: true }
})

const factsOf = ({ headers }: HttpClientResponse): Effect.Effect<ObjectFacts, AttemptFailed> => {
  const sizeBytes = Number(headers["content-length"] ?? Number.NaN)
  return Number.isSafeInteger(sizeBytes) && sizeBytes <= OBJECT_BYTES_MAX
    ? Effect.succeed({ sizeBytes, etag: headers["etag"] ?? "" })
    : Effect.fail(AttemptFailed.because("the object has no length, or is too long", false))
}

// Node tells of an answer that breaks off, and gives no more than was announced.
const contentOf = (response: HttpClientResponse) =>
  response.stream.pipe(
    Stream.mapError(() => new R2Unavailable()),
    Stream.timeoutOrElse({ duration: SILENCE_MS_MAX, orElse: () => Stream.fail(new R2Unavailable()) }),
  )

const listQuery = (prefix: string, cursor: string | null, limit: number) => ({
  "list-type": "2",
  "encoding-type": "url",
  "max-keys": String(limit),
  ...(prefix === "" ? {} : { prefix }),
  ...(cursor === null ? {} : { "continuation-token": cursor }),
})
