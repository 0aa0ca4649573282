import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { eventually } from "../support/eventually.ts"
import * as RawHttp from "../support/RawHttp.ts"
import { S3Server } from "../support/S3Server.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { makePicture, makePictureOfSize } from "../support/TestPictures.ts"
import * as ImagesWorld from "./ImagesWorld.ts"

const world = (settings: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const node = yield* ImagesWorld.start(settings)
    const http = yield* RawHttp.make(node.url, 4)
    const bytes = yield* makePicture("png", 900, 300)
    const { body } = yield* node.upload(bytes)
    const path = `/images/${body.imageId}`
    const get = (more = "", headers: Readonly<Record<string, string>> = {}, method = "GET") =>
      http.send({ method, path: path + more, headers })
    return { ...node, http, bytes, key: String(body.imageId), path, get }
  })

const inBucket = Effect.gen(function* () {
  const server = yield* S3Server.start
  return { server, ...(yield* world(server.settings)) }
})

const SAID = "Image not found"

const keyIn = (path: string) => decodeURIComponent(path.slice("/images/".length))

layer(TestDatabase.layer, { excludeTestServices: true })("a picture", (it) => {
  for (const [store, opened] of [
    ["a folder", world()],
    ["a bucket", inBucket],
  ] as const) {
    it.effect(`in ${store} is shown to anybody, to be kept for ever and never run`, () =>
      Effect.gen(function* () {
        const { get, bytes } = yield* opened
        for (const method of ["GET", "HEAD"]) {
          const { status, headers, text } = yield* get("", {}, method)
          assert.strictEqual(status, 200)
          assert.strictEqual(text.length > 0, method === "GET")
          assert.match(String(headers.etag), /^"[^"]+"$/)
          assert.match(String(headers["x-request-id"]), /^req_/)
          const ofConnection = new Set(["connection", "keep-alive", "date"])
          const told = Object.entries(headers).filter(([name]) => !ofConnection.has(name))
          assert.deepStrictEqual(Object.fromEntries(told), {
            "access-control-allow-origin": "*",
            "cache-control": "public, max-age=31536000, immutable",
            "content-disposition": "inline",
            "content-length": String(bytes.length),
            "content-security-policy": "default-src 'none'; sandbox",
            "content-type": "image/png",
            "cross-origin-resource-policy": "cross-origin",
            etag: headers.etag,
            "x-content-type-options": "nosniff",
            "x-request-id": headers["x-request-id"],
          })
        }
      }),
    )

    it.effect(`in ${store} is not sent again to whoever has it`, () =>
      Effect.gen(function* () {
        const { get } = yield* opened
        const { headers } = yield* get()
        const etag = String(headers.etag)
        const same = [etag, `W/${etag}`, `"other", ${etag}`, `${etag}, "other"`]
        for (const tag of same) {
          const answer = yield* get("", { "if-none-match": tag })
          assert.deepStrictEqual([answer.status, answer.text, answer.headers.etag], [304, "", etag], tag)
          assert.include(String(answer.headers["cache-control"]), "immutable")
        }
        for (const tag of [`"other"`, "nonsense", "", `"${"x".repeat(500)}"`]) {
          assert.strictEqual((yield* get("", { "if-none-match": tag })).status, 200, tag)
        }
      }),
    )
  }

  it.effect("has its thumbnails in three widths; what was there before they were is not kept for long", () =>
    Effect.gen(function* () {
      const { get, thumbnails } = yield* world()
      yield* eventually(
        Effect.sync(() => thumbnails().length === 3),
        "20 seconds",
      )
      const sizes: Array<number> = []
      for (const width of [320, 640, 1280]) {
        const { status, headers } = yield* get(`?w=${width}`)
        assert.deepInclude(
          { status, ...headers },
          {
            status: 200,
            "content-type": "image/webp",
            "cache-control": "public, max-age=31536000, immutable",
          },
        )
        assert.strictEqual((yield* get(`?w=${width}`, { "if-none-match": String(headers.etag) })).status, 304)
        sizes.push(Number(headers["content-length"]))
      }
      assert.deepStrictEqual(
        sizes,
        sizes.toSorted((a, b) => a - b),
      )
      for (const width of ["100", "0", "-320", "320.0", "huge", ""]) {
        assert.strictEqual((yield* get(`?w=${width}`)).status, 422, width)
      }
    }),
  )

  it.effect("stands in for its thumbnails until they are made, and says so to whoever keeps it", () =>
    Effect.gen(function* () {
      const { get, thumbnails, upload, witness } = yield* world()
      yield* eventually(
        Effect.sync(() => thumbnails().length === 3),
        "20 seconds",
      )
      const damaged = yield* makePicture("png")
      damaged.fill(0, 40)
      const { body } = yield* upload(damaged)
      yield* eventually(
        Effect.promise(async () => {
          const rows =
            await witness`SELECT FROM image WHERE key = ${body.imageId} AND thumbnails_attempts > 0`
          return rows.length === 1
        }),
        "20 seconds",
      )
      const shown = yield* Effect.promise(() => fetch(body.thumbnails[320]))
      assert.strictEqual(shown.status, 200)
      assert.strictEqual(shown.headers.get("content-type"), "image/png")
      assert.strictEqual(shown.headers.get("cache-control"), "public, max-age=10")
      assert.isTrue(damaged.equals(Buffer.from(yield* Effect.promise(() => shown.arrayBuffer()))))
      assert.strictEqual((yield* get("?w=320", {}, "HEAD")).headers["content-type"], "image/webp")
    }),
  )

  it.effect("that is not there, or is no name of one, is not found; no path leads anywhere else", () =>
    Effect.gen(function* () {
      const { http, key, path, bytes } = yield* world()
      const nowhere = [
        `/images/${"0".repeat(64)}.jpg`,
        `/images/${key.replace(".png", ".jpg")}`,
        `/images/${key.toUpperCase()}`,
        `/images/${key}.320.webp`,
        "/images/owner",
        "/images/..%2f..%2fpackage.json",
        "/images/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/images/..%5c..%5cboot.ini",
        `/images/${key}%00.jpg`,
        "/images/null",
      ]
      for (const wrong of nowhere) {
        for (const method of ["GET", "HEAD"]) {
          const { status, body } = yield* http.send({ method, path: wrong })
          assert.deepStrictEqual(
            { status, body },
            {
              status: 404,
              body: method === "GET" ? { detail: SAID, error: SAID, key: keyIn(wrong) } : undefined,
            },
            wrong,
          )
        }
      }
      for (const stripped of [`/images/%2F${key}`, `/images/..%2f${key}`, `/images/%2f%2f..%2f${key}`]) {
        const { status, headers } = yield* http.send({ path: stripped })
        assert.deepStrictEqual([status, headers["content-length"]], [200, String(bytes.length)], stripped)
      }
      for (const nameless of ["/images", "/images/", "/images/..", "/images/%2f"]) {
        const { status, body } = yield* http.send({ path: nameless })
        assert.deepStrictEqual(
          { status, body },
          { status: 400, body: { detail: "Image key is missing" } },
          nameless,
        )
      }
      for (const method of ["DELETE", "PUT", "POST"]) {
        assert.strictEqual((yield* http.send({ method, path })).status, 405, method)
      }
    }),
  )

  it.effect("is shown on the pages of every origin, those of the shop and the admin too", () =>
    Effect.gen(function* () {
      const { get } = yield* world({ CORS_ORIGINS: "https://shop.example" })
      for (const origin of ["https://shop.example", "https://elsewhere.example"]) {
        const { headers } = yield* get("", { origin })
        assert.strictEqual(headers["access-control-allow-origin"], "*", origin)
        assert.isUndefined(headers["access-control-allow-credentials"])
      }
    }),
  )

  it.effect("that the bucket cannot give now is a 503, and one that breaks off is no whole picture", () =>
    Effect.gen(function* () {
      const { server, get, upload, url } = yield* inBucket
      yield* eventually(
        Effect.sync(() => server.objects.size === 4),
        "20 seconds",
      )
      server.misbehave(/^GET \w{64}/, { kind: "refuse", status: 403 })
      const { status, headers, body } = yield* get()
      assert.deepStrictEqual(
        { status, body },
        { status: 503, body: { detail: "Image storage is unavailable, try again later" } },
      )
      assert.strictEqual(headers["retry-after"], "1")
      const large = yield* upload(yield* makePictureOfSize(2_000_000))
      yield* eventually(
        Effect.sync(() => server.objects.size === 8),
        "20 seconds",
      )
      server.misbehave(/^GET \w{64}/, { kind: "reset mid" })
      const outcome = yield* Effect.promise(() =>
        fetch(`${url}/images/${large.body.imageId}`)
          .then((response) => response.arrayBuffer())
          .then(
            () => "a whole picture",
            () => "broken off",
          ),
      )
      assert.strictEqual(outcome, "broken off")
    }),
  )
})
