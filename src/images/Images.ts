/**
 * Pictures of the shop of `TenantContext` come in; whoever has the key of one may look at it.
 *
 *   file received --> row kept, unless the same picture is just being removed --> object put, unless it is there
 *                 --> row marked as stored, thumbnails wake up
 *
 * The row comes first, so that no object is unknown: an upload that ends in between leaves a row for the sweeper.
 * Whoever decides that a picture stays or goes holds the lock of its key.
 */

import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as RcMap from "effect/RcMap"
import * as Schedule from "effect/Schedule"
import type { Scope } from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { fileTypeFromBuffer } from "file-type"
import { Db, refuse } from "../platform/Db.ts"
import { R2 } from "../platform/R2.ts"
import type { ObjectFacts, StoredObject, Unchanged } from "../platform/R2Object.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { ObjectKey } from "../shared/ObjectKey.ts"
import { Overloaded } from "../shared/Overloaded.ts"
import type { R2Unavailable } from "../shared/R2Unavailable.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { ImageKey, ImageType, ThumbnailWidth } from "./Image.ts"
import {
  GRACE_MS,
  ImageBusy,
  ImageEmpty,
  ImageKindUnsupported,
  ImageNotFound,
  isImageType,
  keyOf,
  THUMBNAIL_TYPE,
  thumbnailKeyOf,
  typeOf,
} from "./Image.ts"
import { ImagesRepo } from "./ImagesRepo.ts"
import type { ReceivedFile } from "./ReceivedFile.ts"

/** Files of uploads that are on disk at once. */
const UPLOADS_MAX = 32
/** Of them, those of one shop; its others wait for their turn, and are sent away when it does not come. */
const UPLOADS_PER_SHOP_MAX = 4
const TURN_MS_MAX = 10_000
const BUSY_RETRIES_MAX = 5
const BUSY_RETRY = "200 millis"

export interface UploadedImage {
  readonly key: ImageKey
  readonly type: ImageType
  readonly sizeBytes: number
}

/** What is shown for a key: the thumbnail that was asked for, or the picture itself as long as there is none. */
export type Shown<Found> = Found & {
  readonly type: string
  /** Whether it is not what was asked for, and another time may be. */
  readonly isStopgap: boolean
}

type Showing<Found, R = never> = Effect.Effect<Shown<Found>, ImageNotFound | R2Unavailable, R>

export class Images extends Context.Service<
  Images,
  {
    /** Receives a file and keeps it. Only so many are under way at once: the place is taken while the scope is open. */
    readonly upload: <E, R>(
      receive: Effect.Effect<ReceivedFile, E, R>,
    ) => Effect.Effect<
      UploadedImage,
      E | ImageEmpty | ImageKindUnsupported | ImageBusy | Overloaded | R2Unavailable | DatabaseUnavailable,
      R | TenantContext | Scope
    >
    readonly open: (
      key: ImageKey,
      width: ThumbnailWidth | undefined,
      ifNoneMatch: string | undefined,
    ) => Showing<StoredObject | Unchanged, Scope>
    /** The same without the content. */
    readonly look: (key: ImageKey, width: ThumbnailWidth | undefined) => Showing<ObjectFacts>
    /** Something was uploaded here. */
    readonly arrivals: Queue.Dequeue<void>
  }
>()("cvety/images/Images") {
  static readonly layerNoDeps = Layer.effect(
    Images,
    Effect.gen(function* () {
      const db = yield* Db
      const r2 = yield* R2
      const repo = yield* ImagesRepo
      const arrivals = yield* Queue.sliding<void>(1)
      const places = yield* Semaphore.make(UPLOADS_MAX)
      const placesOfShops = yield* RcMap.make({ lookup: (_: ShopId) => Semaphore.make(UPLOADS_PER_SHOP_MAX) })

      const admit = Effect.fn("Images.admit")(function* (key: ImageKey, sizeBytes: number) {
        const { shopId } = yield* TenantContext
        yield* db
          .transact({
            read: [repo.lockKey(key), repo.findRemoval(key)],
            write: ([, [removal]]) =>
              removal === undefined
                ? { queries: [repo.keep(shopId, key, sizeBytes, GRACE_MS)], answer: undefined }
                : refuse(new ImageBusy()),
          })
          .pipe(
            Effect.retry({
              while: (error) => error._tag === "ImageBusy",
              times: BUSY_RETRIES_MAX,
              schedule: Schedule.jittered(Schedule.spaced(BUSY_RETRY)),
            }),
          )
      })

      const keep = Effect.fn("Images.keep")(function* (file: ReceivedFile) {
        if (file.sizeBytes === 0) return yield* new ImageEmpty()
        const type = yield* imageTypeOf(file.head)
        const key = keyOf(file.sha256, type)
        const { shopId } = yield* TenantContext
        yield* admit(key, file.sizeBytes)
        const there = yield* r2.head(key)
        if (there?.sizeBytes !== file.sizeBytes) yield* r2.put(key, { ...file, contentType: type })
        yield* db.transact({
          read: [],
          write: () => ({ queries: [repo.markStored(shopId, key)], answer: undefined }),
        })
        yield* Queue.offer(arrivals, undefined)
        return { key, type, sizeBytes: file.sizeBytes }
      })

      const takeTurn = Effect.gen(function* () {
        const { shopId } = yield* TenantContext
        const placesOfShop = yield* RcMap.get(placesOfShops, shopId)
        yield* placesOfShop.takeScoped(1).pipe(
          Effect.timeoutOrElse({
            duration: TURN_MS_MAX,
            orElse: () => Effect.fail(new Overloaded()),
          }),
        )
      })

      const upload: Images["Service"]["upload"] = (receive) =>
        Effect.flatMap(receive, keep).pipe(
          places.withPermitsIfAvailable(1),
          Effect.flatMap((answer) =>
            answer._tag === "None" ? Effect.fail(new Overloaded()) : Effect.succeed(answer.value),
          ),
          (taken) => Effect.andThen(takeTurn, taken),
          Effect.withSpan("Images.upload"),
        )

      const show = Effect.fnUntraced(function* <Found, R>(
        find: (key: ObjectKey) => Effect.Effect<Found | undefined, R2Unavailable, R>,
        key: ImageKey,
        width: ThumbnailWidth | undefined,
      ) {
        const thumbnail = width === undefined ? undefined : yield* find(thumbnailKeyOf(key, width))
        if (thumbnail !== undefined) return { ...thumbnail, type: THUMBNAIL_TYPE, isStopgap: false }
        const whole = yield* find(key)
        if (whole === undefined) return yield* new ImageNotFound({ key })
        return { ...whole, type: typeOf(key), isStopgap: width !== undefined }
      })

      const open: Images["Service"]["open"] = Effect.fn("Images.open")((key, width, ifNoneMatch) =>
        show((object) => r2.get(object, { ifNoneMatch }), key, width),
      )

      const look: Images["Service"]["look"] = Effect.fn("Images.look")((key, width) =>
        show(r2.head, key, width),
      )

      return { upload, open, look, arrivals }
    }),
  )

  static readonly layer = Images.layerNoDeps.pipe(Layer.provide(ImagesRepo.layer))
}

/** By the first bytes. A PNG that moves is a PNG. */
const imageTypeOf = Effect.fnUntraced(function* (head: Uint8Array) {
  const found = yield* Effect.orElseSucceed(
    Effect.tryPromise(() => fileTypeFromBuffer(head)),
    () => undefined,
  )
  const type = found?.mime === "image/apng" ? "image/png" : found?.mime
  return isImageType(type) ? type : yield* new ImageKindUnsupported()
})
