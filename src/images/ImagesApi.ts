import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "../auth/Access.ts"
import { ShopAccess } from "../auth/Access.ts"
import { BodyMalformed } from "../shared/BodyFault.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { Overloaded } from "../shared/Overloaded.ts"
import { numberInText } from "../shared/QueryValue.ts"
import { R2Unavailable } from "../shared/R2Unavailable.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import {
  ImageBusy,
  ImageEmpty,
  ImageFileMissing,
  ImageKeyMissing,
  ImageKindUnsupported,
  ImageNotFound,
  ImageTooLarge,
  ImageType,
  THUMBNAIL_WIDTHS,
} from "./Image.ts"

const Url = Schema.String.annotate({ description: "Absolute" })

export const UploadedImage = Schema.Struct({
  success: Schema.Literal(true),
  imageId: Schema.String.annotate({ description: "The key: SHA-256 of the content and its kind" }),
  url: Url,
  size: Schema.Int.annotate({ description: "Bytes" }),
  type: ImageType,
  thumbnails: Schema.Record(Schema.String, Url).annotate({
    description: "By width in pixels; shows the picture itself until the thumbnail is made",
  }),
})

/** Refusals in the form that the image worker had. */
export class UploadRefused extends Schema.Error<UploadRefused>("UploadRefused")(
  { _tag: Schema.tagDefaultOmit("UploadRefused"), error: Schema.String },
  { httpApiStatus: 400 },
) {}

const PICTURE = "(the bytes of a picture)"

const Form = Schema.Struct({
  file: Schema.String.annotate({ format: "binary", description: "JPEG, PNG, WebP or GIF, at most 10 MiB" }),
})
  .annotate({ examples: [{ file: PICTURE }] })
  .pipe(HttpApiSchema.asMultipartStream())

const Body = Schema.String.annotate({ format: "binary", examples: [PICTURE] }).pipe(
  HttpApiSchema.asText({ contentType: "image/*" }),
)

const payload = [Form, Body] as const
const outages = [R2Unavailable, ImageBusy, Overloaded, DatabaseUnavailable] as const

const Picture = Schema.Uint8Array.pipe(HttpApiSchema.asUint8Array({ contentType: "image/*" }))

const asTheWorker =
  "For clients of the image worker, which asked for no credential. Refusals of a file are 400 with `error`."

export class ImagesApi extends HttpApiGroup.make("images")
  .add(
    HttpApiEndpoint.post("upload", "/api/v1/images", {
      payload,
      success: UploadedImage,
      error: [ImageFileMissing, ImageEmpty, ImageTooLarge, ImageKindUnsupported, BodyMalformed, ...outages],
    })
      .middleware(ShopAccess)
      .annotateMerge(Access.permission("update_products"))
      .annotateMerge(
        OpenApi.annotations({
          summary: "Upload a picture",
          description:
            "JPEG, PNG, WebP or GIF by its content, at most 10 MiB: the part `file` of a form, or the body itself. " +
            "The same picture always has the same `imageId`. One that no product shows may be removed after a day. " +
            "Of one shop four are taken at a time; others wait up to 10 s and are answered 503. A picture of more than " +
            "25 million pixels, or of more than 120 MB unfolded, is kept and has no thumbnails.",
        }),
      ),
    HttpApiEndpoint.post("uploadAsWorker", "/images/upload", {
      payload,
      success: UploadedImage.pipe(HttpApiSchema.status(201)),
      error: [UploadRefused, ...outages],
    })
      .middleware(ShopAccess)
      .annotateMerge(Access.permission("update_products"))
      .annotateMerge(OpenApi.annotations({ summary: "Upload a picture", description: asTheWorker })),
    HttpApiEndpoint.post("uploadAtRoot", "/upload", {
      payload,
      success: UploadedImage.pipe(HttpApiSchema.status(201)),
      error: [UploadRefused, ...outages],
    })
      .middleware(ShopAccess)
      .annotateMerge(Access.permission("update_products"))
      .annotateMerge(OpenApi.annotations({ summary: "Upload a picture", description: asTheWorker })),
    HttpApiEndpoint.get("show", "/images/:key", {
      params: { key: Schema.String },
      query: {
        w: Schema.optionalKey(
          numberInText(Schema.Literals(THUMBNAIL_WIDTHS)).pipe(
            Schema.annotateEncoded({
              description:
                "320, 640 or 1280: a thumbnail so many pixels wide, in WebP, or the picture itself as long as there is none",
            }),
          ),
        ),
      },
      success: Picture,
      error: [ImageKeyMissing, ImageNotFound, ValidationFailed, R2Unavailable],
    })
      .annotateMerge(Access.everyone)
      .annotateMerge(
        OpenApi.annotations({
          summary: "A picture, for anybody",
          description: "Never changes: may be kept for ever. `If-None-Match` is answered with 304.",
        }),
      ),
    HttpApiEndpoint.get("showNothing", "/images", { success: Picture, error: ImageKeyMissing })
      .annotateMerge(Access.everyone)
      .annotateMerge(OpenApi.annotations({ summary: "A picture without its key: always 400" })),
  )
  .annotateMerge(OpenApi.annotations({ title: "Images" })) {}
