/** What the figures are held against; each is a ratio of throughputs from the same round, so the machine cancels out. */
import type { PeerName } from "./peers.ts"

export interface Target {
  readonly ours: PeerName
  readonly other: PeerName
  readonly atLeast: number
}

export const targets: ReadonlyArray<Target> = [
  { ours: "off", other: "fastify", atLeast: 1.5 },
  { ours: "default", other: "fastify", atLeast: 1.35 },
  { ours: "every", other: "fastify", atLeast: 1 },
  { ours: "off", other: "bare", atLeast: 0.75 },
  { ours: "off", other: "database-ordinary", atLeast: 0.8 },
  { ours: "off", other: "database-one", atLeast: 0.5 },
]
export const targetConcurrencies: ReadonlyArray<number> = [16, 64]

/** The documented budget of the webhook on our side, p99 of the hop `total`. */
export const insideP99MsAtMost = 49
