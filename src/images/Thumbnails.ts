/**
 * Thumbnails of a picture: WebP in three widths, turned as the camera was held, without the camera's notes.
 *
 * The picture is decoded once, on a thread of libvips, into its largest thumbnail; the smaller ones come from that. What
 * would unfold into more than `PIXELS_MAX` is refused by its header, before anything is decoded.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Sharp } from "sharp"
import type { ThumbnailWidth } from "./Image.ts"
import { THUMBNAIL_WIDTHS } from "./Image.ts"

const PIXELS_MAX = 50_000_000
const SECONDS_MAX = 20
const QUALITY = 80
/** A picture that is a narrow strip gets a thumbnail at most so many times as high as it is wide. */
const HEIGHT_PER_WIDTH_MAX = 4

export interface Thumbnails {
  /** Of the picture as it is shown. */
  readonly width: number
  readonly height: number
  readonly byWidth: ReadonlyArray<readonly [ThumbnailWidth, Uint8Array]>
}

/** The picture is none, is damaged, or is too large to be looked at. */
export class PictureUnfit extends Data.TaggedError("PictureUnfit")<{ readonly reason: string }> {}

/** The library is loaded when the first picture comes; that it cannot be is not the picture's fault. */
export const makeThumbnails = Effect.fn("Thumbnails.make")(function* (bytes: Uint8Array) {
  const sharp = yield* loadSharp
  return yield* Effect.tryPromise({
    try: () => make(sharp, bytes),
    catch: (cause) => new PictureUnfit({ reason: String(cause instanceof Error ? cause.message : cause) }),
  })
})

type Library = Effect.Success<typeof loadSharp>

const loadSharp = Effect.map(
  Effect.tryPromise(() => import("sharp")),
  ({ default: sharp }) => {
    sharp.cache(false)
    sharp.concurrency(1)
    return sharp
  },
)

const make = async (sharp: Library, bytes: Uint8Array): Promise<Thumbnails> => {
  const picture = sharp(bytes, { limitInputPixels: PIXELS_MAX, failOn: "error", sequentialRead: true })
  const { autoOrient } = await picture.metadata()
  const { data, info } = await within(picture.autoOrient(), THUMBNAIL_WIDTHS.at(-1) ?? 0)
    .toColourspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true })
  const byWidth: Array<readonly [ThumbnailWidth, Uint8Array]> = []
  for (const width of THUMBNAIL_WIDTHS) {
    const raw = { width: info.width, height: info.height, channels: info.channels }
    byWidth.push([width, await within(sharp(data, { raw }), width).webp({ quality: QUALITY }).toBuffer()])
  }
  return { width: autoOrient.width, height: autoOrient.height, byWidth }
}

const within = (picture: Sharp, width: number): Sharp =>
  picture
    .timeout({ seconds: SECONDS_MAX })
    .resize({ width, height: width * HEIGHT_PER_WIDTH_MAX, fit: "inside", withoutEnlargement: true })
