/** Pictures made for a test, and requests that upload them. */
import { randomBytes } from "node:crypto"
import * as Effect from "effect/Effect"
import sharp from "sharp"
import type { Answer } from "./TestService.ts"

export type Format = "jpeg" | "png" | "webp" | "gif"

/** One that nobody else has, since its colours are chance. */
export const makePicture = (format: Format, width = 64, height = 48): Effect.Effect<Buffer> =>
  Effect.promise(() =>
    sharp(randomBytes(16 * 12 * 3), { raw: { width: 16, height: 12, channels: 3 } })
      .resize(width, height, { fit: "fill", kernel: "nearest" })
      .toFormat(format)
      .toBuffer(),
  )

/** A picture with so much behind it that it has the size: readers stop at its end. */
export const makePictureOfSize = (bytes: number): Effect.Effect<Buffer> =>
  Effect.map(makePicture("jpeg"), (picture) => Buffer.concat([picture, Buffer.alloc(bytes - picture.length)]))

export interface Upload {
  readonly path?: string
  readonly token?: string | undefined
  /** Of the body, or of the part of the form. */
  readonly type?: string
  /** Sends a form with a part of this name. */
  readonly part?: string
  readonly fileName?: string
}

export const upload = (url: string, bytes: Uint8Array, options: Upload = {}): Effect.Effect<Answer> =>
  Effect.promise(async () => {
    const { path = "/api/v1/images", token, type = "image/jpeg", part, fileName = "picture.jpg" } = options
    const form = new FormData()
    if (part !== undefined)
      form.append(part, new Blob([bytes as Uint8Array<ArrayBuffer>], { type }), fileName)
    const response = await fetch(url + path, {
      method: "POST",
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(part === undefined ? { "content-type": type } : {}),
      },
      body: part === undefined ? (bytes as Uint8Array<ArrayBuffer>) : form,
    })
    return { status: response.status, headers: response.headers, body: await response.json() }
  })
