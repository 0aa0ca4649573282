import { createHash, randomBytes } from "node:crypto"
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type { Scope } from "effect/Scope"
import * as Stream from "effect/Stream"
import { R2 } from "../../src/platform/R2.ts"
import type { NewObject, ObjectPage } from "../../src/platform/R2Object.ts"
import { OBJECT_BYTES_MAX } from "../../src/platform/R2Object.ts"
import { isObjectKey, ObjectKey } from "../../src/shared/ObjectKey.ts"
import { R2Unavailable } from "../../src/shared/R2Unavailable.ts"
import { eventually } from "../support/eventually.ts"
import type { Misbehaviour } from "../support/S3Server.ts"
import { S3Server } from "../support/S3Server.ts"

const key = (text: string) => ObjectKey.make(text)
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

const objectOf = (bytes: Uint8Array, changes: Partial<NewObject> = {}): NewObject => ({
  sizeBytes: bytes.length,
  sha256: sha256(bytes),
  contentType: "image/jpeg",
  content: Stream.fromIterable(bytes.length === 0 ? [] : chunksOf(bytes)),
  ...changes,
})

const chunksOf = (bytes: Uint8Array): ReadonlyArray<Uint8Array> =>
  Array.from({ length: Math.ceil(bytes.length / 50_000) }, (_, index) =>
    bytes.subarray(index * 50_000, (index + 1) * 50_000),
  )

const openWith = (settings: Readonly<Record<string, string>>) =>
  Layer.build(
    R2.layer.pipe(
      Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(settings))),
      Layer.provide(Logger.layer([])),
    ),
  ).pipe(Effect.map((context) => Context.get(context, R2)))

const dataDir = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "cvety-test-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true })),
)

const openFolder = Effect.flatMap(dataDir, (path) => openWith({ DATA_DIR: path }))

const openBucket = Effect.gen(function* () {
  const server = yield* S3Server.start
  return { server, r2: yield* openWith(server.settings) }
})

/** The whole object, or undefined when there is none. */
const read = (r2: R2["Service"], name: string, ifNoneMatch?: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const found = yield* r2.get(key(name), { ifNoneMatch })
      if (found === undefined || "isUnchanged" in found) return found
      const { content, ...facts } = found
      return { ...facts, bytes: Buffer.concat(yield* Stream.runCollect(content)) }
    }),
  )

const readBytes = (r2: R2["Service"], name: string) =>
  Effect.map(read(r2, name), (found) => (found !== undefined && "bytes" in found ? found.bytes : undefined))

const isUnavailable = <A, R>(effect: Effect.Effect<A, R2Unavailable, R>) =>
  Effect.map(Effect.exit(effect), (exit) => {
    assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof R2Unavailable)
  })

/** In real time, and without the log of what goes wrong on purpose. */
const quietly = layer(Logger.layer([]), { excludeTestServices: true, concurrent: true })

const stores: ReadonlyArray<[string, Effect.Effect<R2["Service"], unknown, Scope>]> = [
  ["a folder", openFolder],
  ["a bucket", Effect.map(openBucket, ({ r2 }) => r2)],
]

