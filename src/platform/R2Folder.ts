/**
 * The store as a folder: `DATA_DIR/images/<first two characters of the key>/<key>`.
 *
 *   incoming/<random> written, flushed --> renamed to its place --> folder flushed
 *
 * A crash leaves at most a file in `incoming/`, which a later start removes. Several processes may share the folder.
 */
import { randomUUID } from "node:crypto"
import type { Stats } from "node:fs"
import type { FileHandle } from "node:fs/promises"
import { mkdir, open as openFile, readdir, rename, stat, unlink } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { R2Unavailable } from "../shared/R2Unavailable.ts"
import { fileContent } from "./fileContent.ts"
import type { R2 } from "./R2.ts"
import type { NewObject } from "./R2Object.ts"
import { exactContent } from "./R2Object.ts"

/** No writing takes as long: a file in `incoming/` that is older was left by a crash. */
const INCOMING_MS_MAX = 3_600_000

export const open = Effect.fnUntraced(function* (dataDir: string) {
  const root = join(dataDir, "images")
  yield* removeLeftovers(join(root, INCOMING))
  return make(root)
})

const INCOMING = "incoming"

const make = (root: string): R2["Service"] => {
  const shardOf = (key: string) => join(root, key.slice(0, SHARD_CHARS))
  const placeOf = (key: string) => join(shardOf(key), key)

  const put: R2["Service"]["put"] = Effect.fn("R2Folder.put")(function* (key, object) {
    const temporary = join(root, INCOMING, randomUUID())
    yield* io(() => mkdir(join(root, INCOMING), { recursive: true }))
    const made = yield* io(() => mkdir(shardOf(key), { recursive: true }))
    yield* write(temporary, object).pipe(
      Effect.andThen(io(() => rename(temporary, placeOf(key)))),
      Effect.onError(() => Effect.ignore(io(() => unlink(temporary)))),
    )
    yield* flushFolder(shardOf(key))
    if (made !== undefined) yield* flushFolder(root)
  })

  const get: R2["Service"]["get"] = Effect.fn("R2Folder.get")(function* (key, { ifNoneMatch } = {}) {
    const file = yield* Effect.acquireRelease(
      ioOrAbsent(() => openFile(placeOf(key), "r")),
      (file) => (file === undefined ? Effect.void : closed(file)),
    )
    if (file === undefined) return undefined
    const facts = factsOf(yield* io(() => file.stat()))
    if (facts.etag === ifNoneMatch) return { etag: facts.etag, isUnchanged: true as const }
    return { ...facts, content: fileContent(file, facts.sizeBytes, unavailable) }
  })

  const head: R2["Service"]["head"] = Effect.fn("R2Folder.head")(function* (key) {
    const stats = yield* ioOrAbsent(() => stat(placeOf(key)))
    return stats === undefined ? undefined : factsOf(stats)
  })

  const remove: R2["Service"]["remove"] = Effect.fn("R2Folder.remove")((key) =>
    Effect.asVoid(ioOrAbsent(() => unlink(placeOf(key)))),
  )

  const list: R2["Service"]["list"] = Effect.fn("R2Folder.list")(function* ({ prefix, cursor, limit }) {
    const shards = (yield* namesIn(root)).filter((name) => name.length === SHARD_CHARS)
    const keys: Array<string> = []
    for (const shard of shards) {
      if (cursor !== null && shard < cursor.slice(0, SHARD_CHARS)) continue
      const names = yield* namesIn(join(root, shard))
      keys.push(...names.filter((name) => name.startsWith(prefix) && (cursor === null || name > cursor)))
      if (keys.length > limit) break
    }
    const page = keys.slice(0, limit)
    const found = yield* Effect.forEach(page, (key) =>
      Effect.map(
        ioOrAbsent(() => stat(placeOf(key))),
        (stats) => (stats === undefined ? [] : [{ key, sizeBytes: stats.size, modifiedAt: stats.mtime }]),
      ),
    )
    return { objects: found.flat(), cursor: keys.length > limit ? (page.at(-1) ?? null) : null }
  })

  return { put, get, head, remove, list }
}

const SHARD_CHARS = 2

const write = (path: string, object: NewObject) =>
  Effect.acquireUseRelease(
    io(() => openFile(path, "wx")),
    (file) =>
      Effect.andThen(
        Stream.runForEach(exactContent(object), (bytes) => io(() => file.writeFile(bytes))),
        io(() => file.sync()),
      ),
    closed,
  )

// The name of a file is part of its folder. Windows flushes none and needs none.
const flushFolder = (path: string) =>
  process.platform === "win32"
    ? Effect.void
    : Effect.acquireUseRelease(
        io(() => openFile(path, "r")),
        (folder) => io(() => folder.sync()),
        closed,
      )

const factsOf = ({ size, mtimeMs }: Pick<Stats, "size" | "mtimeMs">) => ({
  sizeBytes: size,
  etag: `"${size.toString(16)}-${Math.round(mtimeMs * 1_000).toString(16)}"`,
})

const namesIn = (path: string) =>
  Effect.map(
    ioOrAbsent(() => readdir(path)),
    (names) => (names ?? []).toSorted(),
  )

const removeLeftovers = Effect.fnUntraced(function* (incoming: string) {
  for (const name of yield* namesIn(incoming)) {
    const path = join(incoming, name)
    const stats = yield* ioOrAbsent(() => stat(path))
    if (stats !== undefined && Date.now() - stats.mtimeMs > INCOMING_MS_MAX) {
      yield* ioOrAbsent(() => unlink(path))
    }
  }
})

const unavailable = Effect.fail(new R2Unavailable())

const closed = (file: FileHandle) => Effect.ignore(io(() => file.close()))

const io = <A>(run: () => Promise<A>): Effect.Effect<A, R2Unavailable> =>
  Effect.catch(Effect.tryPromise(run), ({ cause }) =>
    Effect.andThen(Effect.logWarning("image folder failed", cause), unavailable),
  )

/** Undefined when there is no such file. */
const ioOrAbsent = <A>(run: () => Promise<A>): Effect.Effect<A | undefined, R2Unavailable> =>
  io(() =>
    run().catch((cause: unknown) => {
      if (isAbsence(cause)) return undefined
      throw cause
    }),
  )

const isAbsence = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR")
