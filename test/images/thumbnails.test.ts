import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import sharp from "sharp"
import { makeThumbnails } from "../../src/images/Thumbnails.ts"
import { eventually } from "../support/eventually.ts"
import { S3Server } from "../support/S3Server.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { insertShop } from "../support/TestPeople.ts"
import type { Format } from "../support/TestPictures.ts"
import { makePicture } from "../support/TestPictures.ts"
import * as ImagesWorld from "./ImagesWorld.ts"

const world = (settings: Readonly<Record<string, string>> = {}) =>
  Effect.map(ImagesWorld.start(settings), (node) => {
    const stateOf = (key: string) =>
      Effect.promise(async () => {
        const [row] = await node.witness`
          SELECT thumbnails, thumbnails_attempts, thumbnails_error, width, height FROM image WHERE key = ${key}`
        return row
      })
    const settled = (key: string, state: string) =>
      eventually(
        Effect.map(stateOf(key), (row) => row?.["thumbnails"] === state),
        "40 seconds",
      )
    /** Ends the pause after the failure; a picture that comes wakes whoever rests. */
    const hurryAfter = Effect.fnUntraced(function* (attempt: number, key: string) {
      yield* eventually(
        Effect.promise(async () => {
          const { count } = await node.witness`
            UPDATE image SET thumbnails_after = now()
            WHERE key = ${key} AND thumbnails_attempts = ${attempt}
              AND thumbnails_after BETWEEN now() AND now() + interval '1 minute'`
          return count === 1
        }),
        "40 seconds",
      )
      yield* node.upload(yield* makePicture("png"))
    })
    const thumbnail = (url: string) =>
      Effect.promise(async () => {
        const bytes = Buffer.from(await (await fetch(url)).arrayBuffer())
        return { bytes, ...(await sharp(bytes).metadata()) }
      })
    return { ...node, stateOf, settled, hurryAfter, thumbnail }
  })

