/**
 * Gives every failure its shape: whatever goes wrong below becomes `{"detail": ...}` with a status. Unknown path 404, wrong method 405 with `Allow`, input that does not fit 422 in list form, anything
 * unexpected a 500 that tells its request id and nothing of the inside.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import { HttpServerError } from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { HttpApiSchemaError } from "effect/http-api/HttpApiError"
import type { unhandled } from "effect/Types"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import { Lifecycle } from "./Lifecycle.ts"
import { RequestInfo } from "./RequestInfo.ts"
import type { RouteTable } from "./RouteTable.ts"

const RETRY_AFTER_SECONDS = "1"

export const layer = (routes: RouteTable) =>
  HttpRouter.use((router) =>
    Effect.gen(function* () {
      const { isDraining } = yield* Lifecycle
      yield* router.addGlobalMiddleware((serve) =>
        Effect.withFiber((fiber) =>
          Effect.map(
            answered(serve, (cause) => answer(cause, requestIdOf(fiber.context), routes)),
            (response) => {
              const answered =
                response.status === 503
                  ? HttpServerResponse.setHeader(response, "retry-after", RETRY_AFTER_SECONDS)
                  : response
              return isDraining.current
                ? HttpServerResponse.setHeader(answered, "connection", "close")
                : answered
            },
          ),
        ),
      )
    }),
  )

// The router's types let no middleware handle every error, which is the one thing that this one is for.
const answered = Effect.catchCause as <R, R2>(
  serve: Effect.Effect<HttpServerResponse.HttpServerResponse, unhandled, R>,
  answer: (cause: Cause.Cause<unknown>) => Effect.Effect<HttpServerResponse.HttpServerResponse, never, R2>,
) => Effect.Effect<HttpServerResponse.HttpServerResponse, unhandled, R | R2>

const requestIdOf = (context: Context.Context<never>) =>
  Context.getOrUndefined(context, RequestInfo)?.requestId

const answer = (
  cause: Cause.Cause<unknown>,
  requestId: string | undefined,
  routes: RouteTable,
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause as Cause.Cause<never>)
  const error = Cause.squash(cause)
  if (HttpServerResponse.isHttpServerResponse(error)) return Effect.succeed(error)
  if (error instanceof HttpServerError && error.reason._tag === "RouteNotFound") return notRouted(routes)
  if (HttpApiSchemaError.is(error) && PARTS[error.kind] !== undefined)
    return unfit(error, PARTS[error.kind] ?? "")
  return Effect.as(
    Effect.logError("request failed unexpectedly", cause),
    json(500, { detail: "Internal Server Error", request_id: requestId }),
  )
}

const notRouted = (routes: RouteTable) =>
  Effect.map(HttpServerRequest.HttpServerRequest, ({ url }) => {
    const methods = routes.methods(url.replace(/[?#;].*$/s, ""))
    return methods.length === 0
      ? json(404, { detail: "Not Found" })
      : HttpServerResponse.setHeader(json(405, { detail: "Method Not Allowed" }), "allow", methods.join(", "))
  })

const unfit = (error: HttpApiSchemaError, part: string) =>
  Effect.contextWith((context: Context.Context<never>) => {
    const route = Context.getOrUndefined(context, HttpRouter.RouteContext)
    const query = Context.getOrUndefined(context, HttpServerRequest.ParsedSearchParams)
    const input = part === "path" ? route?.params : part === "query" ? query : undefined
    const { detail } = ValidationFailed.from(part, error.cause, input)
    return Effect.succeed(json(422, { detail }))
  })

/** Where the input of a request that does not fit came from, in the words of the list form. */
const PARTS: Readonly<Record<string, string>> = {
  Params: "path",
  Query: "query",
  Headers: "header",
  Payload: "body",
}

const json = (status: number, body: object) => HttpServerResponse.jsonUnsafe(body, { status })
