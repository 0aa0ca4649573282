import { readdirSync } from "node:fs"
import { request } from "node:http"
import { tmpdir } from "node:os"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { eventually } from "../support/eventually.ts"
import * as ServiceProcess from "../support/ServiceProcess.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { insertShop } from "../support/TestPeople.ts"
import { makePicture, upload } from "../support/TestPictures.ts"
import { makeDataDir } from "./ImagesWorld.ts"

layer(TestDatabase.layer, { excludeTestServices: true })("when the node is killed", (it) => {
  it.effect(
    "pictures that it took are there, thumbnails are made by the next, and nothing is left of the rest",
    () =>
      Effect.gen(function* () {
        const { url, witness } = yield* TestDatabase
        const env = { DATABASE_URL: url, DATA_DIR: yield* makeDataDir }
        const { token } = yield* insertShop(witness)
        const first = yield* ServiceProcess.start(env)
        const pictures = yield* Effect.forEach([1, 2, 3, 4, 5], () => makePicture("png", 1_500, 1_500))
        const cut = request(`${first.url}/api/v1/images`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}`, "content-type": "image/png" },
        })
        cut.on("error", () => {})
        cut.write(pictures[0])
        const answers = yield* Effect.forEach(pictures, (bytes) => upload(first.url, bytes, { token }))
        yield* first.send("SIGKILL")
        yield* first.exited

        const second = yield* ServiceProcess.start(env)
        for (const [index, { status, body }] of answers.entries()) {
          assert.strictEqual(status, 200)
          const shown = yield* Effect.promise(() => fetch(`${second.url}/images/${body.imageId}`))
          const bytes = Buffer.from(yield* Effect.promise(() => shown.arrayBuffer()))
          assert.isTrue(pictures[index]?.equals(bytes))
        }
        // What the first had claimed is free again after its lease.
        yield* Effect.promise(() => witness`UPDATE image SET thumbnails_after = now()`)
        yield* eventually(
          Effect.promise(
            async () => (await witness`SELECT FROM image WHERE thumbnails = 'made'`).length === 5,
          ),
          "40 seconds",
        )
        // Other tests upload too, and a file has a name for a moment.
        yield* eventually(
          Effect.sync(() => !readdirSync(tmpdir()).some((name) => name.startsWith("cvety-upload-"))),
          "20 seconds",
        )
        yield* second.send("SIGTERM")
        assert.deepStrictEqual(yield* second.exited, { code: 0, signal: null })
      }),
  )
})
