import { createHash } from "node:crypto"
import { utimesSync } from "node:fs"
import { join } from "node:path"
import { assert, layer } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { ImageKey, objectsOf, THUMBNAIL_WIDTHS, thumbnailKeyOf } from "../../src/images/Image.ts"
import { ImageReferences } from "../../src/images/ImageReferences.ts"
import { ImageSweep } from "../../src/images/ImageSweep.ts"
import { Images } from "../../src/images/Images.ts"
import * as ReceivedFile from "../../src/images/ReceivedFile.ts"
import { Db } from "../../src/platform/Db.ts"
import { Migrations } from "../../src/platform/Migrations.ts"
import { R2 } from "../../src/platform/R2.ts"
import { TenantContext } from "../../src/platform/TenantContext.ts"
import { ObjectKey } from "../../src/shared/ObjectKey.ts"
import { ShopId } from "../../src/shared/ShopId.ts"
import { eventually } from "../support/eventually.ts"
import { S3Server } from "../support/S3Server.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { insertShop } from "../support/TestPeople.ts"
import { makePicture } from "../support/TestPictures.ts"
import { insertProduct } from "../support/TestProducts.ts"
import { makeDataDir } from "./ImagesWorld.ts"

const DAY_MS = 86_400_000

/** The services of pictures on a store of their own, without anything that runs by itself. */
const world = Effect.fnUntraced(function* (settings?: Readonly<Record<string, string>>) {
  const { witness } = yield* TestDatabase
  const dataDir = yield* makeDataDir
  const context = yield* Layer.build(
    Layer.mergeAll(Images.layer, ImageSweep.layer).pipe(
      Layer.provide(ImageReferences.layer),
      Layer.provideMerge(R2.layer),
      Layer.provide(Db.layer),
      Layer.provide(Migrations.layer),
      Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(settings ?? { DATA_DIR: dataDir }))),
    ),
  )
  const images = Context.get(context, Images)
  const r2 = Context.get(context, R2)
  const { run } = Context.get(context, ImageSweep)

  const makeShop = Effect.map(insertShop(witness), ({ shopId }) => ShopId.make(shopId))
  const shopId = yield* makeShop

  const put = (key: string, content: string) =>
    r2.put(ObjectKey.make(key), {
      sizeBytes: content.length,
      sha256: createHash("sha256").update(content).digest("hex"),
      contentType: "image/webp",
      content: Stream.succeed(Buffer.from(content)),
    })

  const upload = (bytes: Uint8Array, shop = shopId) =>
    images.upload(ReceivedFile.receive(Stream.succeed(bytes))).pipe(
      Effect.scoped,
      Effect.provideService(TenantContext, { shopId: shop }),
      Effect.map(({ key }) => key),
    )

  /** A picture with its thumbnails. */
  const add = Effect.fnUntraced(function* (shop = shopId) {
    const bytes = yield* makePicture("png")
    const key = yield* upload(bytes, shop)
    for (const width of THUMBNAIL_WIDTHS) yield* put(thumbnailKeyOf(key, width), `thumbnail ${width}`)
    return { key, bytes }
  })

  /** A day later, as far as the row knows. */
  const age = (key: ImageKey) =>
    Effect.promise(() => witness`UPDATE image SET sweep_after = now() WHERE key = ${key}`)

  const shopsWith = (key: ImageKey) =>
    Effect.promise(async () => {
      const rows = await witness`SELECT shop_id FROM image WHERE key = ${key} ORDER BY shop_id`
      return rows.map((row) => Number(row["shop_id"]))
    })

  /** How many of the four objects of a picture are there. */
  const objectsLeft = (key: ImageKey) =>
    Effect.map(
      Effect.forEach(objectsOf(key), (object) => r2.head(object)),
      (found) => found.filter((object) => object !== undefined).length,
    )

  /** Until nothing is left to do. */
  const sweep = Effect.gen(function* () {
    while ((yield* run) > 0);
  })

  const product = (more: Readonly<Record<string, unknown>>, isDeleted = false, shop: number = shopId) =>
    Effect.promise(() => insertProduct(witness, { shopId: shop, isDeleted, more }))

  const urlOf = (key: ImageKey, rest = "") => `https://api.example/images/${key}${rest}`

  const isGone = Effect.fnUntraced(function* (key: ImageKey) {
    assert.deepStrictEqual(yield* shopsWith(key), [])
    assert.strictEqual(yield* objectsLeft(key), 0)
    const notes = yield* Effect.promise(() => witness`SELECT FROM image_removal WHERE key = ${key}`)
    assert.lengthOf(notes, 0)
  })

  return {
    witness,
    dataDir,
    r2,
    run,
    shopId,
    makeShop,
    put,
    upload,
    add,
    age,
    shopsWith,
    objectsLeft,
    sweep,
    product,
    urlOf,
    isGone,
  }
})

