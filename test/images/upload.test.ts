import { createHash, randomBytes } from "node:crypto"
import { existsSync, readdirSync, readlinkSync } from "node:fs"
import type { ClientRequest } from "node:http"
import * as http from "node:http"
import { tmpdir } from "node:os"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { eventually } from "../support/eventually.ts"
import * as RawHttp from "../support/RawHttp.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { call, insertPerson, insertShop } from "../support/TestPeople.ts"
import { makePicture, makePictureOfSize, upload } from "../support/TestPictures.ts"
import * as ImagesWorld from "./ImagesWorld.ts"

const MIB = 1_024 * 1_024
const TOO_LARGE = "File too large. Max size: 10MB"
const UNSUPPORTED = "Invalid file type. Allowed: JPEG, PNG, WebP, GIF"
const NO_FILE = "No file: send a multipart part named file, or the image as the body"

class World extends Context.Service<World, Effect.Success<ReturnType<typeof ImagesWorld.start>>>()(
  "cvety/test/images/World",
) {
  static readonly layer = Layer.effect(World, ImagesWorld.start()).pipe(
    Layer.provideMerge(TestDatabase.layer),
  )
}

const PRODUCTION_SECRET = "0123456789-abcdefghijklmnopqrstuvwxyz"

/** Where the system does not show which files a process holds, nothing can be said of them. */
const canSeeFiles = existsSync("/proc/self/fd")

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

const read = (url: string) => Effect.promise(async () => Buffer.from(await (await fetch(url)).arrayBuffer()))

/** A form as text, with anything a form may hold. */
const form = (...parts: ReadonlyArray<string | Uint8Array>) =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)))

