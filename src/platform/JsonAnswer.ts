import * as HttpServerResponse from "effect/http/HttpServerResponse"

/**
 * An answer whose type is its contract, written as it stands. Encoding a long list by its schema costs more than
 * finding it. As text it leaves in one piece with its headers.
 */
export const of = <A>(value: A): HttpServerResponse.HttpServerResponse => {
  const text = JSON.stringify(value)
  return HttpServerResponse.raw(text, {
    contentType: "application/json",
    contentLength: Buffer.byteLength(text),
  })
}
