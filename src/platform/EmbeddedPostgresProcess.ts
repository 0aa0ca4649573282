/**
 * The server process: who runs a cluster now (`inspect`), and running it ourselves (`launch`).
 *
 * PostgreSQL itself keeps the record that other processes read. `postmaster.pid` holds pid, port and one of
 * `starting`, `ready`, `stopping`; `postmaster.opts` holds the command line, in which we pass the pid of the owner as
 * the setting `cvety.owner`. Neither is believed alone:
 *
 *   the pid is dead, a zombie, or some other program   Absent: a stale file
 *   no status yet, starting, stopping                  Busy: look again
 *   the owner is dead, or no longer the parent         Orphan: about to shut down, or never told to
 *   else                                               Ready
 *
 * A stale file whose pid belongs to another live process would keep PostgreSQL from starting. The file is not removed
 * by us (another starter may just have replaced it, and it is what PostgreSQL checks for surviving backends): the pid
 * is passed as PG_GRANDPARENT_PID, which PostgreSQL takes as stale, and then makes its own checks.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { randomInt } from "node:crypto"
import * as fs from "node:fs/promises"
import { createServer, connect as openSocket } from "node:net"
import { join } from "node:path"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { type Binaries, command } from "./EmbeddedPostgresBinaries.ts"
import { attempt, EmbeddedPostgresError } from "./EmbeddedPostgresError.ts"

type Found =
  | { readonly _tag: "Absent"; readonly stalePid: number | undefined; readonly lastPort: number | undefined }
  | { readonly _tag: "Busy" }
  | { readonly _tag: "Orphan"; readonly pid: number }
  | { readonly _tag: "Ready"; readonly pid: number; readonly port: number }

export interface Server {
  readonly pid: number
  readonly port: number
  /** Waits until the server is gone and says how it went. */
  readonly gone: Effect.Effect<string>
}

export const inspect = Effect.fnUntraced(function* (pgdata: string): Effect.fn.Return<Found> {
  const lock = yield* readLock(pgdata)
  const opts = yield* readText(join(pgdata, "postmaster.opts"))
  const lastPort = numberIn(/"-p" "(\d+)"/, opts)
  if (lock === undefined) return { _tag: "Absent", stalePid: undefined, lastPort }
  if (!(yield* isServing(lock, pgdata))) return { _tag: "Absent", stalePid: lock.pid, lastPort }
  if (lock.status === undefined) return { _tag: "Busy" }
  const owner = numberIn(/cvety\.owner=(\d+)/, opts)
  if (owner !== undefined && !(yield* isOwnedBy(lock.pid, owner))) return { _tag: "Orphan", pid: lock.pid }
  return lock.status === "ready" ? { _tag: "Ready", pid: lock.pid, port: lock.port } : { _tag: "Busy" }
})

interface LaunchOptions {
  readonly pgdata: string
  readonly port: number
  readonly logFile: string
  readonly settings: Readonly<Record<string, string>>
  readonly stalePid: number | undefined
}

/** Starts the server, waits until it takes connections, and stops it with the scope. */
export const launch = Effect.fnUntraced(function* (binaries: Binaries, options: LaunchOptions) {
  const logStart = yield* boundLog(options.logFile)
  const ended = yield* Deferred.make<string>()
  const running = Effect.map(Deferred.isDone(ended), (done) => !done)
  const child = yield* Effect.acquireRelease(spawnServer(binaries, options, ended), ({ pid }) =>
    Effect.flatMap(running, (still) => (still && pid !== undefined ? stop(pid, running) : Effect.void)),
  )
  const ready = waitUntil(
    Effect.map(readLock(options.pgdata), (lock) => lock?.pid === child.pid && lock?.status === "ready"),
    20,
  )
  const died = Effect.gen(function* () {
    const how = yield* Deferred.await(ended)
    const log = yield* readText(options.logFile)
    const said = log.slice(logStart).trim().slice(-1000)
    return yield* new EmbeddedPostgresError({ message: `the database server did not start: ${how}\n${said}` })
  })
  yield* Effect.raceFirst(ready, died)
  return { pid: child.pid ?? 0, port: options.port, gone: Deferred.await(ended) } satisfies Server
})

/** A server of another process: watched, never stopped. */
export const attach = (pid: number, port: number, pgdata: string): Server => {
  const serving = isServing({ pid, port, status: "ready" }, pgdata)
  const ended = waitUntil(
    Effect.map(serving, (still) => !still),
    250,
  )
  return { pid, port, gone: Effect.as(ended, "the process that ran it has stopped it") }
}

/** Fast shutdown (transactions roll back, a checkpoint is written); after 8 s immediate shutdown (as a crash). */
const stop = Effect.fnUntraced(function* (pid: number, running: Effect.Effect<boolean>) {
  const stopped = Effect.map(running, (still) => !still)
  yield* signal(pid, "SIGINT")
  if (yield* waitUntil(stopped, 20, 8_000)) return
  yield* signal(pid, "SIGQUIT")
  yield* waitUntil(stopped, 20, 6_000)
})

export const stopOrphan = (pid: number, pgdata: string) =>
  stop(pid, isServing({ pid, port: 0, status: undefined }, pgdata))

/** Whether a process with this pid runs: a zombie does not. */
export const isAlive = Effect.fnUntraced(function* (pid: number) {
  if (!(yield* signal(pid, 0))) return false
  const stat = yield* readStat(pid)
  return stat === undefined || stat.state !== "Z"
})

/**
 * A port on 127.0.0.1 that is free now, the preferred one if it can be had. Others are taken from below the range from
 * which the system picks ports for outgoing connections: one of those could take the port while the server restarts.
 */
