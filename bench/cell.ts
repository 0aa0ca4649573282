/**
 * One cell: one peer at one concurrency for some seconds.
 *
 *   warm up --> read the counters --> load, until the last answer --> read the counters --> count the rows in SQL
 *
 * A request that is not a success, or a row more or less than there were successes, makes the cell void.
 */
import * as Effect from "effect/Effect"
import type { Job, Outcome } from "./generator.ts"
import type { Peer, PeerName } from "./peers.ts"
import * as Process from "./process.ts"
import * as Prometheus from "./prometheus.ts"
import type { World } from "./world.ts"

export interface Cell {
  readonly peer: PeerName
  readonly concurrency: number
  readonly round: number
  /** Why it is void; null when it counts. */
  readonly failure: string | null
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly serverCpuUs: number
  readonly postgresCpuUs: number
  /** Of the load generator; nought when it is itself what is measured. */
  readonly loadCpuUs: number
  /** Cores that were kept busy by none of these: the trace sink, and whoever else runs on the machine. */
  readonly strangerCores: number
  readonly residentMiB: number
  readonly inside: Inside | null
}

/** What our server says of itself. */
export interface Inside {
  readonly totalP50Ms: number
  readonly totalP99Ms: number
  readonly hopsP99Ms: number
  readonly spansExported: number
  readonly spansDropped: number
}

/** A peer that is up, and the process that makes its load: itself when it has no server. */
export interface Target extends Peer {
  readonly name: PeerName
  readonly process: Process.Running
  readonly generator: Process.Running
  readonly port: number
}

const WARM_UP_SECONDS = 0.5

export const measure = (world: World, target: Target, round: number, concurrency: number, seconds: number) =>
  Effect.gen(function* () {
    const job: Job = { port: target.port, form: target.form, concurrency, seconds }
    yield* send(target, { ...job, seconds: Math.min(WARM_UP_SECONDS, seconds) })
    yield* world.written

    const samplesBefore = yield* samples(target)
    const before = cpuOf(world, target)
    const outcome = yield* send(target, job)
    const after = cpuOf(world, target)
    const residentMiB = Process.residentMiB(target.process.pid)
    const samplesAfter = yield* samples(target)
    const written = yield* world.written

    const perRequestUs = (ms: number) => (ms * 1e3) / Math.max(outcome.successCount, 1)
    const cell: Cell = {
      peer: target.name,
      concurrency,
      round,
      failure: failureOf(outcome, written),
      perSecond: outcome.successCount / outcome.seconds,
      p50Ms: outcome.p50Ms,
      p99Ms: outcome.p99Ms,
      serverCpuUs: perRequestUs(after.serverMs - before.serverMs),
      postgresCpuUs: perRequestUs(after.postgresMs - before.postgresMs),
      loadCpuUs: perRequestUs(after.loadMs - before.loadMs),
      strangerCores: Math.max(after.strangersMs - before.strangersMs, 0) / 1e3 / outcome.seconds,
      residentMiB,
      inside: target.kind === "ours" ? inside(samplesBefore, samplesAfter) : null,
    }
    return cell
  })

/** The last answers may come after the end; that none comes at all breaks the run. */
const send = (target: Target, job: Job): Effect.Effect<Outcome> =>
  Process.ask<Outcome>(target.generator, job).pipe(
    Effect.timeout((job.seconds + LAST_ANSWERS_SECONDS) * 1e3),
    Effect.orDie,
  )
const LAST_ANSWERS_SECONDS = 30

const cpuOf = (world: World, target: Target) => {
  const serverMs = Process.cpuMs(target.process.pid)
  const postgresMs = Process.familyCpuMs(world.pid)
  const loadMs = target.kind === "database" ? 0 : Process.cpuMs(target.generator.pid)
  const ownMs = serverMs + postgresMs + loadMs + Process.cpuMs(process.pid)
  return { serverMs, postgresMs, loadMs, strangersMs: Process.machineCpuMs() - ownMs }
}

const failureOf = (
  outcome: Outcome,
  written: { readonly history: number; readonly inbox: number },
): string | null => {
  if (outcome.failureCount > 0) return `${outcome.failureCount} failed, the first: ${outcome.firstFailure}`
  if (written.history !== outcome.successCount || written.inbox !== outcome.successCount) {
    return `${outcome.successCount} successes, ${written.history} history rows, ${written.inbox} inbox rows`
  }
  return null
}

const samples = (target: Target) =>
  target.kind === "ours"
    ? Effect.promise(async () =>
        Prometheus.parse(await (await fetch(`http://127.0.0.1:${target.port}/metrics`)).text()),
      )
    : Effect.succeed<Prometheus.Samples>(new Map())

const HOPS = ["authenticate", "validate", "find_order", "map_status", "update_and_record", "log", "respond"]

const inside = (before: Prometheus.Samples, after: Prometheus.Samples): Inside => {
  const hopMs = (hop: string, q: number) =>
    Prometheus.quantile(before, after, { name: "webhook_hop_duration_seconds", label: `hop="${hop}"` }, q) *
    1e3
  return {
    totalP50Ms: hopMs("total", 0.5),
    totalP99Ms: hopMs("total", 0.99),
    hopsP99Ms: HOPS.reduce((sum, hop) => sum + hopMs(hop, 0.99), 0),
    spansExported: Prometheus.increase(before, after, "otel_spans_exported_total"),
    spansDropped: Prometheus.increase(before, after, "otel_spans_dropped_total"),
  }
}
