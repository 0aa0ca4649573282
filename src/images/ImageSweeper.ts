import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Actor from "../platform/Actor.ts"
import { ImageSweep } from "./ImageSweep.ts"

const PACE_MS = 60_000

/** Runs `ImageSweep` in the background. */
export const ImageSweeper = Layer.effectDiscard(
  Effect.gen(function* () {
    const { run } = yield* ImageSweep
    yield* Actor.start({ name: "image_sweeper", paceMs: PACE_MS, batch: run })
  }),
).pipe(Layer.provide(ImageSweep.layer))
