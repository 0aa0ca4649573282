/** Bounds how much leaves per second, with a burst of what a tenth of a second allows. Time is given by the caller. */
export interface TokenBucket {
  /** Takes as many as there are, at most so many. */
  readonly take: (nowMs: number, wanted: number) => number
  readonly giveBack: (tokens: number) => void
  /** How long until there is one. */
  readonly waitMs: (nowMs: number) => number
}

const BURST_SECONDS = 0.1

export const make = (perSecond: number): TokenBucket => {
  const size = Math.max(1, perSecond * BURST_SECONDS)
  let tokens = size
  let filledAtMs: number | undefined
  const fill = (nowMs: number) => {
    tokens = Math.min(size, tokens + (Math.max(0, nowMs - (filledAtMs ?? nowMs)) * perSecond) / 1_000)
    filledAtMs = nowMs
  }
  return {
    take: (nowMs, wanted) => {
      fill(nowMs)
      const taken = Math.max(0, Math.min(wanted, Math.floor(tokens)))
      tokens -= taken
      return taken
    },
    giveBack: (unused) => {
      tokens = Math.min(size, tokens + unused)
    },
    waitMs: (nowMs) => {
      fill(nowMs)
      return tokens >= 1 ? 0 : ((1 - tokens) / perSecond) * 1_000
    },
  }
}