const inBucket = Effect.gen(function* () {
  const server = yield* S3Server.start
  return { server, ...(yield* world({ ...server.settings, R2_SWEEP: "true" })) }
})

layer(Layer.merge(TestDatabase.layer, Logger.layer([])), { excludeTestServices: true })("the sweep", (it) => {
  for (const [store, opened] of [
    ["a folder", world()],
    ["a bucket", inBucket],
  ] as const) {
    it.effect(`takes a picture that nobody uses a day after it came, and not before, from ${store}`, () =>
      Effect.gen(function* () {
        const { add, age, sweep, shopsWith, objectsLeft, isGone, shopId } = yield* opened
        const { key } = yield* add()
        yield* sweep
        assert.deepStrictEqual(yield* shopsWith(key), [shopId])
        assert.strictEqual(yield* objectsLeft(key), 4)
        yield* age(key)
        yield* sweep
        yield* isGone(key)
      }),
    )
  }

  it.effect("leaves what goods of any shop show, sold or not, deleted or not, at whatever size", () =>
    Effect.gen(function* () {
      const { witness, add, age, sweep, objectsLeft, shopsWith, product, urlOf, makeShop, shopId } =
        yield* world()
      const other = yield* makeShop
      const pictures = yield* Effect.forEach([0, 1, 2, 3, 4], () => add())
      const [main, small, inGallery, ofDeleted, ofOther] = pictures.map(({ key }) => key)
      assert.isDefined(main)
      assert.isDefined(small)
      assert.isDefined(inGallery)
      assert.isDefined(ofDeleted)
      assert.isDefined(ofOther)
      yield* product({ image: urlOf(main) })
      yield* product({ image: urlOf(small, "?w=320") })
      yield* product({ image: urlOf(ofDeleted) }, true)
      yield* product({ image: urlOf(ofOther) }, false, other)
      const id = yield* product({})
      yield* Effect.promise(
        () => witness`
          INSERT INTO product_image (shop_id, product_id, url) VALUES (${shopId}, ${id}, ${urlOf(inGallery)})`,
      )
      for (let day = 0; day < 3; day++) {
        for (const { key } of pictures) yield* age(key)
        yield* sweep
        for (const { key } of pictures) {
          assert.deepStrictEqual(yield* shopsWith(key), [shopId])
          assert.strictEqual(yield* objectsLeft(key), 4)
        }
      }
      const due = yield* Effect.promise(
        () => witness`SELECT FROM image WHERE shop_id = ${shopId} AND (was_unused OR sweep_after < now())`,
      )
      assert.lengthOf(due, 0)
    }),
  )

  it.effect("gives a picture that is used no more another day, in which it may be used again", () =>
    Effect.gen(function* () {
      const { witness, add, age, sweep, objectsLeft, product, urlOf, isGone } = yield* world()
      const { key } = yield* add()
      const id = yield* product({ image: urlOf(key) })
      const show = (image: string | null) =>
        Effect.promise(() => witness`UPDATE product SET image = ${image} WHERE id = ${id}`)
      const nextDay = Effect.andThen(age(key), sweep)
      yield* nextDay
      yield* show(null)
      yield* nextDay
      assert.strictEqual(yield* objectsLeft(key), 4)
      yield* show(urlOf(key))
      yield* nextDay
      yield* show("https://elsewhere.example/picture.jpg")
      yield* nextDay
      assert.strictEqual(yield* objectsLeft(key), 4)
      yield* nextDay
      yield* isGone(key)
    }),
  )

  it.effect("takes the row of a shop, and the object when it was the last shop", () =>
    Effect.gen(function* () {
      const { add, upload, age, sweep, shopsWith, objectsLeft, makeShop, shopId, witness, isGone } =
        yield* world()
      const other = yield* makeShop
      const { key, bytes } = yield* add()
      yield* upload(bytes, other)
      yield* Effect.promise(
        () => witness`UPDATE image SET sweep_after = now() WHERE key = ${key} AND shop_id = ${shopId}`,
      )
      yield* sweep
      assert.deepStrictEqual(yield* shopsWith(key), [other])
      assert.strictEqual(yield* objectsLeft(key), 4)
      yield* age(key)
      yield* sweep
      yield* isGone(key)
    }),
  )

  it.effect("counts the day from the last time somebody brought the picture", () =>
    Effect.gen(function* () {
      const { add, upload, age, sweep, objectsLeft } = yield* world()
      const { key, bytes } = yield* add()
      yield* age(key)
      yield* upload(bytes)
      yield* sweep
      assert.strictEqual(yield* objectsLeft(key), 4)
    }),
  )

  it.effect("takes a row whose picture never reached the store", () =>
    Effect.gen(function* () {
      const { server, upload, age, sweep, witness, shopId } = yield* inBucket
      const bytes = yield* makePicture("png")
      yield* upload(yield* makePicture("png"))
      server.misbehave(/^PUT/, { kind: "refuse", status: 403 })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(upload(bytes))))
      const waiting = yield* Effect.promise(
        () => witness<Array<{ key: ImageKey }>>`
          SELECT key FROM image WHERE shop_id = ${shopId} AND stored_at IS NULL`,
      )
      assert.lengthOf(waiting, 1)
      for (const { key } of waiting) yield* age(key)
      yield* sweep
      const left = yield* Effect.promise(() => witness`SELECT FROM image WHERE shop_id = ${shopId}`)
      assert.lengthOf(left, 1)
    }),
  )

  it.effect("makes whoever brings the picture again wait while it goes, and keeps it for them", () =>
    Effect.gen(function* () {
      const { server, add, upload, age, run, objectsLeft, shopsWith, makeShop } = yield* inBucket
      const other = yield* makeShop
      const { key, bytes } = yield* add()
      yield* age(key)
      server.misbehave(/^DELETE/, { kind: "hang" })
      const sweeping = yield* Effect.forkChild(run)
      yield* eventually(
        Effect.sync(() => server.awaitedCount === 0),
        "20 seconds",
      )
      const early = yield* Effect.exit(upload(bytes, other))
      assert.include(String(early), "ImageBusy")
      yield* Fiber.join(sweeping)
      yield* upload(bytes, other)
      assert.deepStrictEqual(yield* shopsWith(key), [other])
      assert.strictEqual(yield* objectsLeft(key), 1)
    }),
  )

  it.effect("ends a removal that was interrupted, unless somebody has brought the picture since", () =>
    Effect.gen(function* () {
      const { server, witness, add, upload, age, run, sweep, isGone, shopId, shopsWith, objectsLeft, r2 } =
        yield* inBucket
      const gone = yield* add()
      const kept = yield* add()
      for (const { key } of [gone, kept]) {
        yield* age(key)
        server.misbehave(/^DELETE/, { kind: "refuse", status: 403 })
        assert.isTrue(Exit.isFailure(yield* Effect.exit(run)))
        assert.deepStrictEqual(yield* shopsWith(key), [])
        assert.isAtLeast(yield* objectsLeft(key), 1)
      }
      yield* Effect.promise(() => witness`UPDATE image_removal SET until = now()`)
      yield* upload(kept.bytes)
      yield* sweep
      yield* isGone(gone.key)
      assert.deepStrictEqual(yield* shopsWith(kept.key), [shopId])
      assert.isDefined(yield* r2.head(kept.key))
      const notes = yield* Effect.promise(() => witness`SELECT FROM image_removal`)
      assert.lengthOf(notes, 0)
    }),
  )

  it.effect("finds objects that no shop knows, page by page, and leaves young ones and those of others", () =>
    Effect.gen(function* () {
      const { server, r2, put, upload, run } = yield* inBucket
      const known = yield* upload(yield* makePicture("png"))
      const nameOf = (number: number) => `${createHash("sha256").update(String(number)).digest("hex")}.jpg`
      const unknown = Array.from({ length: 20 }, (_, number) => nameOf(number))
      const thumbnail = `${nameOf(5_000)}.640.webp`
      const others = ["report.pdf", "backup/2026.tar", `${"0".repeat(63)}.jpg`]
      others.push(...Array.from({ length: 2_000 }, (_, number) => `${number}.jpg`))
      const bytes = Buffer.from("x")
      const old = new Date(Date.now() - DAY_MS - 60_000)
      for (const name of [...unknown, thumbnail, ...others]) {
        server.objects.set(name, { bytes, contentType: "image/jpeg", modifiedAt: old })
      }
      for (const object of server.objects.values()) object.modifiedAt = old
      const young = nameOf(9_000)
      yield* put(young, "x")
      let runs = 0
      while (server.objects.size > 2 + others.length && runs < 10) {
        yield* run
        runs += 1
      }
      assert.sameMembers([...server.objects.keys()], [known, young, ...others])
      assert.isAtLeast(server.count("GET", /^$/), 2)
      assert.isDefined(yield* r2.head(known))
    }),
  )

  it.effect("finds them in a folder too", () =>
    Effect.gen(function* () {
      const { dataDir, put, add, sweep, r2, objectsLeft } = yield* world()
      const { key } = yield* add()
      const names = ["a", "b"].map((text) => `${createHash("sha256").update(text).digest("hex")}.gif`)
      const [old, young] = names
      for (const name of names) yield* put(name, "x")
      const past = new Date(Date.now() - DAY_MS - 60_000)
      utimesSync(join(dataDir, "images", old?.slice(0, 2) ?? "", old ?? ""), past, past)
      yield* sweep
      assert.isUndefined(yield* r2.head(ObjectKey.make(old ?? "")))
      assert.isDefined(yield* r2.head(ObjectKey.make(young ?? "")))
      assert.strictEqual(yield* objectsLeft(key), 4)
    }),
  )

  for (const [store, settings] of [
    ["a bucket that it was not told to sweep", {}],
    ["a bucket that it was told to leave", { R2_SWEEP: "false" }],
  ] as const) {
    it.effect(`takes nothing from ${store}, and notes what it sees`, () =>
      Effect.gen(function* () {
        const server = yield* S3Server.start
        const { witness, put, add, age, sweep, objectsLeft, shopsWith, shopId } = yield* world({
          ...server.settings,
          ...settings,
        })
        const { key } = yield* add()
        const unknown = `${"a".repeat(64)}.jpg`
        yield* put(unknown, "x")
        for (const object of server.objects.values()) object.modifiedAt = new Date(0)
        const interrupted = `${"b".repeat(64)}.jpg`
        yield* Effect.promise(
          () => witness`INSERT INTO image_removal (key, until) VALUES (${interrupted}, now())`,
        )
        yield* age(key)
        yield* sweep
        assert.strictEqual(yield* objectsLeft(key), 4)
        assert.deepStrictEqual(yield* shopsWith(key), [shopId])
        assert.isTrue(server.objects.has(unknown))
        assert.strictEqual(server.count("DELETE"), 0)
        const due = yield* Effect.promise(
          () => witness`SELECT FROM image WHERE key = ${key} AND sweep_after < now()`,
        )
        assert.lengthOf(due, 0)
        yield* Effect.promise(() => witness`DELETE FROM image_removal WHERE key = ${interrupted}`)
      }),
    )
  }

  it.effect("takes nothing from a folder that it was told to leave", () =>
    Effect.gen(function* () {
      const dataDir = yield* makeDataDir
      const { add, age, sweep, objectsLeft } = yield* world({ DATA_DIR: dataDir, R2_SWEEP: "false" })
      const { key } = yield* add()
      yield* age(key)
      yield* sweep
      assert.strictEqual(yield* objectsLeft(key), 4)
    }),
  )

  it.effect("leaves the removal of an object to whoever is at it", () =>
    Effect.gen(function* () {
      const { witness, server, put, sweep, isGone } = yield* inBucket
      const unknown = ImageKey.make(`${"c".repeat(64)}.jpg`)
      yield* put(unknown, "x")
      for (const object of server.objects.values()) object.modifiedAt = new Date(0)
      yield* Effect.promise(
        () =>
          witness`INSERT INTO image_removal (key, until) VALUES (${unknown}, now() + interval '1 minute')`,
      )
      yield* sweep
      assert.isTrue(server.objects.has(unknown))
      assert.strictEqual(server.count("DELETE"), 0)
      const notes = yield* Effect.promise(
        () => witness`SELECT FROM image_removal WHERE key = ${unknown} AND until > now()`,
      )
      assert.lengthOf(notes, 1)
      yield* Effect.promise(() => witness`UPDATE image_removal SET until = now() WHERE key = ${unknown}`)
      yield* sweep
      yield* isGone(unknown)
    }),
  )

  it.effect("decides under the lock of the key, and so does whoever brings the picture", () =>
    Effect.gen(function* () {
      const { witness, add, upload, age, run, r2, makeShop } = yield* world()
      const other = yield* makeShop
      const { key, bytes } = yield* add()
      yield* age(key)
      const deciding = yield* Effect.promise(() => witness.reserve())
      yield* Effect.promise(async () => {
        await deciding`BEGIN`
        await deciding`SELECT pg_advisory_xact_lock(hashtextextended(${`cvety image ${key}`}, 0))`
      })
      const sweeping = yield* Effect.forkChild(Effect.exit(run))
      const uploading = yield* Effect.forkChild(Effect.exit(upload(bytes, other)))
      yield* eventually(
        Effect.promise(async () => {
          const waiting = await witness`
            SELECT FROM pg_locks
            WHERE locktype = 'advisory' AND NOT granted
              AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
          return waiting.length === 2
        }),
        "10 seconds",
      )
      yield* Effect.promise(() => deciding`COMMIT`)
      deciding.release()
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(sweeping)))
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(uploading)))
      assert.isDefined(yield* r2.head(key))
    }),
  )

  it.effect("never takes the object from under a row, however uploads and sweeps meet", () =>
    Effect.gen(function* () {
      const { server, upload, age, run, r2, makeShop, witness } = yield* inBucket
      const other = yield* makeShop
      const bytes = yield* makePicture("png")
      const key = yield* upload(bytes)
      const anyTime = <A, E>(effect: Effect.Effect<A, E>) =>
        Effect.delay(Effect.exit(effect), Math.random() * 120)
      server.latencyMs = (method) => (method === "DELETE" ? 100 : 5) * Math.random()
      let uploads = 0
      for (let round = 0; round < 25; round++) {
        yield* age(key)
        const [, first, second] = yield* Effect.all(
          [Effect.exit(run), anyTime(upload(bytes)), anyTime(upload(bytes, other)), anyTime(run)],
          { concurrency: "unbounded" },
        )
        uploads += [first, second].filter(Exit.isSuccess).length
        const stored = yield* Effect.promise(
          () => witness`SELECT FROM image WHERE key = ${key} AND stored_at IS NOT NULL`,
        )
        if (stored.length > 0) assert.isDefined(yield* r2.head(key), `round ${round}`)
      }
      assert.isAbove(uploads, 25)
      assert.isAbove(server.count("DELETE"), 20)
    }),
  )
})