layer(World.layer, { excludeTestServices: true })("an upload", (it) => {
  it.effect("answers with the key, a URL that shows the same bytes, and those of the thumbnails", () =>
    Effect.gen(function* () {
      const world = yield* World
      for (const part of ["file", undefined]) {
        const bytes = yield* makePicture("jpeg")
        const { status, body } = yield* world.upload(bytes, part === undefined ? {} : { part })
        const key = `${sha256(bytes)}.jpg`
        const url = `${world.url}/images/${key}`
        assert.deepStrictEqual(
          { status, body },
          {
            status: 200,
            body: {
              success: true,
              imageId: key,
              url,
              size: bytes.length,
              type: "image/jpeg",
              thumbnails: { 320: `${url}?w=320`, 640: `${url}?w=640`, 1280: `${url}?w=1280` },
            },
          },
        )
        assert.isTrue(bytes.equals(yield* read(url)))
      }
    }),
  )

  it.effect("is taken where the image worker was, in its words: 201, or 400 with `error`", () =>
    Effect.gen(function* () {
      const world = yield* World
      for (const path of ["/upload", "/images/upload", "/upload/"]) {
        const bytes = yield* makePicture("webp")
        const good = yield* world.upload(bytes, { path, part: "file" })
        assert.strictEqual(good.status, 201)
        assert.deepInclude(good.body, { success: true, size: bytes.length, type: "image/webp" })
        const wrong: ReadonlyArray<[Uint8Array, string]> = [
          [Buffer.from("<svg/>"), UNSUPPORTED],
          [Buffer.alloc(10 * MIB + 1), TOO_LARGE],
          [Buffer.alloc(0), "File is empty"],
        ]
        for (const [content, error] of wrong) {
          const { status, body } = yield* world.upload(content, { path })
          assert.deepStrictEqual({ status, body }, { status: 400, body: { error } })
        }
      }
    }),
  )

  it.effect("knows the kind by the first bytes, whatever the name and the type say", () =>
    Effect.gen(function* () {
      const world = yield* World
      const kinds = [
        ["jpeg", "image/jpeg", "jpg"],
        ["png", "image/png", "png"],
        ["webp", "image/webp", "webp"],
        ["gif", "image/gif", "gif"],
      ] as const
      for (const [format, type, extension] of kinds) {
        const bytes = yield* makePicture(format)
        const said = [
          { type },
          { type: `${type}; charset=binary; q=1` },
          { type: "IMAGE/JPEG" },
          { type: "image/svg+xml" },
          { part: "file", type: "application/octet-stream", fileName: "picture.txt" },
          { part: "file", type: "text/html", fileName: "../../etc/роза «красная».exe" },
          { part: "file", type: "", fileName: "" },
        ]
        for (const options of said) {
          const { status, body } = yield* world.upload(bytes, options)
          assert.deepInclude(
            { status, ...body },
            { status: 200, type, imageId: `${sha256(bytes)}.${extension}` },
          )
        }
      }
    }),
  )

  it.effect("refuses what is no picture of the four kinds", () =>
    Effect.gen(function* () {
      const world = yield* World
      const wrong = [
        `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`,
        "<!doctype html><html><body>picture</body></html>",
        "%PDF-1.7",
        "BM picture",
        "\u0000",
        "GI",
      ]
      for (const text of wrong) {
        for (const part of ["file", undefined]) {
          const options = { type: "image/jpeg", ...(part === undefined ? {} : { part }) }
          const { status, body } = yield* world.upload(Buffer.from(text), options)
          assert.deepStrictEqual({ status, body }, { status: 415, body: { detail: UNSUPPORTED } }, text)
        }
      }
    }),
  )

  it.effect("takes exactly 10 MiB and not one byte more, in every form", () =>
    Effect.gen(function* () {
      const world = yield* World
      const http = yield* RawHttp.make(world.url, 2)
      const headers = { authorization: `Bearer ${world.director.token}`, "content-type": "image/jpeg" }
      for (const [size, status] of [
        [10 * MIB, 200],
        [10 * MIB + 1, 413],
      ] as const) {
        const bytes = yield* makePictureOfSize(size)
        const chunked = { method: "POST", path: "/api/v1/images", headers, body: bytes, isChunked: true }
        const answers = [
          yield* world.upload(bytes),
          yield* world.upload(bytes, { part: "file" }),
          yield* http.send(chunked),
        ]
        for (const answer of answers) {
          assert.strictEqual(answer.status, status, JSON.stringify(answer.body))
          if (status === 413) assert.deepStrictEqual(answer.body, { detail: TOO_LARGE })
          else assert.strictEqual(answer.body.size, size)
        }
      }
    }),
  )

  it.effect("is refused without reading when it is announced as too large", () =>
    Effect.gen(function* () {
      const world = yield* World
      const { status, body } = yield* Effect.promise(
        () =>
          begin(world.url, { ...bearer(world.director.token), "content-length": String(10_000 * MIB) })
            .answer,
      )
      assert.deepStrictEqual({ status, body }, { status: 413, body: { detail: TOO_LARGE } })
    }),
  )

  it.effect("needs a file", () =>
    Effect.gen(function* () {
      const world = yield* World
      const http = yield* RawHttp.make(world.url)
      const send = (type: string | undefined, body: string | Uint8Array) =>
        http.send({
          method: "POST",
          path: "/api/v1/images",
          headers: {
            authorization: `Bearer ${world.director.token}`,
            ...(type === undefined ? {} : { "content-type": type }),
          },
          body,
        })
      const picture = yield* makePicture("png")
      const missing = { status: 400, body: { detail: NO_FILE } }
      for (const type of ["application/json", "text/html", "application/octet-stream", undefined, "image"]) {
        const { status, body } = yield* send(type, picture)
        assert.deepStrictEqual({ status, body }, missing, type)
      }
      const multipart = "multipart/form-data; boundary=B"
      const file = `content-disposition: form-data; name="file"; filename="a.png"\r\n\r\n`
      const other = `--B\r\ncontent-disposition: form-data; name="other"; filename="b.png"\r\n\r\n`
      const field = `--B\r\ncontent-disposition: form-data; name="file"\r\n\r\ntext\r\n`
      for (const body of [
        form("--B--\r\n"),
        form(field, "--B--\r\n"),
        form(other, picture, "\r\n--B--\r\n"),
      ]) {
        const answer = yield* send(multipart, body)
        assert.deepStrictEqual({ status: answer.status, body: answer.body }, missing, body.toString())
      }
      const behind = form(other, randomBytes(300_000), `\r\n${field}--B\r\n${file}`, picture, "\r\n--B--\r\n")
      assert.deepInclude((yield* send(multipart, behind)).body, { imageId: `${sha256(picture)}.png` })
      for (const body of ["nonsense", form(`--B\r\n${file}`, picture.subarray(0, 100))]) {
        assert.strictEqual((yield* send(multipart, body)).status, 400)
      }
      assert.strictEqual((yield* send("multipart/form-data", behind)).status, 400)
      const many = form(
        ...Array.from({ length: 30 }, () => field),
        `--B\r\n${file}`,
        picture,
        "\r\n--B--\r\n",
      )
      assert.strictEqual((yield* send(multipart, many)).status, 400)
    }),
  )

  it.effect("is for those who may change goods, and for machines that were given it", () =>
    Effect.gen(function* () {
      const world = yield* World
      const { shopId } = world.director
      const bytes = yield* makePicture("png")
      for (const path of ["/api/v1/images", "/images/upload", "/upload"]) {
        const success = path === "/api/v1/images" ? 200 : 201
        assert.strictEqual((yield* upload(world.url, bytes, { path })).status, 401)
        for (const [role, status] of [
          ["MANAGER", success],
          ["FLORIST", 403],
          ["COURIER", 403],
        ] as const) {
          const { token } = yield* insertPerson(world.witness, { role, shopId })
          assert.strictEqual((yield* upload(world.url, bytes, { path, token })).status, status, role)
        }
        for (const [permission, status] of [
          ["update_products", success],
          ["view_products", 403],
        ] as const) {
          const { body } = yield* call(world.url, "POST", "/service-credentials", {
            token: world.director.token,
            body: { name: `bot ${path} ${permission}`, permissions: [permission] },
          })
          assert.strictEqual((yield* upload(world.url, bytes, { path, token: body.key })).status, status)
        }
      }
    }),
  )

  it.effect("of the same bytes gives the same key, one row for each shop and one object for all", () =>
    Effect.gen(function* () {
      const world = yield* World
      const other = yield* insertShop(world.witness)
      const bytes = yield* makePicture("jpeg")
      const tokens = [world.director.token, other.token, world.director.token, other.token]
      const answers = yield* Effect.forEach(
        [...tokens, ...tokens],
        (token) => upload(world.url, bytes, { token }),
        { concurrency: "unbounded" },
      )
      assert.deepStrictEqual([...new Set(answers.map(({ body }) => body.imageId))], [`${sha256(bytes)}.jpg`])
      const rows = yield* Effect.promise(
        () =>
          world.witness`SELECT shop_id, size_bytes, stored_at FROM image WHERE key = ${`${sha256(bytes)}.jpg`}`,
      )
      assert.sameMembers(
        rows.map((row) => row["shop_id"]),
        [world.director.shopId, other.shopId],
      )
      for (const row of rows) assert.isNotNull(row["stored_at"])
      assert.include(world.pictures(), `${sha256(bytes)}.jpg`)
    }),
  )

  it.effect.skipIf(!canSeeFiles)("that is cut in the middle leaves nothing behind", () =>
    Effect.gen(function* () {
      const world = yield* World
      const shop = yield* insertShop(world.witness)
      const objects = world.pictures()
      const cut = [
        begin(world.url, { ...bearer(shop.token), "content-length": String(5 * MIB) }),
        begin(world.url, bearer(shop.token)),
        begin(world.url, { ...bearer(shop.token), "content-type": "multipart/form-data; boundary=B" }),
      ]
      cut[2]?.request.write(`--B\r\ncontent-disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n`)
      const picture = yield* makePictureOfSize(2 * MIB)
      for (const { request } of cut) request.write(picture)
      yield* eventually(
        Effect.sync(() => openUploads() === cut.length),
        "20 seconds",
      )
      for (const { request } of cut) request.destroy()
      yield* eventually(
        Effect.sync(() => openUploads() === 0),
        "20 seconds",
      )
      // Other tests upload too, and a file has a name for a moment.
      yield* eventually(
        Effect.sync(() => !readdirSync(tmpdir()).some((name) => name.startsWith("cvety-upload-"))),
        "20 seconds",
      )
      assert.deepStrictEqual([...(yield* world.rows(shop.shopId))], [])
      assert.deepStrictEqual(world.pictures(), objects)
    }),
  )

  it.effect.skipIf(!canSeeFiles)(
    "is on disk and not in memory while it arrives; of too many at once some are sent away",
    () =>
      Effect.gen(function* () {
        const world = yield* World
        const piece = yield* makePictureOfSize(MIB)
        const before = heldBytes()
        const shops = yield* Effect.forEach(Array.from({ length: 8 }), () => insertShop(world.witness))
        const uploads = shops.flatMap(({ token }) =>
          Array.from({ length: 4 }, () => begin(world.url, bearer(token))),
        )
        for (const { request } of uploads) for (let mib = 0; mib < 6; mib++) request.write(piece)
        yield* eventually(
          Effect.sync(
            () => uploads.every(({ request }) => request.writableLength === 0) && openUploads() === 32,
          ),
          "50 seconds",
        )
        // 192 MiB have been sent.
        assert.isBelow(heldBytes() - before, 40 * MIB)
        const refused = yield* world.upload(piece)
        assert.strictEqual(refused.status, 503)
        assert.strictEqual(refused.headers.get("retry-after"), "1")
        for (const { request } of uploads) request.destroy()
        yield* eventually(
          Effect.sync(() => openUploads() === 0),
          "20 seconds",
        )
        assert.strictEqual((yield* world.upload(piece)).status, 200)
      }),
  )

  it.effect.skipIf(!canSeeFiles)("waits while four of its shop arrive, and for none of another shop", () =>
    Effect.gen(function* () {
      const world = yield* World
      const shop = yield* insertShop(world.witness)
      const piece = yield* makePictureOfSize(MIB)
      const four = Array.from({ length: 4 }, () => begin(world.url, bearer(shop.token)))
      for (const { request } of four) request.write(piece)
      yield* eventually(
        Effect.sync(() => openUploads() === 4),
        "20 seconds",
      )
      const waiting = yield* Effect.forkChild(upload(world.url, piece, { token: shop.token }))
      assert.strictEqual((yield* world.upload(piece)).status, 200)
      const refused = yield* upload(world.url, piece, { token: shop.token })
      assert.deepStrictEqual([refused.status, refused.headers.get("retry-after")], [503, "1"])
      assert.strictEqual((yield* Fiber.join(waiting)).status, 503)
      const next = yield* Effect.forkChild(upload(world.url, piece, { token: shop.token }))
      four[0]?.request.end()
      assert.strictEqual((yield* Effect.promise(() => four[0]?.answer ?? Promise.reject())).status, 200)
      assert.strictEqual((yield* Fiber.join(next)).status, 200)
      for (const { request } of four) request.destroy()
      yield* eventually(
        Effect.sync(() => openUploads() === 0),
        "20 seconds",
      )
    }),
  )

  it.effect(
    "meets no production node that listens everywhere and was not told where it is found: it does not start",
    () =>
      Effect.gen(function* () {
        const started = yield* Effect.exit(
          ImagesWorld.start({
            APP_ENV: "production",
            HOST: "0.0.0.0",
            SECRET_KEY: PRODUCTION_SECRET,
            SECRET_KEY_PREVIOUS: PRODUCTION_SECRET,
            WEBHOOK_SECRET: PRODUCTION_SECRET,
            WEBHOOK_SECRET_PREVIOUS: PRODUCTION_SECRET,
          }),
        )
        assert.include(String(started), "IMAGES_BASE_URL must be set")
      }),
  )

  it.effect("gives URLs that begin as the settings say, whatever host the caller names", () =>
    Effect.gen(function* () {
      const { url, director } = yield* ImagesWorld.start({
        IMAGES_BASE_URL: "https://pictures.example/cvety/",
      })
      const http = yield* RawHttp.make(url)
      const bytes = yield* makePicture("png")
      const { body } = yield* http.send({
        method: "POST",
        path: "/api/v1/images",
        headers: { ...bearer(director.token), host: "evil.example", "x-forwarded-host": "evil.example" },
        body: bytes,
      })
      assert.strictEqual(body.url, `https://pictures.example/cvety/images/${body.imageId}`)
    }),
  )
})

