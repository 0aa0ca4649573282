/**
 * Which share of the ordinary traces is kept, by the standard settings:
 *
 *   OTEL_TRACES_SAMPLER              ordinary traces that are kept
 *   always_on                        all
 *   always_off                       none
 *   traceidratio                     the share OTEL_TRACES_SAMPLER_ARG, whatever the caller decided
 *   parentbased_always_on/_off       as the caller decided; traces that begin here: all / none
 *   parentbased_traceidratio         as the caller decided; traces that begin here: the share
 *
 * Unset means parentbased_traceidratio with a share of 0.05; a ratio sampler named without its argument keeps all,
 * as the standard says. An unknown name or a share outside 0..1 stops the start.
 * A share of nothing does not silence the service: failed and over-budget traces are not ordinary, see TailTracer.
 *
 * The share is cut from the trace id, by the consistent probability rule of OpenTelemetry: the last 56 bits are the
 * trace's random number, kept when it is not below (1 - share) * 2^56. So every service that follows the rule and
 * has the same share keeps the same traces, and one with a larger share keeps those and more.
 */
import * as Config from "effect/Config"
import * as Schema from "effect/Schema"

export class TraceSampler {
  static readonly config: Config.Config<TraceSampler> = Config.all({
    name: Config.Literals(
      [
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
      ],
      "OTEL_TRACES_SAMPLER",
    ).pipe(Config.withDefault(undefined)),
    share: Config.schema(
      Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })),
      "OTEL_TRACES_SAMPLER_ARG",
    ).pipe(Config.withDefault(undefined)),
  }).pipe(
    Config.map(({ name, share }) => {
      switch (name) {
        case undefined:
          return new TraceSampler({ share: share ?? 0.05, followsParent: true })
        case "traceidratio":
          return new TraceSampler({ share: share ?? 1, followsParent: false })
        case "parentbased_traceidratio":
          return new TraceSampler({ share: share ?? 1, followsParent: true })
        default:
          return new TraceSampler({
            share: name.endsWith("always_on") ? 1 : 0,
            followsParent: name.startsWith("parentbased_"),
          })
      }
    }),
  )

  /** Whether a caller's own decision is taken over for the traces that it began. */
  readonly followsParent: boolean
  private readonly threshold: number

  constructor(options: { readonly share: number; readonly followsParent: boolean }) {
    this.followsParent = options.followsParent
    this.threshold = (1 - options.share) * randomnessMax
  }

  isInShare(traceId: string): boolean {
    if (this.threshold === 0) return true
    if (this.threshold === randomnessMax) return false
    return Number.parseInt(traceId.slice(-14, -1), 16) >= this.threshold
  }
}

/** Of the 56 bits the upper 52, which a number holds exactly. */
const randomnessMax = 2 ** 52
