/**
 * The one file of an upload: the part `file` of a form, or the body itself when its type is `image/...`. File names and
 * declared types are not believed, and other parts are not looked at.
 */
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Multipart from "effect/http/Multipart"
import * as Stream from "effect/Stream"
import { BodyMalformed } from "../shared/BodyFault.ts"
import { IMAGE_BYTES_MAX, ImageFileMissing, ImageTooLarge } from "./Image.ts"
import * as ReceivedFile from "./ReceivedFile.ts"

const PART = "file"
const PARTS_MAX = 20
const FIELD_BYTES_MAX = 65_536
/** What a form may hold around the file. */
const FORM_BYTES_MAX = 262_144

/** The file can be read while the scope is open. */
export const receive = Effect.fnUntraced(function* (request: HttpServerRequest) {
  const type = mediaTypeOf(request.headers["content-type"])
  const announced = Number(request.headers["content-length"])
  if (type === "multipart/form-data") {
    if (announced > IMAGE_BYTES_MAX + FORM_BYTES_MAX) return yield* new ImageTooLarge()
    return yield* fromForm(request)
  }
  if (!type.startsWith("image/")) return yield* new ImageFileMissing()
  if (announced > IMAGE_BYTES_MAX) return yield* new ImageTooLarge()
  return yield* ReceivedFile.receive(Stream.mapError(request.stream, () => new BodyMalformed()))
})

const mediaTypeOf = (header = ""): string => (header.split(";")[0] ?? "").trim().toLowerCase()

// To its end, because a form that ends without its last line was cut somewhere.
const fromForm = Effect.fnUntraced(function* (request: HttpServerRequest) {
  let file: ReceivedFile.ReceivedFile | undefined
  yield* Stream.mapError(request.multipartStream, faultOf).pipe(
    Stream.runForEach(
      Effect.fnUntraced(function* (part) {
        if (!Multipart.isFile(part)) return
        const content = Stream.mapError(part.content, faultOf)
        // A part that nobody reads holds up those behind it.
        if (file !== undefined || part.key !== PART) yield* Stream.runDrain(content)
        else file = yield* ReceivedFile.receive(content)
      }),
    ),
    Effect.provideContext(limits),
  )
  return file ?? (yield* new ImageFileMissing())
})

const limits = Multipart.limitsServices({
  maxParts: PARTS_MAX,
  maxFieldSize: FIELD_BYTES_MAX,
  maxTotalSize: IMAGE_BYTES_MAX + FORM_BYTES_MAX,
})

const faultOf = ({ reason }: Multipart.MultipartError): ImageTooLarge | BodyMalformed =>
  reason._tag === "BodyTooLarge" || reason._tag === "FileTooLarge" ? new ImageTooLarge() : new BodyMalformed()
