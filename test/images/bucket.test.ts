import { createHash } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { eventually } from "../support/eventually.ts"
import { S3Server } from "../support/S3Server.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { insertShop } from "../support/TestPeople.ts"
import { makePicture, makePictureOfSize } from "../support/TestPictures.ts"
import * as ImagesWorld from "./ImagesWorld.ts"

const world = Effect.gen(function* () {
  const server = yield* S3Server.start
  return { server, ...(yield* ImagesWorld.start(server.settings)) }
})

const UNAVAILABLE = { status: 503, body: { detail: "Image storage is unavailable, try again later" } }

layer(TestDatabase.layer, { excludeTestServices: true })("an upload into a bucket", (it) => {
  it.effect("puts the picture once, whoever brings it and however often", () =>
    Effect.gen(function* () {
      const { server, upload, witness } = yield* world
      const other = yield* insertShop(witness)
      const bytes = yield* makePictureOfSize(3_000_000)
      const key = `${createHash("sha256").update(bytes).digest("hex")}.jpg`
      for (const options of [{}, { part: "file" }, { token: other.token }]) {
        assert.strictEqual((yield* upload(bytes, options)).status, 200)
      }
      assert.isTrue(server.objects.get(key)?.bytes.equals(bytes))
      assert.strictEqual(server.objects.get(key)?.contentType, "image/jpeg")
      assert.strictEqual(server.count("PUT", new RegExp(`^${key}$`)), 1)
    }),
  )

  it.effect("puts the picture again when the bucket has lost it", () =>
    Effect.gen(function* () {
      const { server, upload } = yield* world
      const bytes = yield* makePicture("png")
      const { body } = yield* upload(bytes)
      server.objects.delete(body.imageId)
      assert.strictEqual((yield* upload(bytes)).status, 200)
      assert.isTrue(server.objects.get(body.imageId)?.bytes.equals(bytes))
    }),
  )

  it.effect("succeeds when the bucket stumbles", () =>
    Effect.gen(function* () {
      const { server, upload } = yield* world
      const bytes = yield* makePicture("png")
      server.misbehave(/^PUT/, { kind: "reset" }, { kind: "refuse", status: 503 })
      assert.strictEqual((yield* upload(bytes)).status, 200)
    }),
  )

  it.effect("is a 503 when the bucket is out of order, says nothing of it, and may be repeated", () =>
    Effect.gen(function* () {
      const { server, upload, rows, director } = yield* world
      const bytes = yield* makePicture("png")
      server.misbehave(/^HEAD/, { kind: "refuse", status: 403 })
      for (const path of ["/api/v1/images", "/upload"]) {
        if (path === "/upload") server.misbehave(/^HEAD/, { kind: "refuse", status: 403 })
        const { status, body } = yield* upload(bytes, { path })
        assert.deepStrictEqual({ status, body }, UNAVAILABLE)
      }
      const [waiting] = yield* rows(director.shopId)
      assert.isNull(waiting?.["stored_at"])
      assert.strictEqual((yield* upload(bytes)).status, 200)
      const [stored] = yield* rows(director.shopId)
      assert.isNotNull(stored?.["stored_at"])
    }),
  )

  it.effect("waits for no bucket for ever, and leaves the connections of others alone", () =>
    Effect.gen(function* () {
      const { server, upload } = yield* world
      yield* upload(yield* makePicture("png"))
      yield* eventually(
        Effect.sync(() => server.objects.size === 4),
        "20 seconds",
      )
      server.misbehave(/^HEAD/, { kind: "hang" })
      const bytes = yield* makePicture("png")
      const startMs = performance.now()
      assert.strictEqual((yield* upload(bytes)).status, 200)
      assert.isBelow(performance.now() - startMs, 20_000)
    }),
  )
})
