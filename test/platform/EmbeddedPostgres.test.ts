import { spawn } from "node:child_process"
import { once } from "node:events"
import { cpSync } from "node:fs"
import * as fs from "node:fs/promises"
import { createRequire } from "node:module"
import * as os from "node:os"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, describe, expect, it, vi } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import postgres from "postgres"
import { EmbeddedPostgres, start } from "../../src/platform/EmbeddedPostgres.ts"
import { locate, restoreLinks } from "../../src/platform/EmbeddedPostgresBinaries.ts"
import { isAlive } from "../../src/platform/EmbeddedPostgresProcess.ts"

const createNote = "CREATE TABLE note (id int PRIMARY KEY, body text NOT NULL)"
const countNotes = "SELECT count(*)::int AS count FROM note"

vi.setConfig({ testTimeout: 20_000, hookTimeout: 20_000 })

// Made once and copied by the tests that are not about the making.
const template = join(os.tmpdir(), `cvety-postgres-template-${process.pid}`)
beforeAll(() => Effect.runPromise(Effect.scoped(Effect.asVoid(startFast(template)))))
afterAll(() => fs.rm(template, { recursive: true, force: true }))

describe("the cluster", () => {
  it.live("keeps its rows, its port and its password from one start to the next", () =>
    Effect.gen(function* () {
      const dataDir = yield* madeCluster
      const first = yield* Effect.scoped(
        Effect.tap(startFast(dataDir), ({ url }) =>
          query(url, `${createNote}; INSERT INTO note VALUES (1, 'тюльпаны')`),
        ),
      )
      expect(yield* isAlive(first.pid)).toBe(false)

      const second = yield* startFast(dataDir)
      expect(yield* query(second.url, "SELECT body FROM note")).toEqual([{ body: "тюльпаны" }])
      expect(Redacted.value(second.url)).toBe(Redacted.value(first.url))
      const { mode } = yield* Effect.promise(() => fs.stat(join(dataDir, "cluster", "password")))
      expect(mode & 0o777).toBe(0o600)
    }),
  )

  it.live("is durable, in UTC, understands Cyrillic and listens on the loopback only", () =>
    Effect.gen(function* () {
      const dataDir = yield* temporaryFolder
      const provider = ConfigProvider.fromUnknown({ DATA_DIR: dataDir })
      const services = yield* Layer.build(
        EmbeddedPostgres.layer.pipe(Layer.provide(ConfigProvider.layer(provider))),
      )
      const { url } = yield* Effect.provide(EmbeddedPostgres, services)
      const names = ["fsync", "full_page_writes", "listen_addresses", "synchronous_commit", "timezone"]
      const rows = yield* query(
        url,
        `SELECT name, setting FROM pg_settings WHERE lower(name) IN ('${names.join("','")}')`,
      )
      expect(
        Object.fromEntries(rows.map(({ name, setting }) => [String(name).toLowerCase(), setting])),
      ).toEqual({
        fsync: "on",
        full_page_writes: "on",
        listen_addresses: "127.0.0.1",
        synchronous_commit: "on",
        timezone: "UTC",
      })
      yield* query(url, "CREATE EXTENSION pg_trgm")
      expect(
        yield* query(
          url,
          `SELECT current_database() AS name, lower('РОЗА') AS lower, show_trgm('роза') <> '{}' AS trigrams,
                  (SELECT string_agg(word, '' ORDER BY word) FROM unnest('{ж,ё,е}'::text[]) word) AS ordered`,
        ),
      ).toEqual([{ name: "cvety", lower: "роза", trigrams: true, ordered: "еёж" }])
      expect(yield* Effect.promise(() => fs.readdir(dataDir))).toEqual(["postgres"])
    }),
  )

  it.live("never uses what a killed starter left half-made", () =>
    Effect.gen(function* () {
      const dataDir = yield* temporaryFolder
      const ended = yield* child(["-e", ""])
      yield* Effect.promise(() => ended.exited)
      const half = join(dataDir, `init-${ended.process.pid}-00000000`)
      yield* Effect.promise(async () => {
        await fs.mkdir(join(half, "data"), { recursive: true })
        await fs.writeFile(join(half, "data", "PG_VERSION"), "18\n")
        await fs.writeFile(join(half, "password"), "half")
      })

      const { url } = yield* startFast(dataDir)
      expect(yield* query(url, "SELECT 1 AS one")).toEqual([{ one: 1 }])
      expect(yield* Effect.promise(() => fs.readdir(dataDir))).toEqual(["cluster", "postgres.log"])
    }),
  )

  it.live("leaves nothing behind when the first start is given up", () =>
    Effect.gen(function* () {
      const dataDir = yield* temporaryFolder
      yield* Effect.timeoutOption(Effect.scoped(startFast(dataDir)), 200)
      expect(yield* Effect.promise(() => fs.readdir(dataDir))).toEqual([])
    }),
  )
})

