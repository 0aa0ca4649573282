/** What `R2` keeps and tells of. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { R2Unavailable } from "../shared/R2Unavailable.ts"

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

/** The content, no more and no less than was announced: what is not as it was announced fails. */
export const exactContent = ({ content, sizeBytes }: NewObject): NewObject["content"] =>
  Stream.suspend(() => {
    let left = Math.min(sizeBytes, OBJECT_BYTES_MAX)
    const missing = Stream.suspend(() => (left === 0 ? Stream.empty : Stream.fail(new R2Unavailable())))
    return content.pipe(
      Stream.tap((bytes) => {
        left -= bytes.length
        return left < 0 ? Effect.fail(new R2Unavailable()) : Effect.void
      }),
      Stream.concat(missing),
    )
  })

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
