/**
 * Pictures that shops upload. The key names the content: its SHA-256 and its kind, so the same bytes always have the
 * same key and a key never changes what it shows.
 *
 *   <sha256>.jpg             the picture as it was uploaded
 *   <sha256>.jpg.320.webp    its thumbnail, 320 pixels wide
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { fault } from "../shared/Fault.ts"
import { ObjectKey } from "../shared/ObjectKey.ts"

/** Exactly so much is taken. */
export const IMAGE_BYTES_MAX = 10 * 1_024 * 1_024

/** Pixels, from the smallest. A picture that is narrower keeps its width. */
export const THUMBNAIL_WIDTHS = [320, 640, 1_280] as const
export type ThumbnailWidth = (typeof THUMBNAIL_WIDTHS)[number]

export const THUMBNAIL_TYPE = "image/webp"

/** A picture that nobody uses stays so long: after its upload, and after it was last found in use. */
export const GRACE_MS = 24 * 3_600_000

/** What is taken, by the first bytes and not by what a client says. */
export const kinds = {
  "image/jpeg": "jpg",
  "image/png": "png",
  "image/webp": "webp",
  "image/gif": "gif",
} as const
export const ImageType = Schema.Literals(["image/jpeg", "image/png", "image/webp", "image/gif"])
export type ImageType = typeof ImageType.Type

export const ImageKey = ObjectKey.check(Schema.isPattern(/^[0-9a-f]{64}\.(jpg|png|webp|gif)$/)).pipe(
  Schema.brand("ImageKey"),
)
export type ImageKey = typeof ImageKey.Type

const isImageKey = Schema.is(ImageKey)
export const isImageType = Schema.is(ImageType)

export const keyOf = (sha256: string, type: ImageType): ImageKey => ImageKey.make(`${sha256}.${kinds[type]}`)

export const thumbnailKeyOf = (key: ImageKey, width: ThumbnailWidth): ObjectKey =>
  ObjectKey.make(`${key}.${width}.webp`)

export const typeOf = (key: ImageKey): ImageType => {
  const extension = key.slice(key.lastIndexOf(".") + 1)
  return ImageType.literals.find((type) => kinds[type] === extension) ?? "image/jpeg"
}

/** Everything that the store keeps of a picture. */
export const objectsOf = (key: ImageKey): ReadonlyArray<ObjectKey> => [
  key,
  ...THUMBNAIL_WIDTHS.map((width) => thumbnailKeyOf(key, width)),
]

/** The picture that an object of the store belongs to; undefined when it is none of a picture. */
export const imageOf = (object: string): ImageKey | undefined => {
  const key = object.replace(/\.\d{1,5}\.webp$/, "")
  return isImageKey(key) ? key : undefined
}

/** The key in a path that people may have written; slashes before it and steps upwards are taken away. */
export const parseKey = (text: string): ImageKey | "missing" | undefined => {
  const key = text.replaceAll("..", "").replace(/^\/+/, "")
  return key === "" ? "missing" : isImageKey(key) ? key : undefined
}

const NOT_FOUND = "Image not found"

export class ImageFileMissing extends Schema.Error<ImageFileMissing>("ImageFileMissing")(
  fault("ImageFileMissing", "No file: send a multipart part named file, or the image as the body"),
  { httpApiStatus: 400 },
) {}

export class ImageEmpty extends Schema.Error<ImageEmpty>("ImageEmpty")(fault("ImageEmpty", "File is empty"), {
  httpApiStatus: 400,
}) {}

export class ImageTooLarge extends Schema.Error<ImageTooLarge>("ImageTooLarge")(
  fault("ImageTooLarge", "File too large. Max size: 10MB"),
  { httpApiStatus: 413 },
) {}

export class ImageKindUnsupported extends Schema.Error<ImageKindUnsupported>("ImageKindUnsupported")(
  fault("ImageKindUnsupported", "Invalid file type. Allowed: JPEG, PNG, WebP, GIF"),
  { httpApiStatus: 415 },
) {}

/** The same picture is just being removed. */
export class ImageBusy extends Schema.Error<ImageBusy>("ImageBusy")(
  fault("ImageBusy", "This image is just being removed, try again later"),
  { httpApiStatus: 503 },
) {}

export class ImageKeyMissing extends Schema.Error<ImageKeyMissing>("ImageKeyMissing")(
  fault("ImageKeyMissing", "Image key is missing"),
  { httpApiStatus: 400 },
) {}

/** Says it a second time as the image worker did. */
export class ImageNotFound extends Schema.Error<ImageNotFound>("ImageNotFound")(
  {
    ...fault("ImageNotFound", NOT_FOUND),
    error: Schema.String.pipe(Schema.withConstructorDefault(Effect.succeed(NOT_FOUND))),
    key: Schema.String,
  },
  { httpApiStatus: 404 },
) {}