for (const [name, opened] of stores)
  quietly(name, (it) => {
    it.effect("gives back what it was given, byte for byte, and says how large it is", () =>
      Effect.gen(function* () {
        const r2 = yield* opened
        for (const size of [0, 1, 65_536, 65_537, 1_000_003]) {
          const bytes = randomBytes(size)
          yield* r2.put(key(`picture.${size}.jpg`), objectOf(bytes))
          const found = yield* read(r2, `picture.${size}.jpg`)
          assert.deepInclude(found, { sizeBytes: size, bytes })
          assert.strictEqual((yield* r2.head(key(`picture.${size}.jpg`)))?.sizeBytes, size)
        }
      }),
    )

    it.effect(
      "has nothing under a key that was never put, or that was removed, which may be done twice",
      () =>
        Effect.gen(function* () {
          const r2 = yield* opened
          yield* r2.put(key("picture.jpg"), objectOf(randomBytes(10)))
          for (const name of ["nothing.jpg", "picture.jpg"]) {
            yield* r2.remove(key(name))
            yield* r2.remove(key(name))
            assert.isUndefined(yield* read(r2, name))
            assert.isUndefined(yield* r2.head(key(name)))
          }
        }),
    )

    it.effect("replaces an object that is put again, and sends nothing of one that the caller has", () =>
      Effect.gen(function* () {
        const r2 = yield* opened
        yield* r2.put(key("picture.jpg"), objectOf(Buffer.from("first")))
        const first = yield* r2.head(key("picture.jpg"))
        assert.deepStrictEqual(yield* read(r2, "picture.jpg", first?.etag), {
          etag: first?.etag ?? "",
          isUnchanged: true,
        })
        yield* r2.put(key("picture.jpg"), objectOf(Buffer.from("second, and longer")))
        const second = yield* read(r2, "picture.jpg", first?.etag)
        assert.deepInclude(second, { bytes: Buffer.from("second, and longer") })
        assert.match(first?.etag ?? "", /^".+"$/)
      }),
    )

    it.effect("lists by prefix, page by page, in the order of the keys, each once", () =>
      Effect.gen(function* () {
        const r2 = yield* opened
        const names = Array.from({ length: 25 }, (_, index) => `${(index * 7) % 25}a.jpg`.padStart(9, "0"))
        yield* Effect.forEach(names, (name) => r2.put(key(name), objectOf(Buffer.from(name))))
        yield* r2.put(key("other.jpg"), objectOf(Buffer.from("other")))
        const found: Array<string> = []
        let cursor: string | null = null
        let pages = 0
        do {
          const page: ObjectPage = yield* r2.list({ prefix: "00", cursor, limit: 10 })
          assert.isAtMost(page.objects.length, 10)
          found.push(...page.objects.map((object) => object.key))
          for (const { sizeBytes, modifiedAt } of page.objects) {
            assert.strictEqual(sizeBytes, 9)
            assert.isBelow(Math.abs(Date.now() - modifiedAt.getTime()), 60_000)
          }
          cursor = page.cursor
          pages += 1
        } while (cursor !== null)
        assert.deepStrictEqual(found, names.toSorted())
        assert.strictEqual(pages, 3)
        const all = yield* r2.list({ prefix: "", cursor: null, limit: 1_000 })
        assert.strictEqual(all.objects.length, 26)
      }),
    )

    it.effect(
      "keeps nothing of an object whose content breaks off, is shorter or longer than announced",
      () =>
        Effect.gen(function* () {
          const r2 = yield* opened
          const bytes = randomBytes(100_000)
          const wrong = [
            objectOf(bytes, {
              content: Stream.concat(Stream.make(bytes.subarray(1)), Stream.fail(new R2Unavailable())),
            }),
            objectOf(bytes, { sizeBytes: bytes.length - 1 }),
            objectOf(bytes, { sizeBytes: bytes.length + 1 }),
          ]
          for (const object of wrong) {
            yield* isUnavailable(r2.put(key("picture.jpg"), object))
            assert.isUndefined(yield* r2.head(key("picture.jpg")))
          }
        }),
    )

    it.effect("takes many at once", () =>
      Effect.gen(function* () {
        const r2 = yield* opened
        const pictures = Array.from({ length: 20 }, (_, index) => ({
          name: `many.${index}.jpg`,
          bytes: randomBytes(200_000),
        }))
        yield* Effect.forEach(pictures, ({ name, bytes }) => r2.put(key(name), objectOf(bytes)), {
          concurrency: "unbounded",
        })
        const found = yield* Effect.forEach(pictures, ({ name }) => readBytes(r2, name), {
          concurrency: "unbounded",
        })
        assert.deepStrictEqual(
          found.map((bytes) => bytes && sha256(bytes)),
          pictures.map(({ bytes }) => sha256(bytes)),
        )
      }),
    )
  })

describe("a key", () => {
  it("is a plain name and leads nowhere", () => {
    for (const good of ["aa", "owner", "0123abcd.jpg", "0123abcd.jpg.320.webp", "a0_b-c.d"]) {
      assert.isTrue(isObjectKey(good), good)
    }
    const bad = [
      "",
      "a",
      "..",
      "../aa",
      "aa/bb",
      "aa..bb",
      ".aa",
      "aa.",
      "AA",
      "aa bb",
      "a%2f",
      "цветы",
      "aa\u0000",
    ]
    for (const text of [...bad, "a".repeat(121)]) assert.isFalse(isObjectKey(text), text)
  })
})

