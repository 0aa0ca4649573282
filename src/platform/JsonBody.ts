/**
 * A request body as JSON, read the way the old service's callers rely on and no further.
 *
 * Accepted: `application/json`, any `+json` type, no content type at all; a UTF-8 BOM; duplicate keys (the last one
 * counts). Whole numbers that a double cannot hold come as `bigint`, so that an id is never quietly another id.
 * Refused: other media types and encodings (415), more than `BODY_BYTES_MAX` (413), bytes that are not UTF-8 or
 * nesting deeper than `DEPTH_MAX` (400), text that is not JSON (422 in list form).
 */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Schema from "effect/Schema"
import { BODY_BYTES_MAX, BodyMalformed, BodyTooLarge, MediaTypeUnsupported } from "../shared/BodyFault.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"

const DEPTH_MAX = 32

export const read = Effect.fnUntraced(function* (request: HttpServerRequest) {
  if (!isJson(request.headers["content-type"]) || !isPlain(request.headers["content-encoding"])) {
    return yield* new MediaTypeUnsupported()
  }
  if (Number(request.headers["content-length"]) > BODY_BYTES_MAX) {
    return yield* new BodyTooLarge()
  }
  const bytes = yield* request.arrayBuffer.pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(BODY_BYTES_MAX)),
    Effect.mapError(({ reason }) =>
      reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge"
        ? new BodyTooLarge()
        : new BodyMalformed(),
    ),
  )
  return yield* parse(new Uint8Array(bytes))
})

/** The body in the form of the schema; every problem is told at once. */
export const decode = <S extends Schema.Codec<unknown, unknown>>(schema: S) => {
  const decodeBody = Schema.decodeUnknownEffect(schema)
  return (request: HttpServerRequest) =>
    Effect.flatMap(read(request), (body) =>
      Effect.mapError(decodeBody(body, { errors: "all" }), (error) =>
        ValidationFailed.from("body", error, body),
      ),
    )
}

/** For endpoints whose input may come in the query instead: no body reads as an empty object. */
export const decodeOptional = <S extends Schema.Codec<unknown, unknown>>(schema: S) => {
  const decodeBody = decode(schema)
  const decodeEmpty = Effect.mapError(Schema.decodeUnknownEffect(schema)({}), (error) =>
    ValidationFailed.from("body", error, {}),
  )
  return (request: HttpServerRequest) => (isEmpty(request) ? decodeEmpty : decodeBody(request))
}

const isEmpty = ({ headers }: HttpServerRequest): boolean =>
  headers["transfer-encoding"] === undefined && Number(headers["content-length"] ?? 0) === 0

export const parse = (bytes: Uint8Array): Effect.Effect<unknown, BodyMalformed | ValidationFailed> =>
  Effect.try({
    try: () => utf8.decode(bytes),
    catch: () => new BodyMalformed({ detail: "Request body is not valid UTF-8" }),
  }).pipe(
    Effect.filterOrFail(
      (text) => !isTooDeep(text),
      () => new BodyMalformed({ detail: `Request body is nested deeper than ${DEPTH_MAX} levels` }),
    ),
    Effect.flatMap((text) =>
      Effect.try({
        try: (): unknown => (LONG_NUMBER.test(text) ? JSON.parse(text, keepWholeNumbers) : JSON.parse(text)),
        catch: (cause) =>
          ValidationFailed.json(cause instanceof Error ? withoutInput(cause.message) : "invalid"),
      }),
    ),
  )

const utf8 = new TextDecoder("utf-8", { fatal: true })

const isJson = (contentType: string | undefined): boolean => {
  if (contentType === undefined || contentType.trim() === "") return true
  const [type = "", ...parameters] = contentType.toLowerCase().split(";")
  const charset = parameters
    .map((parameter) => parameter.trim())
    .find((parameter) => parameter.startsWith("charset="))
  return (
    /^application\/(json|[\w.+-]+\+json)$/.test(type.trim()) &&
    (charset === undefined || /^charset="?utf-?8"?$/.test(charset))
  )
}

const isPlain = (contentEncoding: string | undefined): boolean =>
  contentEncoding === undefined || contentEncoding.trim().toLowerCase() === "identity"

/** Counts brackets outside strings; text that is not JSON is the parser's business. */
const isTooDeep = (text: string): boolean => {
  let depth = 0
  let isInString = false
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (isInString) {
      if (code === BACKSLASH) index++
      else if (code === QUOTE) isInString = false
    } else if (code === QUOTE) {
      isInString = true
    } else if (code === OPEN_BRACKET || code === OPEN_BRACE) {
      if (++depth > DEPTH_MAX) return true
    } else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) {
      depth--
    }
  }
  return false
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

const LONG_NUMBER = /[0-9]{16}/

// The third argument, the source text of a primitive, is newer than the type declarations.
const keepWholeNumbers = ((_key: string, value: unknown, context?: { readonly source?: string }) =>
  typeof value === "number" && !Number.isSafeInteger(value) && /^-?[0-9]+$/.test(context?.source ?? "")
    ? BigInt(context?.source ?? 0)
    : value) as (key: string, value: unknown) => unknown

// The engine quotes a piece of the text in its message; it may hold what is nobody's business.
const withoutInput = (message: string): string =>
  message.replace(/,? ?"[\s\S]*$/, "").replace(/'.*'/, "character") || "not JSON"
