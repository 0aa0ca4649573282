import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServer from "effect/http/HttpServer"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Api } from "../Api.ts"
import type { ImageKey, ThumbnailWidth } from "./Image.ts"
import { ImageKeyMissing, ImageNotFound, parseKey, THUMBNAIL_WIDTHS } from "./Image.ts"
import type { UploadedImage } from "./Images.ts"
import { Images } from "./Images.ts"
import { UploadRefused } from "./ImagesApi.ts"
import * as UploadBody from "./UploadBody.ts"

/** For ever, as far as HTTP can say it. */
const FOREVER = "public, max-age=31536000, immutable"
const UNTIL_THE_THUMBNAIL_IS_MADE = "public, max-age=10"
const IF_NONE_MATCH_CHARS_MAX = 200

export const ImagesHttp = HttpApiBuilder.group(Api, "images", (handlers) =>
  Effect.gen(function* () {
    const images = yield* Images
    const urlOf = yield* urls

    const upload = (request: HttpServerRequest) =>
      Effect.map(images.upload(UploadBody.receive(request)), (image) => toUploaded(image, urlOf))

    const uploadAsWorker = (request: HttpServerRequest) =>
      upload(request).pipe(
        Effect.catchTags({
          ImageFileMissing: refused,
          ImageEmpty: refused,
          ImageTooLarge: refused,
          ImageKindUnsupported: refused,
          BodyMalformed: refused,
        }),
      )

    return handlers
      .handleRaw("upload", ({ request }) => upload(request))
      .handleRaw("uploadAsWorker", ({ request }) => uploadAsWorker(request))
      .handleRaw("uploadAtRoot", ({ request }) => uploadAsWorker(request))
      .handle("show", ({ params, query, request }) =>
        openToEveryOrigin.pipe(
          Effect.andThen(requested(params.key)),
          Effect.flatMap((key) =>
            request.method === "HEAD"
              ? look(images, key, query.w)
              : show(images, key, query.w, request.headers["if-none-match"]),
          ),
        ),
      )
      .handle("showNothing", () => Effect.fail(new ImageKeyMissing()))
  }),
)

const refused = ({ detail }: { readonly detail: string }) => Effect.fail(new UploadRefused({ error: detail }))

/** Where pictures are found from outside. Who asks has no say in it: the URL is kept with products. */
const urls = Effect.gen(function* () {
  const given = yield* Config.option(Config.URL("IMAGES_BASE_URL"))
  const { address } = yield* HttpServer.HttpServer
  const environment = yield* Config.String("APP_ENV").pipe(Config.withDefault("development"))
  if (environment === "production" && Option.isNone(given)) {
    const host = yield* Config.String("HOST").pipe(Config.withDefault(""))
    if (ANY_ADDRESS.has(host)) {
      return yield* new ImagesBaseUrlMissing({
        message:
          "IMAGES_BASE_URL must be set where HOST is every address: products keep URLs of their pictures",
      })
    }
    yield* Effect.logWarning(
      "IMAGES_BASE_URL is not set: products will keep URLs that lead to this node alone",
    )
  }
  const base = Option.match(given, {
    onNone: () => HttpServer.formatAddress(address),
    onSome: ({ href }) => href.replace(/\/+$/, ""),
  })
  return (key: ImageKey) => `${base}/images/${key}`
})

/** Where nobody can be sent. */
const ANY_ADDRESS = new Set(["0.0.0.0", "::"])

class ImagesBaseUrlMissing extends Schema.TaggedError<ImagesBaseUrlMissing>()("ImagesBaseUrlMissing", {
  message: Schema.String,
}) {}

const toUploaded = ({ key, type, sizeBytes }: UploadedImage, urlOf: (key: ImageKey) => string) => {
  const url = urlOf(key)
  return {
    success: true as const,
    imageId: key,
    url,
    size: sizeBytes,
    type,
    thumbnails: Object.fromEntries(THUMBNAIL_WIDTHS.map((width) => [String(width), `${url}?w=${width}`])),
  }
}

// After what the settings say of other answers, where a single origin would be named to everybody.
const openToEveryOrigin = HttpEffect.appendPreResponseHandler((_request, response) =>
  Effect.succeed(
    HttpServerResponse.setHeader(
      HttpServerResponse.removeHeader(response, "access-control-allow-credentials"),
      "access-control-allow-origin",
      "*",
    ),
  ),
)

const requested = (text: string): Effect.Effect<ImageKey, ImageKeyMissing | ImageNotFound> => {
  const key = parseKey(text)
  if (key === undefined) return Effect.fail(new ImageNotFound({ key: text }))
  return key === "missing" ? Effect.fail(new ImageKeyMissing()) : Effect.succeed(key)
}

const look = (images: Images["Service"], key: ImageKey, width: ThumbnailWidth | undefined) =>
  Effect.map(images.look(key, width), ({ etag, type, isStopgap, sizeBytes }) =>
    HttpServerResponse.empty({
      status: 200,
      headers: {
        ...headersOf(etag, isStopgap),
        "content-type": type,
        "content-length": String(sizeBytes),
      },
    }),
  )

const show = (
  images: Images["Service"],
  key: ImageKey,
  width: ThumbnailWidth | undefined,
  ifNoneMatch: string | undefined,
) => {
  const known = tagsIn(ifNoneMatch)
  return Effect.map(images.open(key, width, known.at(-1)), (shown) => {
    const headers = headersOf(shown.etag, shown.isStopgap)
    return "isUnchanged" in shown || known.includes(shown.etag)
      ? HttpServerResponse.empty({ status: 304, headers })
      : HttpServerResponse.stream(shown.content, {
          contentType: shown.type,
          contentLength: shown.sizeBytes,
          headers,
        })
  })
}

/** Weak ones too: whoever compresses on the way weakens them. */
const tagsIn = (header = ""): ReadonlyArray<string> =>
  header.length > IF_NONE_MATCH_CHARS_MAX ? [] : (header.match(/"[^"]*"/g) ?? [])

const headersOf = (etag: string, isStopgap: boolean) => ({
  etag,
  "cache-control": isStopgap ? UNTIL_THE_THUMBNAIL_IS_MADE : FOREVER,
  "cross-origin-resource-policy": "cross-origin",
  "content-disposition": "inline",
  // A picture that is also a page, or a script, is never run.
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; sandbox",
})
