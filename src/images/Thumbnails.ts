/**
 * Thumbnails of a picture: WebP in three widths, turned as the camera was held, without the camera's notes.
 *
 * The picture is decoded once, on a thread of libvips, into its largest thumbnail; the smaller ones come from that. What
 * would unfold into more than `PIXELS_MAX` or `UNFOLDED_BYTES_MAX` is refused by its header, before anything is decoded.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Metadata, Sharp } from "sharp"
import type { ThumbnailWidth } from "./Image.ts"
import { THUMBNAIL_WIDTHS } from "./Image.ts"

const PIXELS_MAX = 25_000_000
/** Pictures that are held whole take about a quarter more than this. */
const UNFOLDED_BYTES_MAX = 120_000_000
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
  const metadata = await picture.metadata()
  const unfoldedBytes = metadata.width * metadata.height * bytesPerPixel(metadata)
  if (unfoldedBytes > UNFOLDED_BYTES_MAX) {
    throw new Error(`unfolds into ${unfoldedBytes} bytes, at most ${UNFOLDED_BYTES_MAX} are taken`)
  }
  const { data, info } = await within(picture.autoOrient(), THUMBNAIL_WIDTHS.at(-1) ?? 0)
    .toColourspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true })
  const byWidth: Array<readonly [ThumbnailWidth, Uint8Array]> = []
  for (const width of THUMBNAIL_WIDTHS) {
    const raw = { width: info.width, height: info.height, channels: info.channels }
    byWidth.push([width, await within(sharp(data, { raw }), width).webp({ quality: QUALITY }).toBuffer()])
  }
  return { width: metadata.autoOrient.width, height: metadata.autoOrient.height, byWidth }
}

/** What is held of a pixel when the picture has to be held whole. */
const bytesPerPixel = (metadata: Metadata): number => {
  if (metadata.format === "gif") return GIF_BYTES
  if (metadata.format === "jpeg" && metadata.isProgressive) {
    return COEFFICIENT_BYTES * (metadata.chromaSubsampling === "4:2:0" ? 1.5 : metadata.channels)
  }
  return metadata.channels * (metadata.depth === "uchar" ? 1 : 2)
}

/** A picture with its transparency, and half of it again for what it is composed of. */
const GIF_BYTES = 6
/** A JPEG that sharpens step by step keeps what it knows of every sample until the last step. */
const COEFFICIENT_BYTES = 2

const within = (picture: Sharp, width: number): Sharp =>
  picture
    .timeout({ seconds: SECONDS_MAX })
    .resize({ width, height: width * HEIGHT_PER_WIDTH_MAX, fit: "inside", withoutEnlargement: true })
