import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { makeTracing } from "../support/Tracing.ts"

const keepNone = { OTEL_TRACES_SAMPLER: "always_off" }

class StockInsufficient extends Schema.TaggedError<StockInsufficient>()("StockInsufficient", {
  message: Schema.String,
}) {}

class BitrixError extends Data.TaggedError("BitrixError")<{ readonly message: string }> {}

describe("SpanJson", () => {
  it.live("sends the message of a known failure, and nothing that others or a defect said", () =>
    Effect.gen(function* () {
      const { receiver, traced } = yield* makeTracing
      const hop = (name: string, effect: Effect.Effect<void, unknown>) =>
        Effect.ignoreCause(Effect.withSpan(effect, name))
      yield* Effect.all([
        hop("known", Effect.fail(new StockInsufficient({ message: "3 roses are missing" }))),
        hop("outside", Effect.fail(new BitrixError({ message: "body: +77010000000" }))),
        hop("defect", Effect.die(new TypeError("body: +77010000000"))),
        hop(
          "logged",
          Effect.logError("not sent", Cause.fail(new BitrixError({ message: "body: +77010000000" }))),
        ),
      ]).pipe(Effect.withSpan("request"), traced(keepNone))

      const exceptions = receiver.spans.flatMap(({ events }) =>
        events.filter(({ name }) => name === "exception"),
      )
      assert.deepStrictEqual(
        exceptions.map(({ attributes }) => attributes),
        [
          { "exception.type": "StockInsufficient", "exception.message": "3 roses are missing" },
          { "exception.type": "BitrixError" },
          { "exception.type": "TypeError" },
        ],
      )
      assert.notInclude(
        JSON.stringify(receiver.spans, (_, value) => (typeof value === "bigint" ? String(value) : value)),
        "+7701",
      )
    }),
  )

  it.live("writes every kind of value so that a collector takes it, and no endless text", () =>
    Effect.gen(function* () {
      const { receiver, traced } = yield* makeTracing
      const attributes = {
        text: 'quoted " and \n',
        long: "x".repeat(10_000),
        integer: -3,
        double: 0.5,
        notANumber: Number.NaN,
        endless: Number.POSITIVE_INFINITY,
        unsafe: 2 ** 60,
        big: 2n ** 62n,
        nothing: null,
        missing: undefined,
        object: { a: 1 },
      }
      yield* Effect.void.pipe(
        Effect.withSpan("null", { attributes }),
        traced({ OTEL_TRACES_SAMPLER: "always_on" }),
      )
      assert.deepStrictEqual(receiver.rejected, [])
      assert.deepStrictEqual(receiver.spans[0]?.attributes, {
        ...attributes,
        long: "x".repeat(4096),
        integer: "-3",
        unsafe: String(2n ** 60n),
        big: String(2n ** 62n),
        nothing: "null",
        missing: "undefined",
        object: '{"a":1}',
      })
    }),
  )
})