describe("two starters of one cluster", () => {
  it.live("share one server when they start at the same time on an empty folder", () =>
    Effect.gen(function* () {
      const dataDir = yield* temporaryFolder
      const [one, two] = yield* Effect.all([startFast(dataDir), startFast(dataDir)], {
        concurrency: "unbounded",
      })
      expect(two.pid).toBe(one.pid)
      expect(Redacted.value(two.url)).toBe(Redacted.value(one.url))
      expect(yield* query(two.url, "SELECT 1 AS one")).toEqual([{ one: 1 }])
    }),
  )

  it.live("the later one attaches and does not stop the server when it leaves", () =>
    Effect.gen(function* () {
      const dataDir = yield* madeCluster
      const owner = yield* ownerProcess(dataDir)
      const tool = yield* Effect.scoped(startFast(dataDir))
      expect(tool.pid).toBe(owner.pid)
      expect(yield* isAlive(owner.pid)).toBe(true)
      expect(yield* query(tool.url, "SELECT 1 AS one")).toEqual([{ one: 1 }])
    }),
  )

  it.live("the later one takes over on the same port when the owner leaves first", () =>
    Effect.gen(function* () {
      const dataDir = yield* madeCluster
      const owner = yield* Scope.make()
      const first = yield* Scope.provide(startFast(dataDir), owner)
      const { url } = yield* startFast(dataDir)
      yield* query(url, `${createNote}; INSERT INTO note VALUES (1, 'a')`)
      yield* Scope.close(owner, Exit.void)
      expect(yield* isAlive(first.pid)).toBe(false)
      expect(yield* eventually(query(url, countNotes))).toEqual([{ count: 1 }])
    }),
  )
})

describe("a crash", () => {
  it.live("of the owner by SIGKILL takes the server down and loses no committed row", () =>
    Effect.gen(function* () {
      const dataDir = yield* madeCluster
      const owner = yield* ownerProcess(dataDir)
      yield* query(owner.url, createNote)
      const acknowledged = yield* insertWhileBreaking(owner.url, owner.kill)

      yield* Effect.repeat(isAlive(owner.pid), {
        while: (still) => still,
        schedule: Schedule.spaced(50),
        times: 100,
      })
      expect(yield* isAlive(owner.pid)).toBe(false)
      const next = yield* startFast(dataDir)
      const [row] = yield* query(next.url, countNotes)
      expectCommitted(row, acknowledged)
    }),
  )

  it.live("of the owner where nothing tells the server leaves one that the next start replaces", () =>
    Effect.gen(function* () {
      const dataDir = yield* madeCluster
      const owner = yield* ownerProcess(dataDir, yield* pathWithout("setpriv"))
      owner.kill()
      yield* Effect.sleep(300)
      expect(yield* isAlive(owner.pid)).toBe(true)

      const next = yield* startFast(dataDir)
      expect(next.pid).not.toBe(owner.pid)
      expect(yield* isAlive(owner.pid)).toBe(false)
      expect(Redacted.value(next.url)).toBe(Redacted.value(owner.url))
      expect(yield* query(next.url, "SELECT 1 AS one")).toEqual([{ one: 1 }])
    }),
  )

  it.live("of the server by SIGKILL is followed by a start on the same port with every committed row", () =>
    Effect.gen(function* () {
      const dataDir = yield* madeCluster
      const { url, pid } = yield* start({ dataDir })
      yield* query(url, createNote)
      const acknowledged = yield* insertWhileBreaking(url, () => process.kill(pid, "SIGKILL"))
      const [row] = yield* eventually(query(url, countNotes))
      expectCommitted(row, acknowledged)
    }),
  )

  it.live(
    "whose stale postmaster.pid names a live process of another program does not keep the server down",
    () =>
      Effect.gen(function* () {
        const dataDir = yield* madeCluster
        yield* Effect.scoped(startFast(dataDir))
        const stranger = yield* child(["-e", "setTimeout(() => {}, 60000)"])
        const pgdata = join(dataDir, "cluster", "data")
        const pidFile = join(pgdata, "postmaster.pid")
        const stale = `${stranger.process.pid}\n${pgdata}\n1700000000\n1\n\n127.0.0.1\n  1 1\nready   \n`
        yield* Effect.promise(() => fs.writeFile(pidFile, stale))

        const { url, pid } = yield* startFast(dataDir)
        expect(yield* query(url, "SELECT 1 AS one")).toEqual([{ one: 1 }])
        expect(yield* Effect.promise(() => fs.readFile(pidFile, "utf8"))).toMatch(new RegExp(`^${pid}\n`))
        expect(yield* isAlive(stranger.process.pid ?? 0)).toBe(true)
      }),
  )
})

