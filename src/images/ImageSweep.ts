/**
 * Finds pictures that nobody uses.
 *
 *   uploaded --> unused --(GRACE_MS)--> a look --> nobody uses it: removed
 *                                         \-> used --(GRACE_MS)--> a look --> nobody uses it: unused --(GRACE_MS)--> ...
 *
 * So a picture goes only when two looks, or the upload and a look, are so far apart and nobody was seen to use it. When
 * no picture is due, the store is looked through page by page for objects that no shop knows and that are as old, such
 * as those of rows that a restored backup does not have.
 *
 * Where `maySweep` forbids it, nothing is removed: what the looks find is noted, and that is all.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Db } from "../platform/Db.ts"
import { maySweep, R2 } from "../platform/R2.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { R2Unavailable } from "../shared/R2Unavailable.ts"
import type { ImageKey } from "./Image.ts"
import { GRACE_MS, imageOf } from "./Image.ts"
import { ImageReferences } from "./ImageReferences.ts"
import { ImageRemoval } from "./ImageRemoval.ts"
import { ImageSweepRepo } from "./ImageSweepRepo.ts"

const DUE_MAX = 100
const OVERDUE_MAX = 20
/** Objects of the store that are looked at in one run. */
const PAGE = 1_000

export class ImageSweep extends Context.Service<
  ImageSweep,
  {
    /** A bounded piece of the work; says how many pictures it settled. */
    readonly run: Effect.Effect<number, R2Unavailable | DatabaseUnavailable>
  }
>()("cvety/images/ImageSweep") {
  static readonly layerNoDeps = Layer.effect(
    ImageSweep,
    Effect.gen(function* () {
      const db = yield* Db
      const r2 = yield* R2
      const repo = yield* ImageSweepRepo
      const removal = yield* ImageRemoval
      const references = yield* ImageReferences
      const mayRemove = yield* maySweep
      let cursor: string | null = null

      const removeEach = Effect.fnUntraced(function* (
        keys: ReadonlyArray<ImageKey>,
        remove: ImageRemoval["Service"]["removeUnused"],
      ) {
        if (!mayRemove) return 0
        const removed = yield* Effect.forEach(keys, remove)
        return removed.filter(Boolean).length
      })

      const lookAtDue = Effect.fn("ImageSweep.lookAtDue")(function* () {
        const [due] = yield* db.readThrough("across_shops", [repo.findDue(DUE_MAX)])
        if (due.length === 0) return 0
        const keys = [...new Set(due.map(({ key }) => key))]
        const used = yield* db.readThrough(
          "across_shops",
          references.map((findUsed) => findUsed(keys)),
        )
        const isUsed = new Set<string>(used.flat().map(({ key }) => key))
        const wasUnused = new Set(due.filter((image) => image.was_unused).map(({ key }) => key))
        const inUse = keys.filter((key) => isUsed.has(key))
        const unused = keys.filter((key) => !isUsed.has(key) && !wasUnused.has(key))
        const going = keys.filter((key) => !isUsed.has(key) && wasUnused.has(key))
        const removed = yield* removeEach(going, removal.removeUnused)
        // What could not be removed, or was not, is due again later and not first in line until then.
        yield* db.transactThrough("across_shops", {
          read: [],
          write: () => ({
            queries: [
              repo.noteLook(inUse, false, GRACE_MS),
              repo.noteLook([...unused, ...(removed === going.length ? [] : going)], true, GRACE_MS),
            ],
            answer: undefined,
          }),
        })
        return inUse.length + unused.length + removed
      })

      const endOverdue = Effect.fn("ImageSweep.endOverdue")(function* () {
        const [overdue] = yield* db.readThrough("across_shops", [repo.findOverdueRemovals(OVERDUE_MAX)])
        return yield* removeEach(
          overdue.map(({ key }) => key),
          removal.removeUnknown,
        )
      })

      const lookThroughStore = Effect.fn("ImageSweep.lookThroughStore")(function* () {
        const page = yield* r2.list({ prefix: "", cursor, limit: PAGE })
        const oldest = (yield* Clock.currentTimeMillis) - GRACE_MS
        const keys = new Set(
          page.objects
            .filter(({ modifiedAt }) => modifiedAt.getTime() < oldest)
            .flatMap(({ key }) => imageOf(key) ?? []),
        )
        const [known] = yield* db.readThrough("across_shops", [repo.findKnown([...keys])])
        for (const { key } of known) keys.delete(key)
        const removed = yield* removeEach([...keys], removal.removeUnknown)
        cursor = page.cursor
        return removed
      })

      const run = Effect.gen(function* () {
        const settled = (yield* lookAtDue()) + (yield* endOverdue())
        return settled > 0 || !mayRemove ? settled : yield* lookThroughStore()
      })

      if (!mayRemove) yield* Effect.logInfo("R2_SWEEP is not true: unused pictures stay in the store")
      return { run }
    }),
  )

  static readonly layer = ImageSweep.layerNoDeps.pipe(
    Layer.provide(ImageRemoval.layer),
    Layer.provide(ImageSweepRepo.layer),
  )
}