layer(TestDatabase.layer, { excludeTestServices: true })("thumbnails", (it) => {
  it.effect("are made of every kind, in WebP, as wide as they say and no wider than the picture", () =>
    Effect.gen(function* () {
      const { upload, settled, stateOf, thumbnail } = yield* world()
      for (const format of ["jpeg", "png", "webp", "gif"] satisfies ReadonlyArray<Format>) {
        const { body } = yield* upload(yield* makePicture(format, 1_000, 500))
        yield* settled(body.imageId, "made")
        assert.deepInclude(yield* stateOf(body.imageId), { width: 1_000, height: 500 })
        for (const [width, expected] of [
          [320, [320, 160]],
          [640, [640, 320]],
          [1_280, [1_000, 500]],
        ] as const) {
          const made = yield* thumbnail(body.thumbnails[width])
          assert.deepStrictEqual([made.format, made.width, made.height], ["webp", ...expected], format)
        }
      }
    }),
  )

  it.effect("stand as the camera was held, and tell nothing of where that was", () =>
    Effect.gen(function* () {
      const { upload, settled, stateOf, thumbnail } = yield* world()
      const picture = yield* makePicture("jpeg", 800, 400)
      const turned = yield* Effect.promise(() =>
        sharp(picture)
          .withExif({ IFD0: { Orientation: "6", Artist: "Цветочный" }, IFD3: { GPSLatitudeRef: "N" } })
          .withMetadata({ orientation: 6 })
          .toBuffer(),
      )
      const { body } = yield* upload(turned)
      yield* settled(body.imageId, "made")
      assert.deepInclude(yield* stateOf(body.imageId), { width: 400, height: 800 })
      const made = yield* thumbnail(body.thumbnails[320])
      assert.deepStrictEqual(
        [made.width, made.height, made.exif, made.orientation],
        [320, 640, undefined, undefined],
      )
    }),
  )

  it.effect("keep what is seen through, and of what moves the first picture", () =>
    Effect.gen(function* () {
      const { upload, settled, thumbnail } = yield* world()
      const clear = yield* Effect.promise(() =>
        sharp({ create: { width: 500, height: 500, channels: 4, background: "rgba(255,0,0,0.5)" } })
          .png()
          .toBuffer(),
      )
      const moving = yield* Effect.promise(async () => {
        const frames = ["red", "lime", "blue"].map((background) =>
          sharp({ create: { width: 60, height: 40, channels: 3, background } })
            .png()
            .toBuffer(),
        )
        return sharp(await Promise.all(frames), { join: { animated: true } })
          .gif()
          .toBuffer()
      })
      const first = yield* upload(clear)
      yield* settled(first.body.imageId, "made")
      assert.isTrue((yield* thumbnail(first.body.thumbnails[320])).hasAlpha)
      const second = yield* upload(moving)
      yield* settled(second.body.imageId, "made")
      const made = yield* thumbnail(second.body.thumbnails[320])
      assert.deepStrictEqual([made.width, made.height, made.pages], [60, 40, undefined])
    }),
  )

  it.effect("are refused of a picture that would unfold into too much, before it does", () =>
    Effect.gen(function* () {
      const { upload, settled, stateOf, hurryAfter, url } = yield* world()
      const bomb = yield* Effect.promise(() =>
        sharp({ create: { width: 8_000, height: 8_000, channels: 3, background: "white" } })
          .png()
          .toBuffer(),
      )
      const before = process.memoryUsage().rss
      const { body } = yield* upload(bomb)
      yield* Effect.forEach([1, 2], (attempt) => hurryAfter(attempt, body.imageId))
      yield* settled(body.imageId, "parked")
      const state = yield* stateOf(body.imageId)
      assert.match(state?.["thumbnails_error"], /pixel/)
      assert.isBelow(process.memoryUsage().rss - before, 250 * 1_024 * 1_024)
      assert.strictEqual((yield* Effect.promise(() => fetch(`${url}/ready`))).status, 200)
    }),
  )

  it.effect(
    "are refused of a picture that is held whole, by what it unfolds into and not by its pixels",
    () =>
      Effect.gen(function* () {
        const blank = sharp({ create: { width: 4_600, height: 4_600, channels: 3, background: "black" } })
        const deep = yield* Effect.promise(() =>
          blank.clone().toColourspace("rgb16").png({ progressive: true }).toBuffer(),
        )
        const gradual = yield* Effect.promise(() =>
          blank.clone().jpeg({ progressive: true, chromaSubsampling: "4:4:4" }).toBuffer(),
        )
        const plain = yield* Effect.promise(() => blank.clone().jpeg().toBuffer())
        assert.isBelow(deep.length, 1_000_000)
        const before = process.memoryUsage().rss
        for (const picture of [deep, gradual]) {
          const unfit = yield* Effect.flip(makeThumbnails(picture))
          assert.include(unfit._tag === "PictureUnfit" ? unfit.reason : "", "unfolds into 126960000 bytes")
        }
        assert.isBelow(process.memoryUsage().rss - before, 50 * 1_024 * 1_024)
        const { width, height } = yield* makeThumbnails(plain)
        assert.deepStrictEqual([width, height], [4_600, 4_600])
      }),
  )

  it.effect("are given up for a damaged picture after three attempts, with the reason", () =>
    Effect.gen(function* () {
      const { upload, settled, stateOf, hurryAfter } = yield* world()
      const picture = yield* makePicture("jpeg", 600, 600)
      const { body } = yield* upload(picture.subarray(0, picture.length / 2))
      yield* Effect.forEach([1, 2], (attempt) => hurryAfter(attempt, body.imageId))
      yield* settled(body.imageId, "parked")
      const { thumbnails_attempts, thumbnails_error } = (yield* stateOf(body.imageId)) ?? {}
      assert.strictEqual(thumbnails_attempts, 3)
      assert.match(thumbnails_error, /premature|truncated|corrupt/i)
    }),
  )

  it.effect("are given up for a picture that ended the process every time", () =>
    Effect.gen(function* () {
      const { witness, upload, settled, stateOf } = yield* world()
      const { body } = yield* upload(yield* makePicture("png"))
      yield* settled(body.imageId, "made")
      // As three claims leave it that nobody came back from.
      yield* Effect.promise(
        () => witness`
          UPDATE image SET thumbnails = 'pending', thumbnails_attempts = 3, thumbnails_after = now()
          WHERE key = ${body.imageId}`,
      )
      yield* upload(yield* makePicture("png"))
      yield* settled(body.imageId, "parked")
      assert.match((yield* stateOf(body.imageId))?.["thumbnails_error"], /no attempt came to an end/)
    }),
  )

  it.effect("are made for every shop that has the picture", () =>
    Effect.gen(function* () {
      const { witness, upload, settled, rows, director } = yield* world()
      const other = yield* insertShop(witness)
      const bytes = yield* makePicture("png")
      const { body } = yield* upload(bytes)
      yield* settled(body.imageId, "made")
      yield* upload(bytes, { token: other.token })
      for (const { shopId } of [director, other]) {
        yield* eventually(
          Effect.map(rows(shopId), ([row]) => row?.["thumbnails"] === "made"),
          "40 seconds",
        )
      }
    }),
  )

  it.effect("wait for a bucket that is out of order, and no attempt is counted for that", () =>
    Effect.gen(function* () {
      const server = yield* S3Server.start
      const { upload, settled, stateOf, log } = yield* world(server.settings)
      for (const on of [/^GET \w{64}/, /^PUT .*640/]) {
        server.misbehave(on, { kind: "refuse", status: 403 })
        const { body } = yield* upload(yield* makePicture("png"))
        yield* settled(body.imageId, "made")
        assert.strictEqual(server.awaitedCount, 0)
        assert.strictEqual((yield* stateOf(body.imageId))?.["thumbnails_attempts"], 1)
      }
      assert.lengthOf(
        log.filter(({ text }) => text.includes("actor failed")),
        2,
      )
    }),
  )
})
