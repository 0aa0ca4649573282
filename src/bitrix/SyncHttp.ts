import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import * as JsonBody from "../platform/JsonBody.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import type { SyncStatus } from "./Sync.ts"
import { Sync } from "./Sync.ts"
import type { SyncConflictRead, SyncStatusRead } from "./SyncApi.ts"
import { Resolution } from "./SyncApi.ts"
import type { SyncConflict } from "./SyncConflict.ts"
import { SyncConflictId } from "./SyncConflict.ts"

const PAGE = 50

export const SyncHttp = HttpApiBuilder.group(Api, "sync", (handlers) =>
  Effect.gen(function* () {
    const sync = yield* Sync
    return handlers
      .handle("status", () => Effect.map(sync.status, toStatusRead))
      .handle("conflicts", ({ query }) => {
        const { state = "open", before, limit = PAGE } = query
        return Effect.map(
          sync.findConflicts({
            isOpen: state === "all" ? null : state === "open",
            before: before === undefined ? null : SyncConflictId.make(before),
            limit,
          }),
          (found) => ({
            items: found.map(toConflictRead),
            next_cursor: found.length < limit ? null : (found.at(-1)?.id ?? null),
          }),
        )
      })
      .handleRaw("resolve", ({ params, query, request }) =>
        Effect.gen(function* () {
          const { choose = query.choose } = yield* JsonBody.decodeOptional(Resolution)(request)
          if (choose === undefined) return yield* ValidationFailed.missing("body", "choose")
          return toConflictRead(yield* sync.resolve(params.conflict_id, choose))
        }),
      )
      .handle("retry", ({ params: { id } }) => Effect.as(sync.retry(id), { id, state: "pending" as const }))
  }),
)

const toStatusRead = (status: SyncStatus): typeof SyncStatusRead.Type => {
  const { toBitrix, circuit, fromBitrix, pass } = status
  return {
    connected: status.isConnected,
    to_bitrix: {
      pending: toBitrix.pending,
      oldest_pending_since: maybeIso(toBitrix.oldest_pending_since),
      parked: toBitrix.parked,
      last_success_at: maybeIso(toBitrix.last_success_at),
      breaker: circuit.state,
      next_attempt_in_ms: status.nextAttemptInMs,
    },
    from_bitrix: {
      parked: fromBitrix.parked,
      oldest_parked_since: maybeIso(fromBitrix.oldest_parked_since),
      last_event_at: maybeIso(fromBitrix.last_event_at),
      reconciliation:
        pass === null
          ? null
          : {
              ...pass,
              started_at: pass.started_at.toISOString(),
              last_finished_at: maybeIso(pass.last_finished_at),
            },
    },
    conflicts_open: fromBitrix.conflicts_open,
    parked: status.parkedFacts.map((fact) => ({ ...fact, since: fact.since.toISOString() })),
    parked_events: status.parkedEvents.map((event) => ({ ...event, since: event.since.toISOString() })),
  }
}

const toConflictRead = (conflict: SyncConflict): typeof SyncConflictRead.Type => ({
  ...conflict,
  created_at: conflict.created_at.toISOString(),
  resolved_at: maybeIso(conflict.resolved_at),
})

const maybeIso = (date: Date | null): string | null => date?.toISOString() ?? null
