/** The process as Prometheus knows processes: memory, CPU, start time, and the delay of the event loop. */
import { monitorEventLoopDelay } from "node:perf_hooks"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"

const RESOLUTION_MS = 20

const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
delay.enable()

/** Takes the readings; called when somebody asks for them. */
export const sample = Effect.gen(function* () {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed } = process.memoryUsage()
  const cpuSeconds = (user + system) / 1e6
  yield* Metric.update(cpu, cpuSeconds - countedCpuSeconds)
  countedCpuSeconds = cpuSeconds
  yield* Metric.update(resident, rss)
  yield* Metric.update(heap, heapUsed)
  yield* Metric.update(started, performance.timeOrigin / 1e3)
  yield* Metric.update(loopDelay, Number.isNaN(delay.mean) ? 0 : delay.percentile(99) / 1e9)
  delay.reset()
})

let countedCpuSeconds = 0
const cpu = Metric.counter("process_cpu_seconds_total", {
  description: "CPU time spent, user and system",
  incremental: true,
})
const resident = Metric.gauge("process_resident_memory_bytes", { description: "Resident memory" })
const heap = Metric.gauge("nodejs_heap_used_bytes", { description: "JavaScript heap in use" })
const started = Metric.gauge("process_start_time_seconds", { description: "Start of the process, Unix time" })
const loopDelay = Metric.gauge("nodejs_eventloop_lag_p99_seconds", {
  description: "99th percentile of the event loop's delay since the last reading",
})
