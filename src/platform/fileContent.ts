import type { FileHandle } from "node:fs/promises"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

const CHUNK_BYTES = 65_536

/**
 * The first `sizeBytes` of an open file. Every run reads from the beginning and keeps its own place, so that runs may
 * overlap; a file that ends early fails.
 */
export const fileContent = <E>(
  file: FileHandle,
  sizeBytes: number,
  failure: Effect.Effect<never, E>,
): Stream.Stream<Uint8Array, E> =>
  Stream.unfold(0, (position) => {
    const wanted = Math.min(CHUNK_BYTES, sizeBytes - position)
    if (wanted <= 0) return Effect.succeed(undefined)
    return Effect.tryPromise(() => file.read(Buffer.allocUnsafe(wanted), 0, wanted, position)).pipe(
      Effect.catch(() => failure),
      Effect.flatMap(({ bytesRead, buffer }) =>
        bytesRead === 0
          ? failure
          : Effect.succeed([buffer.subarray(0, bytesRead), position + bytesRead] as const),
      ),
    )
  })
