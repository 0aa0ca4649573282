/** How a walk through Bitrix's list is told to whoever started it: a bar, a table, and what would be done. */
import type { Intent } from "../bitrix/BitrixDryRun.ts"
import type { Step } from "../bitrix/BitrixWalk.ts"
import type { Tally } from "../bitrix/PassTally.ts"

const BAR_CHARS = 30
const VALUE_CHARS_MAX = 60
const REASONS_MAX = 10

/** `[#####.....]  1 200 of 2 400`; without a total, as far as it came. */
export const bar = (shopId: number, { tally, offset, total }: Step): string => {
  const share = total === null || total === 0 ? 1 : Math.min(1, offset / total)
  const filled = total === null ? 0 : Math.round(share * BAR_CHARS)
  return [
    `shop ${shopId}`,
    `[${"#".repeat(filled)}${".".repeat(BAR_CHARS - filled)}]`,
    `${offset} of ${total ?? "?"} product(s)`,
    `${tally.differences} differ`,
  ].join("  ")
}

export const table = (
  tally: Tally,
  more: { readonly conflictsOpen: number; readonly durationMs: number },
): string => {
  const { repairs, reasons } = tally
  const rows: ReadonlyArray<readonly [name: string, count: number]> = [
    ["seen", tally.seen],
    ["same", tally.same],
    ["created", repairs.created],
    ["compared for the first time", repairs.met],
    ["updated", repairs.updated],
    ["taken off sale", repairs.disabled],
    ["told to Bitrix again", repairs.toldAgain],
    ["changed meanwhile, left to the next pass", tally.moved],
    ["could not be repaired", tally.unrepaired],
  ]
  const worst = Object.entries(reasons).toSorted(([, one], [, other]) => other - one)
  return aligned([
    ...rows.map(([name, count]) => [name, String(count)] as const),
    ...worst.slice(0, REASONS_MAX).map(([reason, count]) => [`  ${reason}`, String(count)] as const),
    ...(worst.length > REASONS_MAX ? [[`  ${worst.length - REASONS_MAX} more reason(s)`, ""] as const] : []),
    ["conflicts open", String(more.conflictsOpen)],
    ["duration", `${(more.durationMs / 1_000).toFixed(1)} s`],
  ])
}

/** What would be done, one field a line. */
export const intention = ({ productId, kind, field, here, there }: Intent): string => {
  const change = `${productId}  ${field}: ${value(here)}`
  switch (kind) {
    case "take":
      return `${change} <- ${value(there)}`
    case "conflict":
      return `${change} <- ${value(there)}  (changed on both sides; ours is kept in the list of conflicts)`
    case "tell":
      return `${change} -> Bitrix, which has ${value(there)}`
    case "keep":
      return `${productId}  ${String(there)}`
  }
}

const value = (of: unknown): string => {
  const text = of === undefined ? "nothing" : JSON.stringify(of)
  return text.length <= VALUE_CHARS_MAX ? text : `${text.slice(0, VALUE_CHARS_MAX).toWellFormed()}...`
}

const aligned = (rows: ReadonlyArray<readonly [string, string]>): string => {
  const nameChars = Math.max(...rows.map(([name]) => name.length))
  const countChars = Math.max(...rows.map(([, count]) => count.length))
  return rows.map(([name, count]) => `${name.padEnd(nameChars)}  ${count.padStart(countChars)}`).join("\n")
}