export const freePort = (preferred: number | undefined) =>
  Effect.findFirst(
    [
      ...(preferred === undefined ? [] : [preferred]),
      ...Array.from({ length: 50 }, () => randomInt(20_000, 30_000)),
    ],
    isFree,
  ).pipe(
    Effect.flatMap(Effect.fromOption),
    Effect.mapError((cause) => new EmbeddedPostgresError({ message: "no free port on 127.0.0.1", cause })),
  )

const isFree = (port: number) =>
  Effect.callback<boolean>((resume) => {
    const server = createServer()
    server.once("error", () => resume(Effect.succeed(false)))
    server.listen({ port, host: "127.0.0.1" }, () => server.close(() => resume(Effect.succeed(true))))
  })

// Detached, or Ctrl-C in a terminal would reach the server before the service has let go of it.
const spawnServer = (binaries: Binaries, options: LaunchOptions, ended: Deferred.Deferred<string>) => {
  const settings = Object.entries({ ...options.settings, "cvety.owner": String(process.pid) })
  const args = ["-D", options.pgdata, "-p", String(options.port)]
  const [file, ...rest] = command(binaries, "postgres", [
    ...args,
    ...settings.flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ])
  const stale = options.stalePid === undefined ? {} : { PG_GRANDPARENT_PID: String(options.stalePid) }
  return Effect.acquireUseRelease(
    attempt("open the log of the database", () => fs.open(options.logFile, "a", 0o600)),
    (log) =>
      Effect.sync((): ChildProcess => {
        const env = { ...binaries.env, ...stale }
        const child = spawn(file, rest, { detached: true, stdio: ["ignore", log.fd, log.fd], env })
        const end = (how: string) => Deferred.doneUnsafe(ended, Effect.succeed(how))
        child.once("exit", (code, name) => end(name === null ? `it exited with ${code}` : `it got ${name}`))
        child.once("error", (error) => end(error.message))
        return child
      }),
    (log) => Effect.promise(() => log.close()),
  )
}

const logBytesMax = 10 * 1024 * 1024

const boundLog = (logFile: string) =>
  attempt("bound the log of the database", async () => {
    const { size } = await fs.stat(logFile)
    if (size <= logBytesMax) return size
    await fs.truncate(logFile)
    return 0
  }).pipe(Effect.orElseSucceed(() => 0))

interface Lock {
  readonly pid: number
  readonly port: number
  readonly status: string | undefined
}

const readLock = Effect.fnUntraced(function* (pgdata: string): Effect.fn.Return<Lock | undefined> {
  const lines = (yield* readText(join(pgdata, "postmaster.pid"))).split("\n")
  const pid = Math.abs(Number(lines[0]))
  if (!Number.isInteger(pid) || pid === 0) return undefined
  return { pid, port: Number(lines[3]), status: lines[7]?.trim() || undefined }
})

// Where there is no /proc to ask, a server that says it is ready is believed if its port answers.
const isServing = Effect.fnUntraced(function* ({ pid, port, status }: Lock, pgdata: string) {
  if (!(yield* isAlive(pid))) return false
  const stat = yield* readStat(pid)
  if (stat === undefined) return status === "ready" ? yield* answers(port) : true
  const cwd = yield* attempt("see what a server serves", () => fs.readlink(`/proc/${pid}/cwd`)).pipe(
    Effect.orElseSucceed(() => pgdata),
  )
  return stat.comm === "postgres" && cwd === pgdata
})

const isOwnedBy = Effect.fnUntraced(function* (pid: number, owner: number) {
  const stat = yield* readStat(pid)
  return (stat === undefined || stat.parentPid === owner) && (yield* isAlive(owner))
})

const answers = (port: number) =>
  Effect.callback<boolean>((resume) => {
    const socket = openSocket({ port, host: "127.0.0.1", timeout: 1_000 })
    const answer = (yes: boolean) => {
      socket.destroy()
      resume(Effect.succeed(yes))
    }
    socket.once("connect", () => answer(true))
    socket.once("timeout", () => answer(false))
    socket.once("error", () => answer(false))
  })

/** Linux only: undefined elsewhere, and for a process that is gone. */
const readStat = (pid: number) =>
  Effect.map(readText(`/proc/${pid}/stat`), (stat) => {
    const [, comm, state, parentPid] = /^\d+ \((.*)\) (\w) (\d+)/s.exec(stat) ?? []
    return comm === undefined ? undefined : { comm, state, parentPid: Number(parentPid) }
  })

// A process of another user answers EPERM: it is there.
const signal = (pid: number, name: NodeJS.Signals | 0) =>
  Effect.try({
    try: () => process.kill(pid, name),
    catch: (cause) => (cause as NodeJS.ErrnoException).code,
  }).pipe(
    Effect.as(true),
    Effect.catch((code) => Effect.succeed(code === "EPERM")),
  )

const readText = (path: string) =>
  attempt(`read ${path}`, () => fs.readFile(path, "utf8")).pipe(Effect.orElseSucceed(() => ""))

const numberIn = (pattern: RegExp, text: string) => {
  const found = pattern.exec(text)?.[1]
  return found === undefined ? undefined : Number(found)
}

/** Looks again and again; false when the time is over. It may run where nothing can be interrupted. */
const waitUntil = Effect.fnUntraced(function* (
  condition: Effect.Effect<boolean>,
  everyMs: number,
  withinMs = Number.POSITIVE_INFINITY,
) {
  const untilMs = (yield* Clock.currentTimeMillis) + withinMs
  while (!(yield* condition)) {
    if ((yield* Clock.currentTimeMillis) >= untilMs) return false
    yield* Effect.sleep(everyMs)
  }
  return true
})
