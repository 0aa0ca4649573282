/**
 * A file as it arrives: written piece by piece to disk, where it has no name, so that nothing is left of it when the
 * scope closes, the upload breaks off or the process dies. Hashed on the way; never whole in memory.
 */
import { createHash, randomUUID } from "node:crypto"
import { open, unlink } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { fileContent } from "../platform/fileContent.ts"
import { R2Unavailable } from "../shared/R2Unavailable.ts"
import { IMAGE_BYTES_MAX, ImageTooLarge } from "./Image.ts"

/** As much as tells the kind of a file. */
const HEAD_BYTES = 4_100

export interface ReceivedFile {
  readonly sizeBytes: number
  /** In hexadecimal. */
  readonly sha256: string
  readonly head: Uint8Array
  /** Can be read as often as needed while the scope is open. */
  readonly content: Stream.Stream<Uint8Array, R2Unavailable>
}

export const receive = Effect.fn("ReceivedFile.receive")(function* <E>(
  arriving: Stream.Stream<Uint8Array, E>,
) {
  const file = yield* openNameless
  const hash = createHash("sha256")
  const head: Array<Uint8Array> = []
  let headBytes = 0
  let sizeBytes = 0
  yield* Stream.runForEach(arriving, (bytes): Effect.Effect<void, ImageTooLarge | R2Unavailable> => {
    sizeBytes += bytes.length
    if (sizeBytes > IMAGE_BYTES_MAX) return Effect.fail(new ImageTooLarge())
    hash.update(bytes)
    if (headBytes < HEAD_BYTES) {
      // A copy, because a piece of a chunk would keep the whole of it.
      const piece = Uint8Array.from(bytes.subarray(0, HEAD_BYTES - headBytes))
      head.push(piece)
      headBytes += piece.length
    }
    return onDisk(() => file.writeFile(bytes))
  })
  return {
    sizeBytes,
    sha256: hash.digest("hex"),
    head: Buffer.concat(head),
    content: fileContent(file, sizeBytes, unavailable),
  } satisfies ReceivedFile
})

const openNameless = Effect.gen(function* () {
  const path = join(tmpdir(), `cvety-upload-${randomUUID()}`)
  const file = yield* Effect.acquireRelease(
    onDisk(() => open(path, "wx+", 0o600)),
    (file) => Effect.ignore(onDisk(() => file.close())),
  )
  yield* onDisk(() => unlink(path))
  return file
})

const unavailable = Effect.fail(new R2Unavailable())

const onDisk = <A>(run: () => Promise<A>) =>
  Effect.catch(Effect.tryPromise(run), (cause) =>
    Effect.andThen(Effect.logWarning("an upload could not be kept", cause), unavailable),
  )
