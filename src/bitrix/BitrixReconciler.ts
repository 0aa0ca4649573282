/**
 * Walks through the list of every Bitrix that has an address, each in a fiber of its own, so that one that hangs holds
 * up no other. A pass that ended is followed by the next one after a rest. A Bitrix that fails is left alone for as
 * long as the actor backs off; then the walk goes on from where it was.
 */
import { randomUUID } from "node:crypto"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Actor from "../platform/Actor.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { BitrixApi } from "./BitrixConnection.ts"
import { BitrixConnections } from "./BitrixConnections.ts"
import { BitrixPass } from "./BitrixPass.ts"

const PAUSE_SECONDS = 60
const PAUSE_SECONDS_MAX = 86_400
/** How soon a walk is noticed that nobody holds any more, or whose rest is over. */
const LOOK_MS_MAX = 5_000
const CONNECTIONS_PACE_MS = 5_000

/** Seconds between two passes; 0 for a node that does not walk. */
const pauseSeconds = Config.schema(
  Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: PAUSE_SECONDS_MAX })),
  "BITRIX_RECONCILE_PAUSE_SECONDS",
).pipe(Config.withDefault(PAUSE_SECONDS))

export const BitrixReconciler = Layer.effectDiscard(
  Effect.gen(function* () {
    const restSeconds = yield* pauseSeconds
    if (restSeconds === 0) return
    const connections = yield* BitrixConnections
    const scope = yield* Effect.scope
    const running = new Map<ShopId, { readonly api: BitrixApi; readonly scope: Scope.Closeable }>()

    const adjust = Effect.gen(function* () {
      for (const [shopId, one] of running) {
        if (connections.find(shopId)?.api === one.api) continue
        running.delete(shopId)
        yield* Scope.close(one.scope, Exit.void)
      }
      for (const { shopId, api } of connections.all()) {
        if (api === null || running.has(shopId)) continue
        const own = yield* Scope.fork(scope)
        running.set(shopId, { api, scope: own })
        yield* Scope.provide(own)(walkForEver(shopId, api, restSeconds))
      }
    })

    yield* adjust.pipe(Effect.repeat(Schedule.spaced(CONNECTIONS_PACE_MS)), Effect.forkScoped)
  }),
)

const walkForEver = (shopId: ShopId, api: BitrixApi, restSeconds: number) =>
  Effect.gen(function* () {
    const pass = yield* BitrixPass
    const walk = { shopId, api, lease: randomUUID(), scope: "all", trustsShortList: false } as const
    // Another node may go on at once.
    yield* Effect.addFinalizer(() => Effect.ignore(pass.release(walk)))
    yield* Actor.start({
      name: `bitrix_reconciler_${shopId}`,
      paceMs: Math.min(LOOK_MS_MAX, restSeconds * 1_000),
      batch: Effect.map(pass.step(walk, restSeconds), (step) =>
        step === undefined || step.isFinished ? 0 : 1,
      ),
    })
  })