const bearer = (token: string) => ({ authorization: `Bearer ${token}`, "content-type": "image/jpeg" })

interface Begun {
  readonly request: ClientRequest
  readonly answer: Promise<{ readonly status: number | undefined; readonly body: unknown }>
}

/** An upload of which only the headers were sent. */
const begin = (url: string, headers: Readonly<Record<string, string>>): Begun => {
  const request = http.request(`${url}/api/v1/images`, { method: "POST", headers, agent: false })
  request.flushHeaders()
  const answer = new Promise<Awaited<Begun["answer"]>>((resolve, reject) => {
    request.once("error", reject)
    request.once("response", async (response) => {
      const chunks: Array<Buffer> = []
      for await (const chunk of response) chunks.push(chunk)
      resolve({ status: response.statusCode, body: JSON.parse(Buffer.concat(chunks).toString()) })
    })
  })
  answer.catch(() => {})
  return { request, answer }
}

/** Files of uploads that this process holds. */
const openUploads = (): number =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes("cvety-upload-")
    } catch {
      return false
    }
  }).length

/** What is still reachable. */
const heldBytes = (): number => {
  setFlagsFromString("--expose-gc")
  const collect: () => void = runInNewContext("gc")
  collect()
  collect()
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return heapUsed + external + arrayBuffers
}
