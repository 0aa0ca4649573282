/** What a bucket answers when it does not do what it was asked. */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { HttpClientResponse } from "effect/http/HttpClientResponse"
import * as Stream from "effect/Stream"

const REFUSAL_BYTES_MAX = 65_536

export class AttemptFailed extends Data.TaggedError("AttemptFailed")<{
  /** For the log: a status and the code of the store, never what was sent. */
  readonly reason: string
  /** Whether another attempt may succeed. */
  readonly isTransient: boolean
  readonly retryAfterMs: number
}> {
  static readonly because = (reason: string, isTransient = true) =>
    new AttemptFailed({ reason, isTransient, retryAfterMs: 0 })
}

export const refusalOf = Effect.fnUntraced(function* (response: HttpClientResponse) {
  const text = yield* Effect.catch(textOf(response, REFUSAL_BYTES_MAX), () => Effect.succeed(""))
  const code = /<Code>(\w{1,60})<\/Code>/.exec(text)?.[1]
  return yield* new AttemptFailed({
    reason: [response.status, code].filter(Boolean).join(" "),
    isTransient: response.status === 429 || response.status >= 500,
    retryAfterMs: retryAfterMs(response.headers["retry-after"], yield* Clock.currentTimeMillis),
  })
})

/** In seconds or as a date. */
const retryAfterMs = (header: string | undefined, nowMs: number): number => {
  if (header === undefined) return 0
  const ms = /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - nowMs
  return Number.isFinite(ms) ? Math.max(ms, 0) : 0
}

export const textOf = (
  response: HttpClientResponse,
  bytesMax: number,
): Effect.Effect<string, AttemptFailed> =>
  Effect.suspend(() => {
    const chunks: Array<Uint8Array> = []
    let size = 0
    return response.stream.pipe(
      Stream.mapError(() => AttemptFailed.because("the answer broke off")),
      Stream.runForEach((chunk) => {
        chunks.push(chunk)
        size += chunk.length
        return size > bytesMax
          ? Effect.fail(AttemptFailed.because("the answer is too long", false))
          : Effect.void
      }),
      Effect.map(() => Buffer.concat(chunks).toString()),
    )
  })
