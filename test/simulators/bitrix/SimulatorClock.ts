/**
 * The simulator's own time: the machine's, moved by an offset. `tickMicros` is strictly increasing, to the microsecond,
 * until somebody sets the clock back on purpose.
 */
const ZONE_MS = 5 * 3_600_000

export class SimulatorClock {
  private offsetMs = 0
  private lastMicros = 0

  nowMs(): number {
    return Date.now() + this.offsetMs
  }

  tickMicros(): number {
    this.lastMicros = Math.max(this.lastMicros + 1, this.nowMs() * 1_000)
    return this.lastMicros
  }

  set(ms: number): void {
    this.offsetMs = ms - Date.now()
    this.lastMicros = 0
  }

  advance(ms: number): void {
    this.set(this.nowMs() + ms)
  }

  reset(): void {
    this.offsetMs = 0
    this.lastMicros = 0
  }
}

/** `2026-01-31T14:59:39.123456+0500` */
export const isoMicros = (micros: number): string => {
  const text = local(Math.floor(micros / 1_000))
  return `${text.slice(0, 23)}${String(micros % 1_000).padStart(3, "0")}+0500`
}

/** `2026-01-31T14:59:39+0500` */
export const isoSeconds = (ms: number): string => `${local(ms).slice(0, 19)}+0500`

/** `2026-01-31T14:59:39`, as MySQL's own functions print it. */
export const zoneless = (ms: number): string => local(ms).slice(0, 19)

/** `31.01.2026` */
export const dottedDate = (ms: number): string => local(ms).slice(0, 10).split("-").toReversed().join(".")

const local = (ms: number): string => new Date(ms + ZONE_MS).toISOString()
