/**
 * Takes a picture that no shop has any more out of the store.
 *
 *   lock of the key --> still nobody's --> removal noted, rows gone, committed --> objects removed --> note removed
 *
 * While the note stands, nobody can upload the picture, so its object is not taken from under them. A removal that was
 * interrupted is found by its note, once that is overdue; whoever uploads the picture before then keeps it. A note that
 * is not overdue is of somebody who is at it, and nobody else begins.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Db } from "../platform/Db.ts"
import { R2 } from "../platform/R2.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { R2Unavailable } from "../shared/R2Unavailable.ts"
import type { ImageKey } from "./Image.ts"
import { objectsOf } from "./Image.ts"
import { ImageReferences } from "./ImageReferences.ts"
import { ImageSweepRepo } from "./ImageSweepRepo.ts"
import { ImagesRepo } from "./ImagesRepo.ts"

/** Well above what removing takes. */
const NOTE_MS = 120_000
const REMOVING_MS_MAX = 60_000

type Fails = R2Unavailable | DatabaseUnavailable

export class ImageRemoval extends Context.Service<
  ImageRemoval,
  {
    /** Of the shops for which it is due and unused; the object goes with the last of them. True when a row went. */
    readonly removeUnused: (key: ImageKey) => Effect.Effect<boolean, Fails>
    /** Objects that no shop knows. True when they went. */
    readonly removeUnknown: (key: ImageKey) => Effect.Effect<boolean, Fails>
  }
>()("cvety/images/ImageRemoval") {
  static readonly layer = Layer.effect(
    ImageRemoval,
    Effect.gen(function* () {
      const db = yield* Db
      const r2 = yield* R2
      const images = yield* ImagesRepo
      const repo = yield* ImageSweepRepo
      const references = yield* ImageReferences

      const removeObjects = Effect.fnUntraced(function* (key: ImageKey) {
        yield* Effect.forEach(objectsOf(key), r2.remove, { concurrency: "unbounded" }).pipe(
          Effect.timeoutOrElse({
            duration: REMOVING_MS_MAX,
            orElse: () => Effect.fail(new R2Unavailable()),
          }),
        )
        yield* db.transactThrough("across_shops", {
          read: [],
          write: () => ({ queries: [repo.endRemoval(key)], answer: undefined }),
        })
        yield* Effect.annotateLogs(Effect.logInfo("image removed"), { key })
      })

      const removeUnused = Effect.fn("ImageRemoval.removeUnused")(function* (key: ImageKey) {
        const answer = yield* db.transactThrough("across_shops", {
          read: [
            images.lockKey(key),
            repo.findByKey(key),
            ...references.map((findUsed) => findUsed([key])),
          ] as const,
          write: ([, found, ...used]) => {
            const going = found.filter((image) => image.was_unused && image.is_due)
            if (going.length === 0 || used.some((keys) => keys.length > 0)) {
              return { queries: [], answer: "nothing" as const }
            }
            return going.length < found.length
              ? { queries: [repo.removeDue(key)], answer: "rows" as const }
              : { queries: [repo.removeDue(key), repo.beginRemoval(key, NOTE_MS)], answer: "object" as const }
          },
        })
        if (answer === "object") yield* removeObjects(key)
        return answer !== "nothing"
      })

      const removeUnknown = Effect.fn("ImageRemoval.removeUnknown")(function* (key: ImageKey) {
        const isNobodys = yield* db.transactThrough("across_shops", {
          read: [images.lockKey(key), images.findRemoval(key), repo.findByKey(key)],
          write: ([, [underWay], found]) => {
            if (underWay !== undefined) return { queries: [], answer: false }
            return found.length === 0
              ? { queries: [repo.beginRemoval(key, NOTE_MS)], answer: true }
              : { queries: [repo.endRemoval(key)], answer: false }
          },
        })
        if (isNobodys) yield* removeObjects(key)
        return isNobodys
      })

      return { removeUnused, removeUnknown }
    }),
  ).pipe(Layer.provide([ImagesRepo.layer, ImageSweepRepo.layer]))
}
