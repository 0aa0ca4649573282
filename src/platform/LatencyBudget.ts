/**
 * How long each hop of a documented flow may take, and whether it did.
 *
 * The order-status webhook (system diagrams, "Performance summary"): 49 ms in all on our side, 500 ms with the network.
 *
 *   authenticate 2 | validate 1 | find_order 15 | map_status 1 | update_and_record 20 | log 5 | respond 5
 *
 * The product webhook has the same budget, with `find_product` and `map_product` in their places.
 *
 * A product changed here (system diagrams 3): 50 ms until it is answered, of which the database may take all, and 500 ms
 * from the moment it leaves until Bitrix has answered, the network included.
 *
 *   api 50 | database 50 | bitrix 500
 *
 * Every hop is a span `<flow>.<hop>` with `budget.ms` and, when it took longer, `budget.exceeded`; its duration goes to
 * the histogram `<flow>_hop_duration_seconds{hop}` and an overrun to `<flow>_hop_budget_exceeded_total{hop}`. The whole
 * of a webhook is measured as the hop `total`. Tracing keeps every trace that holds a broken budget.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"

/** Milliseconds per hop of the order-status webhook. */
export const webhookBudgetMs = {
  authenticate: 2,
  validate: 1,
  find_order: 15,
  map_status: 1,
  update_and_record: 20,
  log: 5,
  respond: 5,
  total: 49,
} as const
const flows = {
  webhook: { ...webhookBudgetMs, find_product: 15, map_product: 1 },
  product_update: { api: 50, database: 50, bitrix: 500 },
} as const
type Flow = keyof typeof flows
export type Hop = { [F in Flow]: `${F}.${keyof (typeof flows)[F] & string}` }[Flow]

/** Times an effect as a hop. */
export const measure =
  (hop: Hop) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(Clock.currentTimeNanos, (startNanos) =>
      Effect.onExit(effect, () =>
        Effect.flatMap(Clock.currentTimeNanos, (end) => record(hop, startNanos, end)),
      ),
    )

/** For a hop whose start and end were taken elsewhere: shared by a batch, or outside the handler. */
export const record = (hop: Hop, startNanos: bigint, endNanos: bigint): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const span = fiber.getRef(References.TracerEnabled)
      ? fiber.getRef(Tracer.Tracer).span({
          name: hop,
          parent: Context.getOption(fiber.context, Tracer.ParentSpan),
          annotations: Context.empty(),
          links: [],
          startTime: startNanos,
          kind: "internal",
          root: false,
          sampled: true,
        })
      : undefined
    mark(span, hop, startNanos, endNanos, fiber.context)
    span?.end(endNanos, Exit.void)
    return Effect.void
  })

/** Counts the hop and writes its verdict on the span that covers it, if there is one. */
export const mark = (
  span: Tracer.AnySpan | undefined,
  hop: Hop,
  startNanos: bigint,
  endNanos: bigint,
  context: Context.Context<never>,
): void => {
  const durationMs = Number(endNanos - startNanos) / 1e6
  const { budgetMs, duration, overruns } = hops[hop]
  const isExceeded = durationMs > budgetMs
  duration.updateUnsafe(durationMs / 1e3, context)
  if (isExceeded) overruns.updateUnsafe(1, context)
  if (span?._tag !== "Span") return
  span.attribute("budget.ms", budgetMs)
  span.attribute("budget.exceeded", isExceeded)
}

const boundaries = [0.0001, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.05, 0.1, 0.5, 1, 5]

// One metric per hop rather than one with attributes: what is shared forgets which hop it was last asked for.
const meters = {
  webhook: (hop: string) => ({
    duration: Metric.histogram("webhook_hop_duration_seconds", {
      description: "Duration of one hop of a webhook",
      boundaries,
      attributes: { hop },
    }),
    overruns: Metric.counter("webhook_hop_budget_exceeded_total", {
      description: "Hops of a webhook that took longer than their budget",
      incremental: true,
      attributes: { hop },
    }),
  }),
  product_update: (hop: string) => ({
    duration: Metric.histogram("product_update_hop_duration_seconds", {
      description: "Duration of one hop of a change of a product here",
      boundaries,
      attributes: { hop },
    }),
    overruns: Metric.counter("product_update_hop_budget_exceeded_total", {
      description: "Hops of a change of a product here that took longer than their budget",
      incremental: true,
      attributes: { hop },
    }),
  }),
} satisfies Record<Flow, (hop: string) => object>

type Meters = ReturnType<(typeof meters)[Flow]> & { readonly budgetMs: number }

const hops = Object.fromEntries(
  (Object.keys(flows) as ReadonlyArray<Flow>).flatMap((flow) =>
    Object.entries(flows[flow]).map(([hop, budgetMs]) => [
      `${flow}.${hop}`,
      { ...meters[flow](hop), budgetMs },
    ]),
  ),
) as Record<Hop, Meters>
