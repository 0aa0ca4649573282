/**
 * Makes the thumbnails of what was uploaded, one picture at a time on this node.
 *
 *   pending --> claimed for LEASE_MS --> made
 *                 |  \-> the picture is unfit --> pending, after a pause --> ... --> parked, with the reason
 *                 \-> the store cannot answer --> pending, not counted
 *
 * A claim counts before the work begins, so that a picture that ends the process does so a few times at most. Any
 * number of nodes may do this; doing it twice makes the same thumbnails.
 */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as Actor from "../platform/Actor.ts"
import { Db } from "../platform/Db.ts"
import type { Query } from "../platform/Query.ts"
import { R2 } from "../platform/R2.ts"
import type { ImageKey } from "./Image.ts"
import { THUMBNAIL_TYPE, thumbnailKeyOf } from "./Image.ts"
import { Images } from "./Images.ts"
import { makeThumbnails, PictureUnfit } from "./Thumbnails.ts"
import type { Claim } from "./ThumbnailsRepo.ts"
import { ThumbnailsRepo } from "./ThumbnailsRepo.ts"

const PACE_MS = 10_000
const LEASE_MS = 180_000
const ATTEMPTS_MAX = 3
const PAUSE_MS = 30_000
const REASON_CHARS_MAX = 200

export const ThumbnailMaker = Layer.effectDiscard(
  Effect.gen(function* () {
    const db = yield* Db
    const r2 = yield* R2
    const repo = yield* ThumbnailsRepo
    const { arrivals } = yield* Images

    const settle = (query: Query<void>) =>
      db.transactThrough("across_shops", {
        read: [],
        write: () => ({ queries: [query], answer: undefined }),
      })

    const take = db.transactThrough("across_shops", {
      read: [repo.lockNext()],
      write: ([[claim]]) => {
        if (claim === undefined) return { queries: [], answer: undefined }
        return claim.attempts >= ATTEMPTS_MAX
          ? { queries: [repo.park(claim, "no attempt came to an end")], answer: "parked" as const }
          : { queries: [repo.claim(claim, LEASE_MS)], answer: claim }
      },
    })

    const read = Effect.fnUntraced(function* (key: ImageKey) {
      const found = yield* r2.get(key)
      if (found === undefined || "isUnchanged" in found) {
        return yield* new PictureUnfit({ reason: "the picture is not in the store" })
      }
      return Buffer.concat(yield* Stream.runCollect(found.content))
    }, Effect.scoped)

    const make = Effect.fn("ThumbnailMaker.make")(function* ({ key }: Claim) {
      const { byWidth, width, height } = yield* makeThumbnails(yield* read(key))
      for (const [thumbnailWidth, bytes] of byWidth) {
        yield* r2.put(thumbnailKeyOf(key, thumbnailWidth), {
          sizeBytes: bytes.length,
          sha256: createHash("sha256").update(bytes).digest("hex"),
          contentType: THUMBNAIL_TYPE,
          content: Stream.succeed(bytes),
        })
      }
      yield* settle(repo.markMade(key, { width, height }))
    })

    const fail = Effect.fnUntraced(function* (claim: Claim, reason: string) {
      const isLast = claim.attempts + 1 >= ATTEMPTS_MAX
      yield* Effect.annotateLogs(Effect.logWarning("no thumbnails"), { key: claim.key, reason, isLast })
      yield* settle(
        isLast ? repo.park(claim, reason.slice(0, REASON_CHARS_MAX)) : repo.postpone(claim, PAUSE_MS),
      )
    })

    const batch = Effect.gen(function* () {
      const claim = yield* take
      if (claim === undefined) return 0
      if (claim === "parked") return 1
      yield* make(claim).pipe(
        Effect.catchTag("PictureUnfit", ({ reason }) => fail(claim, reason)),
        Effect.tapError(() => Effect.ignore(settle(repo.giveBack(claim)))),
      )
      return 1
    })

    const wake = yield* Actor.start({ name: "thumbnail_maker", paceMs: PACE_MS, batch })
    yield* Effect.forkScoped(
      Effect.forever(Effect.andThen(Queue.take(arrivals), Queue.offer(wake, undefined))),
    )
  }),
).pipe(Layer.provide(ThumbnailsRepo.layer))
