/** Requests of the S3 API, signed with version 4. */
import { AwsV4Signer } from "aws4fetch"
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import type { ObjectKey } from "../shared/ObjectKey.ts"
import type { NewObject } from "./R2Object.ts"
import { exactContent } from "./R2Object.ts"

export interface BucketSettings {
  readonly endpoint: URL
  readonly bucket: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: Redacted.Redacted
}

export interface Unsigned {
  readonly method: "PUT" | "GET" | "HEAD" | "DELETE"
  /** Undefined for the bucket itself. */
  readonly key?: ObjectKey
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly object?: NewObject
}

const SHA256_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/** Signed at the time it runs, so that a repeated request is not an old one. */
export const sign = (
  { endpoint, bucket, region, accessKeyId, secretAccessKey }: BucketSettings,
  unsigned: Unsigned,
) =>
  Effect.map(
    Effect.promise(() =>
      new AwsV4Signer({
        method: unsigned.method,
        url: urlOf(endpoint, bucket, unsigned).href,
        headers: {
          ...unsigned.headers,
          "x-amz-content-sha256": unsigned.object?.sha256 ?? SHA256_OF_NOTHING,
        },
        accessKeyId,
        secretAccessKey: Redacted.value(secretAccessKey),
        service: "s3",
        region,
      }).sign(),
    ),
    ({ url, headers }) => {
      const request = HttpClientRequest.make(unsigned.method)(url, { headers: Object.fromEntries(headers) })
      return unsigned.object === undefined ? request : withContent(request, unsigned.object)
    },
  )

// Keys are safe in a path as they are; a bucket name is checked by nobody but the store.
const urlOf = (endpoint: URL, bucket: string, { key, query = {} }: Unsigned): URL => {
  const url = new URL(endpoint)
  const path = [bucket, ...(key === undefined ? [] : [key])].map(encodeURIComponent).join("/")
  url.pathname = `${endpoint.pathname.replace(/\/$/, "")}/${path}`
  url.search = new URLSearchParams(query).toString()
  return url
}

// A byte too many would be the beginning of the next request on the same connection.
const withContent = (request: HttpClientRequest.HttpClientRequest, object: NewObject) =>
  HttpClientRequest.bodyStream(request, exactContent(object), {
    contentType: object.contentType,
    contentLength: object.sizeBytes,
  })
