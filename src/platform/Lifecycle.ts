/**
 * The last seconds of a node. On SIGTERM `/ready` turns 503 at once, then the node goes on serving for the lame-duck
 * time, so that the balancer can notice before any connection is refused; only then the server closes, finishing
 * what is in flight.
 *
 *   SIGTERM --> draining, still serving (SHUTDOWN_LAME_DUCK_MS) --> close, finish requests --> resources --> exit 0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as MutableRef from "effect/MutableRef"

const LAME_DUCK_MS = 2_000
const LAME_DUCK_MS_MAX = 5_000

export class Lifecycle extends Context.Service<
  Lifecycle,
  { readonly isDraining: MutableRef.MutableRef<boolean> }
>()("cvety/platform/Lifecycle") {
  static readonly layer = Layer.sync(Lifecycle, () => ({ isDraining: MutableRef.make(false) }))

  /** Provide the server to it: what is built on the server is taken down before it. */
  static readonly lameDuck = Layer.effectDiscard(
    Effect.gen(function* () {
      const { isDraining } = yield* Lifecycle
      const lameDuckMs = yield* Config.Int("SHUTDOWN_LAME_DUCK_MS").pipe(
        Config.withDefault(LAME_DUCK_MS),
        Config.map((ms) => Math.min(Math.max(ms, 0), LAME_DUCK_MS_MAX)),
      )
      yield* Effect.addFinalizer(() =>
        Effect.logInfo("draining").pipe(
          Effect.andThen(Effect.sync(() => MutableRef.set(isDraining, true))),
          Effect.andThen(Effect.sleep(Duration.millis(lameDuckMs))),
        ),
      )
    }),
  )
}
