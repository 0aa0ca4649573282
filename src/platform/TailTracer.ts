/**
 * Effect's tracer, with the fate of a trace decided when its local root ends.
 *
 *   root starts --> spans gather in one buffer, --> root ends --> kept:    the buffer goes to SpanExporter
 *                   ids made on demand,                      \--> dropped: garbage, nothing was encoded
 *                   nothing encoded
 *
 * The local root is the first span of a trace in this process; its parent, if any, is the caller's. Its trace is kept
 *   1. kept_error        when a span failed (interruption or a caller's fault, a 4xx, is no failure) or carries
 *                        `error` = true;
 *   2. kept_over_budget  when a span carries `budget.exceeded` = true;
 *   3. kept_parent       when the caller keeps it and the sampler follows callers;
 *   4. kept_share        when it falls into the sampler's share;
 * the first that applies is its `decision` in the counter `otel_traces_total`. The sampler has no say in 1 and 2:
 * OTEL_TRACES_SAMPLER=always_off keeps errors and broken budgets, only OTEL_SDK_DISABLED=true turns them off.
 *
 * - A span that ends after its root (work left in the background) follows its root's decision.
 * - `sampled`, which outgoing requests and outbox rows carry as the trace flag, says what is certain at that
 *   moment: 3 or 4, or that the trace has already failed or broken a budget. Attributes are recorded regardless.
 * - A trace holds at most `spansMax` ended spans besides its root; those above are dropped and counted, and a
 *   failure among them still keeps the trace. A root that never ends therefore exports nothing and holds no more:
 *   an actor's loop makes a root per batch.
 * - What a span succeeded with is not held.
 */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Hex from "effect/encoding/Hex"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import type * as Tracer from "effect/Tracer"
import { isCallersFault } from "../shared/Fault.ts"
import { SpanExporter, spansDropped } from "./SpanExporter.ts"
import { TraceSampler } from "./TraceSampler.ts"

const spansMax = 512
const attributesMax = 128
const eventsMax = 128

type SpanOptions = Parameters<Tracer.Tracer["span"]>[0]
type Decision = "kept_error" | "kept_over_budget" | "kept_parent" | "kept_share" | "dropped"

export class TailTracer implements Tracer.Tracer {
  static readonly make = Effect.gen(function* () {
    return new TailTracer(yield* TraceSampler.config, yield* SpanExporter, yield* Effect.context<never>())
  })

  readonly sampler: TraceSampler
  private readonly exporter: SpanExporter["Service"]
  private readonly metrics: Context.Context<never>

  constructor(sampler: TraceSampler, exporter: SpanExporter["Service"], context: Context.Context<never>) {
    this.sampler = sampler
    this.exporter = exporter
    this.metrics = context
    for (const counter of Object.values(traces)) counter.updateUnsafe(0, context)
  }

  span(options: SpanOptions): TailSpan {
    const parent = Option.getOrUndefined(options.parent)
    if (parent instanceof TailSpan) return new TailSpan(options, options.parent, parent.trace)
    // A span made while tracing was off has no ids to continue.
    const isRemote = parent !== undefined && parent.traceId.length >= 16
    const trace = new LocalTrace(this, isRemote ? parent : undefined, options.sampled)
    const root = new TailSpan(options, isRemote ? options.parent : Option.none(), trace)
    trace.root = root
    return root
  }

  keep(spans: ReadonlyArray<TailSpan>): void {
    this.exporter.offer(spans)
  }

  countDecision(decision: Decision): void {
    traces[decision].updateUnsafe(1, this.metrics)
  }

  countTooLarge(): void {
    spansDropped.trace_too_large.updateUnsafe(1, this.metrics)
  }
}

class LocalTrace {
  root: TailSpan | undefined = undefined
  hasFailed = false
  isOverBudget = false
  private readonly tracer: TailTracer
  private readonly remote: Tracer.AnySpan | undefined
  private readonly isWanted: boolean
  private ended: Array<TailSpan> = []
  private endedCount = 0
  private decision: Decision | undefined = undefined
  private bySampler: Decision | undefined = undefined
  private _traceId: string | undefined = undefined

  constructor(tracer: TailTracer, remote: Tracer.AnySpan | undefined, isWanted: boolean) {
    this.tracer = tracer
    this.remote = remote
    this.isWanted = isWanted
  }

  get traceId(): string {
    return (this._traceId ??= this.remote === undefined ? Hex.random(32) : this.remote.traceId)
  }

  get isCertain(): boolean {
    if (this.decision !== undefined) return this.decision !== "dropped"
    return this.hasFailed || this.isOverBudget || this.decideBySampler() !== "dropped"
  }

