/**
 * The files of the embedded database: `<dataDir>/cluster/data` is PostgreSQL's own folder and
 * `<dataDir>/cluster/password` the password of its superuser `cvety`, mode 0600.
 *
 * A cluster appears whole or not at all: it is made under `<dataDir>/init-<pid>-<random>`, with the password and the
 * database `cvety` in it, and then renamed. Of two starters that make one at the same time the first rename wins and
 * the other throws its own away. What a killed starter left half-made is never used and is removed later.
 *
 * A durable cluster is on disk before it gets its name, so that no commit can outlive the catalogue it refers to.
 * The locale is the only one with which Cyrillic works in trigrams, full text and order at once: ICU `ru-RU` for
 * collation over a UTF-8 `LC_CTYPE`.
 */
import { randomBytes } from "node:crypto"
import * as fs from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { type Binaries, command, run } from "./EmbeddedPostgresBinaries.ts"
import { attempt } from "./EmbeddedPostgresError.ts"
import { isAlive } from "./EmbeddedPostgresProcess.ts"

interface Cluster {
  readonly pgdata: string
  readonly password: Redacted.Redacted
}

const abandonedAfterMs = 600_000

/** Opens the cluster of a data folder, or makes it first. */
export const open = Effect.fnUntraced(function* (binaries: Binaries, dataDir: string, durable: boolean) {
  yield* sweep(dataDir)
  const folder = join(dataDir, "cluster")
  if (!(yield* isCluster(folder))) yield* Effect.scoped(make(binaries, dataDir, folder, durable))
  const password = yield* attempt("read the database password", () =>
    fs.readFile(join(folder, "password"), "utf8"),
  )
  const pgdata = yield* attempt("resolve the cluster", () => fs.realpath(join(folder, "data")))
  return { pgdata, password: Redacted.make(password) } satisfies Cluster
})

const make = Effect.fnUntraced(function* (
  binaries: Binaries,
  dataDir: string,
  folder: string,
  durable: boolean,
) {
  const half = yield* halfMade(dataDir)
  const data = join(half, "data")
  const pwfile = join(half, "password")
  yield* attempt("write the database password", () =>
    fs.writeFile(pwfile, randomBytes(24).toString("hex"), { mode: 0o600, flush: durable }),
  )
  const { account } = binaries
  if (account !== undefined) {
    const give = (path: string) => fs.chown(path, account.uid, account.gid)
    yield* attempt("give the cluster to its user", () => give(half).then(() => give(pwfile)))
  }
  yield* run(command(binaries, "initdb", ["-D", data, ...initdbArgs, `--pwfile=${pwfile}`]), binaries.env)
  yield* run(
    command(binaries, "postgres", ["--single", "-F", "-D", data, "-c", "exit_on_error=on", "template1"]),
    binaries.env,
    "CREATE DATABASE cvety STRATEGY file_copy;\n",
  )
  if (durable) {
    yield* run(command(binaries, "initdb", ["-D", data, "--sync-only"]), binaries.env)
    yield* syncFolder(half)
  }
  yield* attempt("name the new cluster", () => fs.rename(half, folder)).pipe(
    Effect.catch((error) =>
      Effect.flatMap(isCluster(folder), (won) => (won ? Effect.void : Effect.fail(error))),
    ),
  )
  if (durable) yield* syncFolder(dataDir)
})

const initdbArgs = [
  "-U",
  "cvety",
  "-A",
  "scram-sha-256",
  "--encoding=UTF8",
  "--locale=C.UTF-8",
  "--locale-provider=icu",
  "--icu-locale=ru-RU",
  "--no-sync",
  "--no-instructions",
]

const halfMade = (dataDir: string) =>
  Effect.acquireRelease(
    attempt("make a folder for the cluster", async () => {
      const path = join(dataDir, `init-${process.pid}-${randomBytes(4).toString("hex")}`)
      await fs.mkdir(path, { mode: 0o700 })
      return path
    }),
    remove,
  )

const remove = (path: string) =>
  Effect.ignore(attempt(`remove ${path}`, () => fs.rm(path, { recursive: true, force: true, maxRetries: 5 })))

const sweep = Effect.fnUntraced(function* (dataDir: string) {
  const names = yield* attempt(`read ${dataDir}`, () => fs.readdir(dataDir))
  const halves = names.flatMap((name) => {
    const maker = /^(?:init|native)-(\d+)(?:-|$)/.exec(name)?.[1]
    return maker === undefined ? [] : [{ path: join(dataDir, name), maker: Number(maker) }]
  })
  yield* Effect.forEach(halves, ({ path, maker }) =>
    isAbandoned(path, maker).pipe(Effect.flatMap((abandoned) => (abandoned ? remove(path) : Effect.void))),
  )
})

// The first process of a container has the same pid in each of its lives: there only the age tells.
const isAbandoned = Effect.fnUntraced(function* (path: string, maker: number) {
  if (!(yield* isAlive(maker))) return true
  const ageMs = yield* attempt(`stat ${path}`, () => fs.stat(path)).pipe(
    Effect.map(({ mtimeMs }) => Date.now() - mtimeMs),
    Effect.orElseSucceed(() => 0),
  )
  return ageMs > abandonedAfterMs
})

const isCluster = (folder: string) =>
  attempt("look for a cluster", () => fs.access(join(folder, "data", "PG_VERSION"))).pipe(Effect.isSuccess)

// Not every system lets a folder be synced; where it does, a rename is on disk after this.
const syncFolder = (path: string) =>
  Effect.ignore(
    attempt(`sync ${path}`, async () => {
      await using folder = await fs.open(path, "r")
      await folder.sync()
    }),
  )