describe("the server process", () => {
  it.effect("is waited for in real time under a test's clock", () =>
    Effect.gen(function* () {
      const { url } = yield* startFast(yield* madeCluster)
      expect(yield* query(url, "SELECT 1 AS one")).toEqual([{ one: 1 }])
    }),
  )

  it.live.skipIf(process.geteuid?.() !== 0)("belongs to nobody when root may not make a user namespace", () =>
    Effect.gen(function* () {
      const dataDir = yield* madeCluster
      const owner = yield* ownerProcess(dataDir, yield* pathWithout("unshare"))
      const { uid } = yield* Effect.promise(() => fs.stat(`/proc/${owner.pid}`))
      expect(uid).toBe(65534)
      expect(yield* query(owner.url, "SELECT 1 AS one")).toEqual([{ one: 1 }])
    }),
  )
})

describe("the server log", () => {
  it.live(
    "holds no values of a failed statement and is emptied at a start when it has grown over 10 MB",
    () =>
      Effect.gen(function* () {
        const dataDir = yield* madeCluster
        const logFile = join(dataDir, "postgres.log")
        yield* Effect.promise(() => fs.writeFile(logFile, "x".repeat(11 * 1024 * 1024)))
        const { url } = yield* startFast(dataDir)
        yield* Effect.exit(query(url, "SELECT 'secret-phone'::int"))
        const log = yield* Effect.promise(() => fs.readFile(logFile, "utf8"))
        expect(log).toContain("ready to accept connections")
        expect(log).not.toContain("xxx")
        expect(log).not.toContain("secret-phone")
      }),
  )
})

describe("the binary package", () => {
  it.live("gets its missing links whichever of two starters makes them", () =>
    Effect.gen(function* () {
      const { native, spare } = yield* fakePackage
      const both = yield* Effect.all([restoreLinks(native, spare), restoreLinks(native, spare)], {
        concurrency: "unbounded",
      })
      expect(both).toEqual([undefined, undefined])
      const link = join(native, "lib", "libpq.so.5")
      expect(yield* Effect.promise(() => fs.readlink(link))).toBe("libpq.so.5.18")
      expect(yield* restoreLinks(native, spare)).toBe(undefined)
    }),
  )

  it.live("gets them in a folder of ours when its own cannot be written", () =>
    Effect.gen(function* () {
      const { native, spare } = yield* fakePackage
      // Root may write anywhere, so the way to the link is closed with a file where its folder should be.
      const links = [{ source: "native/lib/libpq.so.5.18", target: "native/lib/libpq.so.5.18/libpq.so.5" }]
      yield* Effect.promise(() => fs.writeFile(join(native, "pg-symlinks.json"), JSON.stringify(links)))
      expect(yield* restoreLinks(native, spare)).toEqual([spare, join(native, "lib")])
      expect(yield* Effect.promise(() => fs.readFile(join(spare, "libpq.so.5"), "utf8"))).toBe("library")
    }),
  )

  it.effect("that does not exist for a platform is an error that names DATABASE_URL", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(locate("sunos", "sparc"))
      expect(error.message).toMatch(/sunos-sparc.*DATABASE_URL/)
    }),
  )
})

const startFast = (dataDir: string) => start({ dataDir, durable: false })

const temporaryFolder = Effect.acquireRelease(
  Effect.promise(() => fs.mkdtemp(join(os.tmpdir(), "cvety-postgres-"))),
  (path) => Effect.promise(() => fs.rm(path, { recursive: true, force: true, maxRetries: 5 })),
)

const madeCluster = Effect.tap(temporaryFolder, (dataDir) =>
  Effect.promise(async () => {
    // Not the asynchronous copy, which takes seconds for a thousand small files.
    cpSync(join(template, "cluster"), join(dataDir, "cluster"), { recursive: true })
    await fs.chmod(join(dataDir, "cluster", "data"), 0o700)
  }),
)