quietly("a folder", (it) => {
  it.effect("survives a start with what a crash left, and removes that once it is old", () =>
    Effect.gen(function* () {
      const path = yield* dataDir
      const first = yield* openWith({ DATA_DIR: path })
      yield* first.put(key("picture.jpg"), objectOf(Buffer.from("whole")))
      const incoming = join(path, "images", "incoming")
      assert.deepStrictEqual(readdirSync(incoming), [])
      for (const name of ["old", "young"]) writeFileSync(join(incoming, name), "a part")
      utimesSync(join(incoming, "old"), 0, 0)
      const second = yield* openWith({ DATA_DIR: path })
      assert.deepStrictEqual(readdirSync(incoming), ["young"])
      assert.deepStrictEqual(yield* readBytes(second, "picture.jpg"), Buffer.from("whole"))
      const { objects } = yield* second.list({ prefix: "", cursor: null, limit: 10 })
      assert.deepStrictEqual(
        objects.map((object) => object.key),
        ["picture.jpg"],
      )
    }),
  )

  it.effect("is made when the first object comes, and not before", () =>
    Effect.gen(function* () {
      const path = yield* dataDir
      const r2 = yield* openWith({ DATA_DIR: path })
      assert.deepStrictEqual((yield* r2.list({ prefix: "", cursor: null, limit: 10 })).objects, [])
      assert.isFalse(existsSync(join(path, "images")))
    }),
  )

  it.effect("that cannot be written is unavailable", () =>
    Effect.gen(function* () {
      const path = yield* dataDir
      writeFileSync(join(path, "images"), "a file where the folder should be")
      const r2 = yield* openWith({ DATA_DIR: path })
      yield* isUnavailable(r2.put(key("picture.jpg"), objectOf(Buffer.from("whole"))))
    }),
  )
})

quietly("the settings of a bucket", (it) => {
  it.effect("are given together or not at all", () =>
    Effect.gen(function* () {
      const { settings } = yield* S3Server.start
      for (const name of Object.keys(settings)) {
        const rest = Object.entries(settings).filter(([other]) => other !== name)
        const exit = yield* Effect.exit(openWith(Object.fromEntries(rest)))
        assert.isTrue(Exit.isFailure(exit), name)
        assert.include(String(exit), "set together or not at all")
      }
    }),
  )
})

