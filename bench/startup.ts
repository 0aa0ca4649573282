/** How long `npm start` takes at home, embedded database included, until `/health` answers 200. */
import * as Effect from "effect/Effect"
import { peers } from "./peers.ts"
import * as Process from "./process.ts"
import { temporaryFolder } from "./world.ts"

const WARM_STARTS = 3

export interface Startup {
  /** Makes the cluster and the demo world. */
  readonly firstMs: number
  /** Median of those after it. */
  readonly warmMs: number
  readonly residentMiB: number
}

export const measure = Effect.scoped(
  Effect.gen(function* () {
    const dataDir = yield* temporaryFolder
    const first = yield* once(dataDir)
    const warm = []
    for (let i = 0; i < WARM_STARTS; i++) warm.push(yield* once(dataDir))
    const warmMs = warm.map(({ ms }) => ms).sort((a, b) => a - b)[WARM_STARTS >> 1] ?? 0
    return { firstMs: first.ms, warmMs, residentMiB: warm[0]?.residentMiB ?? 0 } satisfies Startup
  }),
)

const once = (dataDir: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const port = yield* Process.freePort
      const started = yield* Process.start({
        file: peers.off.file,
        env: { DATA_DIR: dataDir, PORT: String(port), SHUTDOWN_LAME_DUCK_MS: "0" },
        cores: null,
      })
      const ms = yield* Process.untilAnswers(started, `http://127.0.0.1:${port}/health`)
      return { ms, residentMiB: Process.residentMiB(started.pid) }
    }),
  )
