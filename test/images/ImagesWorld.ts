/** A node with a store of its own, a shop, and what is to be seen of both from outside. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { TestDatabase } from "../support/TestDatabase.ts"
import { startNode } from "../support/TestNode.ts"
import { insertShop } from "../support/TestPeople.ts"
import type { Upload } from "../support/TestPictures.ts"
import { upload } from "../support/TestPictures.ts"

export const makeDataDir = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "cvety-test-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true })),
)

export const start = (settings: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const { witness } = yield* TestDatabase
    const dataDir = yield* makeDataDir
    const node = yield* startNode({ settings: { DATA_DIR: dataDir, RUN_SEEDS: "false", ...settings } })
    const director = yield* insertShop(witness)
    return {
      ...node,
      witness,
      dataDir,
      director,
      upload: (bytes: Uint8Array, options: Upload = {}) =>
        upload(node.url, bytes, { token: director.token, ...options }),
      rows: (shopId = director.shopId) =>
        Effect.promise(() => witness`SELECT * FROM image WHERE shop_id = ${shopId} ORDER BY created_at, key`),
      pictures: () => objectsIn(dataDir).filter((name) => !/\.\d+\.webp$/.test(name)),
      thumbnails: () => objectsIn(dataDir).filter((name) => /\.\d+\.webp$/.test(name)),
    }
  })

/** Names of the pictures and thumbnails that the folder keeps. */
export const objectsIn = (dataDir: string): ReadonlyArray<string> => {
  const root = join(dataDir, "images")
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((path) => path.split("/").at(-1) ?? "")
    .filter((name) => /^[0-9a-f]{64}\./.test(name))
    .toSorted()
}