  end(span: TailSpan): void {
    if (span === this.root) {
      const spans = this.ended
      spans.push(span)
      this.ended = []
      this.decision = this.decide()
      this.tracer.countDecision(this.decision)
      if (this.decision !== "dropped") this.tracer.keep(spans)
      return
    }
    if (this.decision === "dropped") return
    if (this.endedCount === spansMax) {
      this.tracer.countTooLarge()
      return
    }
    this.endedCount++
    if (this.decision === undefined) this.ended.push(span)
    else this.tracer.keep([span])
  }

  private decide(): Decision {
    if (this.hasFailed) return "kept_error"
    if (this.isOverBudget) return "kept_over_budget"
    return this.decideBySampler()
  }

  private decideBySampler(): Decision {
    return (this.bySampler ??= this.askSampler())
  }

  /** Effect says `sampled: false` of a span whose caller does not keep the trace, and of one that nobody wants. */
  private askSampler(): Decision {
    const { sampler } = this.tracer
    if (this.remote !== undefined && sampler.followsParent) {
      return this.remote.sampled && this.isWanted ? "kept_parent" : "dropped"
    }
    if (this.remote === undefined && !this.isWanted) return "dropped"
    return sampler.isInShare(this.traceId) ? "kept_share" : "dropped"
  }
}

export class TailSpan implements Tracer.Span {
  readonly _tag = "Span"
  readonly name: string
  readonly parent: Option.Option<Tracer.AnySpan>
  readonly annotations: Context.Context<never>
  readonly links: Array<Tracer.SpanLink>
  readonly kind: Tracer.SpanKind
  readonly trace: LocalTrace
  status: Tracer.SpanStatus
  isError = false
  attributesDropped = 0
  eventsDropped = 0
  recordedAttributes: Map<string, unknown> | undefined = undefined
  recordedEvents: Array<SpanEvent> | undefined = undefined
  private _spanId: string | undefined = undefined

  constructor(options: SpanOptions, parent: Option.Option<Tracer.AnySpan>, trace: LocalTrace) {
    this.name = options.name
    this.parent = parent
    this.annotations = options.annotations
    this.links = options.links
    this.kind = options.kind
    this.trace = trace
    this.status = { _tag: "Started", startTime: options.startTime }
  }

  get traceId(): string {
    return this.trace.traceId
  }

  get spanId(): string {
    return (this._spanId ??= Hex.random(16))
  }

  get sampled(): boolean {
    return this.trace.isCertain
  }

  get attributes(): ReadonlyMap<string, unknown> {
    return (this.recordedAttributes ??= new Map())
  }

  end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    if (this.status._tag === "Ended") return
    const startTime = this.status.startTime
    if (Exit.isSuccess(exit)) {
      this.status = { _tag: "Ended", startTime, endTime, exit: Exit.void }
    } else {
      this.status = { _tag: "Ended", startTime, endTime, exit }
      if (exit.cause.reasons.some(isFailure)) this.markFailed()
    }
    this.trace.end(this)
  }

  attribute(key: string, value: unknown): void {
    if (this.status._tag === "Ended") return
    if (value === true) {
      if (key === "error") this.markFailed()
      else if (key === "budget.exceeded") this.trace.isOverBudget = true
    }
    const attributes = (this.recordedAttributes ??= new Map())
    if (attributes.size < attributesMax || attributes.has(key)) attributes.set(key, value)
    else this.attributesDropped++
  }

  event(name: string, time: bigint, attributes?: Record<string, unknown>): void {
    if (this.status._tag === "Ended") return
    const events = (this.recordedEvents ??= [])
    if (events.length < eventsMax) events.push({ name, time, attributes })
    else this.eventsDropped++
  }

  addLinks(links: ReadonlyArray<Tracer.SpanLink>): void {
    if (this.status._tag === "Ended") return
    for (const link of links) this.links.push(link)
  }

  private markFailed(): void {
    this.isError = true
    this.trace.hasFailed = true
  }
}

export interface SpanEvent {
  readonly name: string
  readonly time: bigint
  readonly attributes: Record<string, unknown> | undefined
}

const isFailure = (reason: Cause.Reason<unknown>): boolean =>
  reason._tag === "Die" || (reason._tag === "Fail" && !isCallersFault(reason.error))

const counted = (decision: Decision) =>
  Metric.counter("otel_traces_total", {
    description: "Traces that ended here, by what was decided about them",
    incremental: true,
    attributes: { decision },
  })

const traces: Record<Decision, Metric.Counter<number>> = {
  kept_error: counted("kept_error"),
  kept_over_budget: counted("kept_over_budget"),
  kept_parent: counted("kept_parent"),
  kept_share: counted("kept_share"),
  dropped: counted("dropped"),
}
