/**
 * Who asked for the current work, as the database is told of it.
 *
 * The audit takes its actor, address and action from here; `Db` sets them for the transaction. A caller may bring a
 * guard: a query that runs first in every transaction of theirs, in the same packet and snapshot as the work, and
 * says whether they may still act at all. So a session that was ended, or a shop that was blocked, is refused by the
 * very transaction that it would have used, and nobody pays a round trip for asking.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type { Query } from "./Query.ts"

export interface CallerFacts {
  readonly kind: "user" | "service" | "cli" | "anonymous"
  readonly id: string | null
  /** What they do, such as `profile.invite`. */
  readonly action: string | null
  readonly address: string | null
  readonly request_id: string | null
}

/** Null when nobody asked: webhooks and actors, whose deeds the inbox and the histories tell. */
export const Caller = Context.Reference<CallerFacts | null>("cvety/platform/Caller", {
  defaultValue: () => null,
})

export type Verdict = "may act" | "session ended" | "shop blocked"

export const CallerGuard = Context.Reference<Query<Verdict> | null>("cvety/platform/CallerGuard", {
  defaultValue: () => null,
})

/** Travels as a defect to the middleware that brought the guard: nobody between can answer it. */
export class CallerRefused extends Data.TaggedError("CallerRefused")<{
  readonly verdict: Exclude<Verdict, "may act">
}> {}
