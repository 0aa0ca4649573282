/** What may be said on the command line. */

import { spawnSync } from "node:child_process"
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import type { PeerName } from "./peers.ts"
import { peerNames } from "./peers.ts"

const USAGE = `npm run bench -- [options]

  --seconds 4            length of a cell
  --rounds 3             how often every cell is measured; medians are reported
  --concurrency 1,16,64  connections at a time
  --only off,fastify     ${peerNames.join(", ")}
  --orders 100000        rows to work on
  --pin 0:1              cores of what is measured : cores of PostgreSQL and the load; "off" leaves it to the system
  --skip-startup         does not measure how long a start takes
  --report bench/REPORT.md
`

export interface Options {
  readonly seconds: number
  readonly rounds: number
  readonly concurrencies: ReadonlyArray<number>
  readonly peers: ReadonlyArray<PeerName>
  readonly orders: number
  readonly cores: Cores | null
  readonly isStartupMeasured: boolean
  readonly reportFile: string
}

/** Lists as `taskset` reads them. */
export interface Cores {
  readonly measured: string
  readonly others: string
}

export const parse = (): Options => {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "4" },
      rounds: { type: "string", default: "3" },
      concurrency: { type: "string", default: "1,16,64" },
      only: { type: "string", default: peerNames.join() },
      orders: { type: "string", default: "100000" },
      pin: { type: "string", default: defaultCores() },
      "skip-startup": { type: "boolean", default: false },
      report: { type: "string", default: "bench/REPORT.md" },
      help: { type: "boolean", default: false },
    },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    process.exit(0)
  }
  return {
    seconds: positive("seconds", values.seconds),
    rounds: positive("rounds", values.rounds),
    concurrencies: values.concurrency.split(",").map((one) => positive("concurrency", one)),
    peers: values.only.split(",").map(peerName),
    orders: positive("orders", values.orders),
    cores: cores(values.pin),
    isStartupMeasured: !values["skip-startup"],
    reportFile: values.report,
  }
}

const defaultCores = (): string => {
  const last = availableParallelism() - 1
  const isPossible = last > 0 && spawnSync("taskset", ["--version"]).status === 0
  return isPossible ? `0:1${last > 1 ? `-${last}` : ""}` : "off"
}

const cores = (pin: string): Cores | null => {
  const [measured, others] = pin.split(":")
  return measured === undefined || others === undefined ? null : { measured, others }
}

const positive = (name: string, text: string): number => {
  const value = Number(text)
  if (!(value > 0)) throw new Error(`--${name} must be a positive number, not "${text}"`)
  return value
}

const peerName = (text: string): PeerName => {
  const name = peerNames.find((known) => known === text)
  if (name === undefined) throw new Error(`--only knows ${peerNames.join(", ")}, not "${text}"`)
  return name
}
