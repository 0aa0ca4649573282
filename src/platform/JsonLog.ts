/**
 * One JSON object per line on stdout: time, level, message, the ids that tie a line to its request, trace and shop,
 * then whatever was annotated. Lines of one turn of the event loop leave in one write.
 */
import * as Cause from "effect/Cause"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { RequestInfo } from "./RequestInfo.ts"
import { TenantContext } from "./TenantContext.ts"

const LEVELS = {
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warn: "Warn",
  warning: "Warn",
  error: "Error",
} as const

export const JsonLog = Layer.unwrap(
  Effect.gen(function* () {
    const level = yield* Config.Literals(Object.keys(LEVELS) as Array<keyof typeof LEVELS>, "LOG_LEVEL").pipe(
      Config.withDefault("info" as const),
    )
    yield* Effect.addFinalizer(() => Effect.sync(flush))
    return Layer.mergeAll(
      Logger.layer([jsonLogger]),
      Layer.succeed(References.MinimumLogLevel, LEVELS[level]),
    )
  }),
)

const jsonLogger = Logger.make(({ message, logLevel, cause, date, fiber }) => {
  const request = Context.getOrUndefined(fiber.context, RequestInfo)
  const tenant = Context.getOrUndefined(fiber.context, TenantContext)
  const span = Context.getOrUndefined(fiber.context, Tracer.ParentSpan)
  write(
    JSON.stringify({
      timestamp: date.toISOString(),
      level: logLevel.toLowerCase(),
      event: textOf(message),
      request_id: request?.requestId,
      trace_id: span?.traceId || undefined,
      shop_id: tenant?.shopId,
      ...fiber.getRef(References.CurrentLogAnnotations),
      ...(cause.reasons.length > 0 ? { error: Cause.pretty(cause) } : {}),
    }),
  )
})

const textOf = (message: unknown): unknown => {
  const parts = Array.isArray(message) ? message : [message]
  return parts.length === 1
    ? parts[0]
    : parts.map((part) => (typeof part === "string" ? part : JSON.stringify(part))).join(" ")
}

let lines: Array<string> = []

const write = (line: string): void => {
  if (lines.push(line) === 1) setImmediate(flush)
}

const flush = (): void => {
  if (lines.length === 0) return
  const text = `${lines.join("\n")}\n`
  lines = []
  process.stdout.write(text)
}
