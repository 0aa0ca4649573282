/**
 * The embedded database: a real PostgreSQL 18 for a service that was given no DATABASE_URL, and for tests.
 *
 *             .-- nobody runs the cluster --> launch -- ready --> own ----- died ----.
 *   inspect --+-- another process does -----> attach -----------> watch --- gone ----+
 *    ^   ^    +-- an orphan does -----------> stop it --.                            |
 *    |   |    '-- starting, stopping -------------------+                            |
 *    |   '--------------------------- 50 ms ------------'                            |
 *    '---------------------------- back-off, same port <-----------------------------'
 *
 * - One server per data folder, whoever starts it. The process that launched it owns it and stops it with its scope; a
 *   process that comes later (a command-line tool beside the service) is given the URL of the running server. When the
 *   owner leaves first, one of the others takes over on the same port.
 * - A server that dies is started again on the same port with back-off, for as long as the scope is open. That is
 *   logged and never ends the service: its pool reconnects, and a commit that was answered is there.
 * - When the owner is killed the server shuts down by itself (EmbeddedPostgresBinaries); whoever starts next waits for
 *   that, or ends a server that was left running, and never uses one that is about to go.
 * - It listens on 127.0.0.1 only, and its log is a file that holds no statement and no value of a row.
 * - Waits are real time, under a TestClock too: a process does not follow a test's clock.
 */
import * as fs from "node:fs/promises"
import { join, resolve } from "node:path"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Binaries from "./EmbeddedPostgresBinaries.ts"
import * as Cluster from "./EmbeddedPostgresCluster.ts"
import { attempt, EmbeddedPostgresError } from "./EmbeddedPostgresError.ts"
import * as Process from "./EmbeddedPostgresProcess.ts"

/** The embedded database of the service, under `DATA_DIR`. `url` names the superuser of the cluster. */
export class EmbeddedPostgres extends Context.Service<
  EmbeddedPostgres,
  { readonly url: Redacted.Redacted }
>()("cvety/platform/EmbeddedPostgres") {
  static readonly layer = Layer.effect(
    EmbeddedPostgres,
    Effect.gen(function* () {
      const dataDir = yield* Config.String("DATA_DIR").pipe(Config.withDefault(".data"))
      const { url } = yield* start({ dataDir: join(dataDir, "postgres") })
      return EmbeddedPostgres.of({ url })
    }),
  )
}

interface StartOptions {
  /** Holds the cluster, its password and `postgres.log`; made when missing. */
  readonly dataDir: string
  /** Default true. False gives up the last commits in a crash of the server for speed, and all in one of the machine. */
  readonly durable?: boolean
  /** Server settings over the defaults. They do not reach a server that another process runs already. */
  readonly settings?: Readonly<Record<string, string>>
  /** Default: the port of the last time if it is free, else any that is. */
  readonly port?: number
}

interface Started {
  readonly url: Redacted.Redacted
  readonly port: number
  /** Of the server as it was found or started first; it changes when the server has to be started again. */
  readonly pid: number
}

/** Runs, or attaches to, the server of a data folder for as long as the scope is open. */
export const start = Effect.fn("EmbeddedPostgres.start")(
  function* (options: StartOptions): Effect.fn.Return<Started, EmbeddedPostgresError, Scope.Scope> {
    const dataDir = resolve(options.dataDir)
    const durable = options.durable ?? true
    yield* attempt("make the data folder", () => fs.mkdir(dataDir, { recursive: true, mode: 0o700 }))
    const binaries = yield* Binaries.prepare(dataDir)
    const { pgdata, password } = yield* Cluster.open(binaries, dataDir, durable)
    const place: Place = {
      binaries,
      pgdata,
      logFile: join(dataDir, "postgres.log"),
      settings: { ...settings, ...(durable ? {} : undurable), ...options.settings },
    }
    const first = yield* Deferred.make<Process.Server, EmbeddedPostgresError>()
    yield* Effect.forkScoped(supervise(place, options.port, first))
    const { port, pid } = yield* Deferred.await(first)
    const url = `postgres://cvety:${Redacted.value(password)}@127.0.0.1:${port}/cvety`
    return { url: Redacted.make(url), port, pid }
  },
  Effect.provideService(Clock.Clock, Clock.Clock.defaultValue()),
)

interface Place {
  readonly binaries: Binaries.Binaries
  readonly pgdata: string
  readonly logFile: string
  readonly settings: Readonly<Record<string, string>>
}

// `log_min_messages=log` keeps errors of statements out of the log: they quote what customers sent.
const settings = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  timezone: "UTC",
  shared_buffers: "64MB",
  max_connections: "100",
  log_min_messages: "log",
  log_min_error_statement: "panic",
  log_error_verbosity: "terse",
  log_checkpoints: "off",
}

const undurable = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }

const delayMinMs = 100
const delayMaxMs = 5_000
const steadyAfterMs = 30_000

/** Settles `first` with the first server or the reason why there is none, then keeps the cluster served for ever. */
const supervise = Effect.fnUntraced(
  function* (
    place: Place,
    wantedPort: number | undefined,
    first: Deferred.Deferred<Process.Server, EmbeddedPostgresError>,
  ) {
    const serve = (port: number | undefined, attemptsMax: number) =>
      Effect.scoped(
        Effect.gen(function* () {
          const server = yield* acquire(place, port, attemptsMax)
          yield* Deferred.succeed(first, server)
          return yield* server.gone
        }),
      )
    let how = yield* Effect.onError(serve(wantedPort, 3), (cause) => Deferred.failCause(first, cause))
    const { port } = yield* Deferred.await(first)
    let delayMs = delayMinMs
    while (true) {
      yield* Effect.logWarning("The embedded database is gone and is started again", { how, delayMs })
      yield* Effect.sleep(delayMs)
      const startedMs = yield* Clock.currentTimeMillis
      how = yield* Effect.catch(serve(port, 1), (error) => Effect.succeed(error.message))
      const steady = (yield* Clock.currentTimeMillis) - startedMs > steadyAfterMs
      delayMs = steady ? delayMinMs : Math.min(delayMs * 2, delayMaxMs)
    }
  },
  (served) => Effect.ignore(served),
)

const acquireWithinMs = 120_000

/** Attaches or launches. A launch that fails may have lost to another starter or to a taken port: it looks again. */
const acquire = Effect.fnUntraced(
  function* (place: Place, wantedPort: number | undefined, attemptsMax: number) {
    let attempts = 0
    while (true) {
      const found = yield* Process.inspect(place.pgdata)
      if (found._tag === "Ready") return Process.attach(found.pid, found.port, place.pgdata)
      if (found._tag === "Absent") {
        attempts += 1
        const port = wantedPort ?? (yield* Process.freePort(found.lastPort))
        const launch = Process.launch(place.binaries, { ...place, port, stalePid: found.stalePid })
        const launched = yield* attempts < attemptsMax
          ? Effect.orElseSucceed(launch, () => undefined)
          : launch
        if (launched !== undefined) return launched
      }
      if (found._tag === "Orphan") yield* Process.stopOrphan(found.pid, place.pgdata)
      yield* Effect.sleep(50)
    }
  },
  Effect.timeoutOrElse({
    duration: acquireWithinMs,
    orElse: () =>
      new EmbeddedPostgresError({
        message: `the database server did not get ready in ${acquireWithinMs / 1000} s: see its log`,
      }),
  }),
)
