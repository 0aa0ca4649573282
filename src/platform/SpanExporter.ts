/**
 * Takes kept spans to the collector, in the background.
 *
 *   offer --> queue, bounded --> batch: full, or waited long enough --> encoded --> OtlpCollector --> exported
 *     \--> no room: dropped                                                              \--> failed: dropped
 *
 * - `offer` returns at once, whatever state the collector is in, and takes a trace's spans all or none.
 * - One batch is under way at a time; it and the queue are all that is ever held.
 * - Encoding lets requests through every few spans.
 * - Closing goes on for at most 3 s; what is left then is dropped.
 * - Every span that was offered is counted once, in `otel_spans_exported_total` or in `otel_spans_dropped_total`;
 *   an outage is logged when it begins and when it is over.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { constVoid } from "effect/Function"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Schema from "effect/Schema"
import { OtlpCollector } from "./OtlpCollector.ts"
import { encodeSpans } from "./SpanJson.ts"
import type { TailSpan } from "./TailTracer.ts"

export class SpanExporter extends Context.Service<
  SpanExporter,
  {
    /** Takes ended spans, all or none of them. Never waits. */
    readonly offer: (spans: ReadonlyArray<TailSpan>) => void
  }
>()("cvety/platform/SpanExporter") {
  static readonly layerNoDeps = Layer.effect(
    SpanExporter,
    Effect.gen(function* () {
      const { queueMax, batchMax, delayMs } = yield* settings
      const queue = new SpanQueue(queueMax, batchMax, yield* Effect.context<never>())
      yield* Effect.acquireRelease(
        Effect.sync(() => queue.register()),
        ({ remove }) => Effect.sync(remove),
      )
      const worker = yield* Effect.forkScoped(exportAll(queue, delayMs, yield* OtlpCollector))
      yield* Effect.addFinalizer(() =>
        Effect.gen(function* () {
          queue.close()
          yield* Fiber.await(worker).pipe(Effect.interruptible, Effect.timeoutOption(flushMs))
          yield* Fiber.interrupt(worker)
          queue.abandon()
        }),
      )
      return SpanExporter.of({ offer: (spans) => queue.offer(spans) })
    }),
  )

  static readonly layer = (endpoint: URL) =>
    SpanExporter.layerNoDeps.pipe(Layer.provide(OtlpCollector.layer(endpoint)))
}

const flushMs = 3000
const sliceSpans = 32

const exportAll = Effect.fnUntraced(function* (
  queue: SpanQueue,
  delayMs: number,
  collector: OtlpCollector["Service"],
) {
  let isOutage = false

  const reportFailure = (reason: string) =>
    Effect.suspend(() => {
      if (isOutage) return Effect.void
      isOutage = true
      return Effect.logWarning(`Traces do not reach the collector and are dropped: ${reason}`)
    })

  const reportSuccess = Effect.suspend(() => {
    if (!isOutage) return Effect.void
    isOutage = false
    return Effect.logInfo("Traces reach the collector again")
  })

  while (queue.isOpen || queue.length > 0) {
    yield* queue.isWaiting.await
    yield* Effect.timeoutOption(queue.isBatchFull.await, delayMs)
    yield* Effect.yieldNow // What opened the latch is a request.
    const batch = queue.takeBatch()
    if (batch.length === 0) continue
    yield* encode(batch).pipe(
      Effect.flatMap(collector.send),
      Effect.onExit((exit) =>
        Effect.sync(() => queue.settle(batch.length, Exit.isSuccess(exit) ? exit.value : batch.length)),
      ),
      Effect.matchEffect({
        onFailure: ({ reason }) => reportFailure(reason),
        onSuccess: () => reportSuccess,
      }),
      Effect.catchDefect(() => reportFailure("a span that cannot be encoded")),
    )
  }
})

const encode = Effect.fnUntraced(function* (batch: ReadonlyArray<TailSpan>) {
  const encoded: Array<Uint8Array> = []
  for (let from = 0; from < batch.length; from += sliceSpans) {
    if (from > 0) yield* Effect.yieldNow
    encoded.push(encodeSpans(batch.slice(from, from + sliceSpans)))
  }
  return encoded
})

/** What waits for its export, and the books about it. */
class SpanQueue {
  isOpen = true
  readonly isWaiting = Latch.makeUnsafe()
  readonly isBatchFull = Latch.makeUnsafe()
  private isAbandoned = false
  private readonly spans: Array<TailSpan> = []
  private readonly spansMax: number
  private readonly batchMax: number
  private readonly context: Context.Context<never>

  constructor(spansMax: number, batchMax: number, context: Context.Context<never>) {
    this.spansMax = spansMax
    this.batchMax = Math.min(batchMax, spansMax)
    this.context = context
    spansExported.updateUnsafe(0, context)
    for (const dropped of Object.values(spansDropped)) dropped.updateUnsafe(0, context)
  }

  get length(): number {
    return this.spans.length
  }

  register(): Metric.Registration {
    const get = () => ({ value: this.spans.length })
    return Metric.registerUnsafe(spansQueued, this.context, { get, update: constVoid, modify: constVoid })
  }

  offer(spans: ReadonlyArray<TailSpan>): void {
    if (this.isAbandoned) return this.settle(spans.length, spans.length)
    if (this.spans.length + spans.length > this.spansMax) {
      spansDropped.queue_full.updateUnsafe(spans.length, this.context)
      return
    }
    for (const span of spans) this.spans.push(span)
    this.isWaiting.openUnsafe()
    if (this.spans.length >= this.batchMax) this.isBatchFull.openUnsafe()
  }

  takeBatch(): ReadonlyArray<TailSpan> {
    const batch = this.spans.splice(0, this.batchMax)
    if (this.isOpen && this.spans.length === 0) this.isWaiting.closeUnsafe()
    if (this.isOpen && this.spans.length < this.batchMax) this.isBatchFull.closeUnsafe()
    return batch
  }

  settle(count: number, lostCount: number): void {
    if (lostCount > 0) spansDropped.export_failed.updateUnsafe(lostCount, this.context)
    if (count > lostCount) spansExported.updateUnsafe(count - lostCount, this.context)
  }

  /** From now on a batch is due at once. */
  close(): void {
    this.isOpen = false
    this.isWaiting.openUnsafe()
    this.isBatchFull.openUnsafe()
  }

  abandon(): void {
    this.isAbandoned = true
    const lostCount = this.spans.splice(0).length
    this.settle(lostCount, lostCount)
  }
}

const positive = (name: string, fallback: number) =>
  Config.schema(Schema.Int.check(Schema.isGreaterThan(0)), name).pipe(Config.withDefault(fallback))

const settings = Config.all({
  queueMax: positive("OTEL_BSP_MAX_QUEUE_SIZE", 2048),
  batchMax: positive("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512),
  delayMs: positive("OTEL_BSP_SCHEDULE_DELAY", 1000),
})

const droppedFor = (reason: "queue_full" | "export_failed" | "trace_too_large") =>
  Metric.counter("otel_spans_dropped_total", {
    description: "Spans that were to be kept and got lost",
    incremental: true,
    attributes: { reason },
  })

export const spansDropped = {
  queue_full: droppedFor("queue_full"),
  export_failed: droppedFor("export_failed"),
  trace_too_large: droppedFor("trace_too_large"),
}

const spansExported = Metric.counter("otel_spans_exported_total", {
  description: "Spans that the collector accepted",
  incremental: true,
})

const spansQueued = Metric.gauge("otel_spans_queued", { description: "Spans that wait for their export" })