const fakePackage = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  const native = join(folder, "native")
  yield* Effect.promise(async () => {
    await fs.mkdir(join(native, "lib"), { recursive: true })
    await fs.writeFile(join(native, "lib", "libpq.so.5.18"), "library")
    await fs.writeFile(
      join(native, "pg-symlinks.json"),
      JSON.stringify([{ source: "native/lib/libpq.so.5.18", target: "native/lib/libpq.so.5" }]),
    )
  })
  return { native, spare: join(folder, "spare") }
})

const client = (url: Redacted.Redacted) =>
  Effect.acquireRelease(
    Effect.sync(() => postgres(Redacted.value(url), { max: 1, connect_timeout: 2, onnotice: () => {} })),
    (sql) => Effect.promise(() => sql.end({ timeout: 1 })),
  )

const query = (url: Redacted.Redacted, text: string) =>
  Effect.scoped(
    Effect.flatMap(client(url), (sql) =>
      Effect.tryPromise((): Promise<ReadonlyArray<postgres.Row>> => sql.unsafe(text)),
    ),
  )

/** Four writers insert, something is broken under them, and the rows whose insert was acknowledged are counted. */
const insertWhileBreaking = Effect.fnUntraced(function* (url: Redacted.Redacted, breakIt: () => unknown) {
  let acknowledged = 0
  let broken = false
  const writer = Effect.fnUntraced(function* (first: number) {
    const sql = yield* client(url)
    for (let id = first; !broken; id += writers) {
      yield* Effect.tryPromise(() => sql`INSERT INTO note VALUES (${id}, 'x')`)
      acknowledged += 1
      if (acknowledged === 100) {
        broken = true
        breakIt()
      }
    }
  }, Effect.scoped)
  yield* Effect.forEach([0, 1, 2, 3], (first) => Effect.exit(writer(first)), { concurrency: "unbounded" })
  return acknowledged
})

const writers = 4

// Each writer may have had one more committed whose answer was cut off.
const expectCommitted = (row: postgres.Row | undefined, acknowledged: number) => {
  expect(acknowledged).toBeGreaterThanOrEqual(100)
  expect(row?.["count"]).toBeGreaterThanOrEqual(acknowledged)
  expect(row?.["count"]).toBeLessThanOrEqual(acknowledged + writers)
}

const eventually = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.retry(effect, { schedule: Schedule.spaced(100), times: 80 })

const send = (pid: number, signal: NodeJS.Signals) => Effect.try(() => process.kill(pid, signal))

/** A PATH on which a tool refuses to work. */
const pathWithout = Effect.fnUntraced(function* (tool: string) {
  const folder = yield* temporaryFolder
  const script = "#!/bin/sh\necho refused >&2\nexit 1\n"
  yield* Effect.promise(() => fs.writeFile(join(folder, tool), script, { mode: 0o755 }))
  return `${folder}:${process.env["PATH"]}`
})

// The runtime that package.json pins: `node` on the PATH may be one that cannot run TypeScript.
const node = join(dirname(createRequire(import.meta.url).resolve("node/package.json")), "bin", "node")

const child = (args: ReadonlyArray<string>, path = "") =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const process = spawn(node, args, { stdio: ["ignore", "pipe", "inherit"], env: { PATH: path } })
      return { process, exited: once(process, "exit") }
    }),
    ({ process, exited }) =>
      Effect.promise(async () => {
        process.kill("SIGTERM")
        await exited
      }),
  )

const source = new URL("../../src/platform/EmbeddedPostgres.ts", import.meta.url).href

/** Another process that runs the cluster until the test ends or kills it. */
const ownerProcess = Effect.fnUntraced(function* (dataDir: string, path = process.env["PATH"] ?? "") {
  const program = `
    import * as Effect from "effect/Effect"
    import * as Redacted from "effect/Redacted"
    import { start } from ${JSON.stringify(source)}
    const run = Effect.gen(function* () {
      const { url, pid } = yield* start({ dataDir: ${JSON.stringify(dataDir)} })
      console.log(JSON.stringify({ url: Redacted.value(url), pid }))
      return yield* Effect.never
    })
    await Effect.runPromise(Effect.scoped(run))`
  const owner = yield* child(["--input-type=module", "-e", program], path)
  const [line] = yield* Effect.promise(() => once(owner.process.stdout, "data"))
  const { url, pid } = Schema.decodeUnknownSync(Started)(String(line))
  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      owner.process.kill("SIGKILL")
      yield* Effect.exit(send(pid, "SIGINT"))
      while (yield* isAlive(pid)) yield* Effect.sleep(20)
    }),
  )
  return { url: Redacted.make(url), pid, kill: () => owner.process.kill("SIGKILL") }
})

const Started = Schema.fromJsonString(Schema.Struct({ url: Schema.String, pid: Schema.Int }))
