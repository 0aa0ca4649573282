/** What `R2` keeps and tells of. */
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import { fault } from "../shared/Fault.ts"

/** Neither a path nor a surprise for any file system or URL: small letters, digits, and single signs between them. */
export const ObjectKey = Schema.String.check(
  Schema.isPattern(/^[a-z0-9]{2,}(?:[._-][a-z0-9]+)*$/),
  Schema.isMaxLength(120),
).pipe(Schema.brand("ObjectKey"))
export type ObjectKey = typeof ObjectKey.Type

export const isObjectKey = Schema.is(ObjectKey)

/** Larger ones are neither taken nor given. */
export const OBJECT_BYTES_MAX = 16 * 1_024 * 1_024

export interface NewObject {
  readonly sizeBytes: number
  /** SHA-256 of the content in hexadecimal. */
  readonly sha256: string
  readonly contentType: string
  /** Runs once for every attempt. */
  readonly content: Stream.Stream<Uint8Array, R2Unavailable>
}

export interface ObjectFacts {
  readonly sizeBytes: number
  /** Changes with the content; in quotes, as it stands in the header. */
  readonly etag: string
}

export interface StoredObject extends ObjectFacts {
  /** Fails when it breaks off, so that nobody takes a part for the whole. */
  readonly content: Stream.Stream<Uint8Array, R2Unavailable>
}

/** The content is what the caller has already. */
export interface Unchanged {
  readonly etag: string
  readonly isUnchanged: true
}

export interface ListedObject {
  readonly key: string
  readonly sizeBytes: number
  readonly modifiedAt: Date
}

export interface ObjectPage {
  /** In the order of their keys. */
  readonly objects: ReadonlyArray<ListedObject>
  /** Where the next page begins; null after the last. */
  readonly cursor: string | null
}

/** The store cannot answer now. The caller may try again. */
export class R2Unavailable extends Schema.Error<R2Unavailable>("R2Unavailable")(
  fault("R2Unavailable", "Image storage is unavailable, try again later"),
  { httpApiStatus: 503 },
) {}