quietly("a bucket", (it) => {
  it.effect("verifies who asks: a wrong secret, key, region or bucket gets nothing", () =>
    Effect.gen(function* () {
      const { server } = yield* openBucket
      const wrong = [
        { R2_SECRET_ACCESS_KEY: "another secret" },
        { R2_ACCESS_KEY_ID: "another-key" },
        { R2_REGION: "us-east-1" },
        { R2_BUCKET: "elsewhere" },
      ]
      for (const changes of wrong) {
        const r2 = yield* openWith({ ...server.settings, ...changes })
        yield* isUnavailable(r2.put(key("picture.jpg"), objectOf(Buffer.from("whole"))))
      }
      assert.strictEqual(server.objects.size, 0)
      assert.strictEqual(server.count("PUT"), wrong.length)
    }),
  )

  it.effect("refuses content that is not what was signed", () =>
    Effect.gen(function* () {
      const { server, r2 } = yield* openBucket
      const object = objectOf(Buffer.from("whole"), { sha256: sha256(Buffer.from("other")) })
      yield* isUnavailable(r2.put(key("picture.jpg"), object))
      assert.strictEqual(server.objects.size, 0)
    }),
  )

  it.effect("is told the type of the content and its length", () =>
    Effect.gen(function* () {
      const { server, r2 } = yield* openBucket
      yield* r2.put(key("picture.webp"), objectOf(randomBytes(100_000), { contentType: "image/webp" }))
      assert.strictEqual(server.objects.get("picture.webp")?.contentType, "image/webp")
    }),
  )

  const passing: ReadonlyArray<[string, Misbehaviour]> = [
    ["resets the connection", { kind: "reset" }],
    ["answers 503", { kind: "refuse", status: 503 }],
    ["answers 500", { kind: "refuse", status: 500 }],
    ["answers 429", { kind: "refuse", status: 429 }],
  ]
  it.effect.each(passing)("that %s is asked again", ([, misbehaviour]) =>
    Effect.gen(function* () {
      const { server, r2 } = yield* openBucket
      server.misbehave(/./, misbehaviour)
      yield* r2.put(key("picture.jpg"), objectOf(Buffer.from("whole")))
      server.misbehave(/./, misbehaviour)
      assert.deepStrictEqual(yield* readBytes(r2, "picture.jpg"), Buffer.from("whole"))
      server.misbehave(/./, misbehaviour)
      assert.strictEqual((yield* r2.head(key("picture.jpg")))?.sizeBytes, 5)
      server.misbehave(/./, misbehaviour)
      assert.strictEqual((yield* r2.list({ prefix: "", cursor: null, limit: 9 })).objects.length, 1)
      server.misbehave(/./, misbehaviour)
      yield* r2.remove(key("picture.jpg"))
      assert.strictEqual(server.objects.size, 0)
      assert.strictEqual(server.asked.length, 10)
    }),
  )

  it.effect("that asks for a pause is asked again after it", () =>
    Effect.gen(function* () {
      const { server, r2 } = yield* openBucket
      server.misbehave(/./, { kind: "refuse", status: 503, retryAfter: "1" })
      const startMs = performance.now()
      assert.isUndefined(yield* r2.head(key("picture.jpg")))
      assert.isAtLeast(performance.now() - startMs, 1_000)
    }),
  )

  it.effect("is asked three times and no more, and not again when that would be in vain", () =>
    Effect.gen(function* () {
      const { server, r2 } = yield* openBucket
      const once = (misbehaviour: Misbehaviour, times: number) =>
        Effect.gen(function* () {
          server.asked.length = 0
          server.misbehave(/./, ...Array.from({ length: times }, () => misbehaviour))
          yield* isUnavailable(r2.head(key("picture.jpg")))
          assert.strictEqual(server.asked.length, times)
          assert.strictEqual(server.awaitedCount, 0)
        })
      yield* once({ kind: "refuse", status: 503 }, 3)
      yield* once({ kind: "refuse", status: 400 }, 1)
      yield* once({ kind: "refuse", status: 503, retryAfter: "120" }, 1)
      yield* once(
        { kind: "refuse", status: 503, retryAfter: new Date(Date.now() + 120_000).toUTCString() },
        1,
      )
    }),
  )

  it.effect("that fails five calls in a row is left alone for a while, then tried again", () =>
    Effect.gen(function* () {
      const { server, r2 } = yield* openBucket
      server.misbehave(/./, ...Array.from({ length: 5 }, () => ({ kind: "refuse", status: 403 }) as const))
      yield* Effect.forEach(Array.from({ length: 20 }), () => isUnavailable(r2.head(key("picture.jpg"))))
      assert.strictEqual(server.asked.length, 5)
      yield* eventually(Effect.map(Effect.exit(r2.head(key("picture.jpg"))), Exit.isSuccess), "20 seconds")
      assert.strictEqual(server.asked.length, 6)
    }),
  )

  it.effect("that breaks off in the middle gives no part for the whole", () =>
    Effect.gen(function* () {
      const { server, r2 } = yield* openBucket
      yield* r2.put(key("picture.jpg"), objectOf(randomBytes(500_000)))
      server.misbehave(/./, { kind: "reset mid" })
      yield* isUnavailable(read(r2, "picture.jpg"))
    }),
  )

  it.effect("that falls silent is given up: before the answer, and in the middle of it", () =>
    Effect.gen(function* () {
      const { server, r2 } = yield* openBucket
      yield* r2.put(key("picture.jpg"), objectOf(randomBytes(500_000)))
      const startMs = performance.now()
      server.misbehave(/./, { kind: "silent mid" })
      yield* isUnavailable(read(r2, "picture.jpg"))
      server.misbehave(/./, { kind: "hang" })
      assert.isDefined(yield* r2.head(key("picture.jpg")))
      assert.isBelow(performance.now() - startMs, 40_000)
    }),
  )

  it.effect("whose place a page of a proxy takes is unavailable", () =>
    Effect.gen(function* () {
      const { server, r2 } = yield* openBucket
      server.misbehave(/./, { kind: "page" })
      yield* isUnavailable(r2.list({ prefix: "", cursor: null, limit: 9 }))
    }),
  )

  it.effect("gives no object that is larger than any of ours", () =>
    Effect.gen(function* () {
      const { server, r2 } = yield* openBucket
      server.objects.set("picture.jpg", {
        bytes: Buffer.alloc(OBJECT_BYTES_MAX + 1),
        contentType: "image/jpeg",
        modifiedAt: new Date(),
      })
      yield* isUnavailable(read(r2, "picture.jpg"))
      yield* isUnavailable(r2.head(key("picture.jpg")))
    }),
  )

  it.effect("lists keys of others as they are", () =>
    Effect.gen(function* () {
      const { server, r2 } = yield* openBucket
      const names = ["a b&c<d>.jpg", "цветы/роза.jpg"]
      for (const name of names) {
        server.objects.set(name, {
          bytes: Buffer.alloc(1),
          contentType: "image/jpeg",
          modifiedAt: new Date(),
        })
      }
      const { objects } = yield* r2.list({ prefix: "", cursor: null, limit: 9 })
      assert.deepStrictEqual(
        objects.map((object) => object.key),
        names,
      )
    }),
  )
})
