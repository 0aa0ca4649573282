/** Whether a piece of a chain continues what was verified before it. */
import { createHash } from "node:crypto"
import type { AuditLink } from "./AuditEntry.ts"

export interface Head {
  readonly seq: number
  /** Null before the first entry. */
  readonly hash: string | null
}

export const start: Head = { seq: 0, hash: null }

export interface Break {
  readonly seq: number
  readonly reason:
    | "an entry is missing"
    | "an entry was changed"
    | "an entry does not follow the one before"
    | "an entry is not the one noted down"
}

/** The head after the piece, or where it breaks; `noted` is what somebody wrote down of an entry of the chain earlier. */
export const verify = (head: Head, links: ReadonlyArray<AuditLink>, noted: Head | null): Head | Break => {
  let current = head
  for (const { seq, text, previous_hash, hash } of links) {
    if (seq !== current.seq + 1) return { seq: current.seq + 1, reason: "an entry is missing" }
    if (createHash("sha256").update(text).digest("hex") !== hash)
      return { seq, reason: "an entry was changed" }
    if (previous_hash !== current.hash) return { seq, reason: "an entry does not follow the one before" }
    if (seq === noted?.seq && hash !== noted.hash)
      return { seq, reason: "an entry is not the one noted down" }
    current = { seq, hash }
  }
  return current
}

export const isBreak = (outcome: Head | Break): outcome is Break => "reason" in outcome

/** A chain that ends before an entry that was noted down has lost its tail. */
export const reach = (head: Head, noted: Head | null): Head | Break =>
  noted !== null && head.seq < noted.seq ? { seq: head.seq + 1, reason: "an entry is missing" } : head
