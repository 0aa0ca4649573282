import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { Api } from "../Api.ts"
import { Audit } from "./Audit.ts"

const PAGE = 50

export const AuditHttp = HttpApiBuilder.group(Api, "audit", (handlers) =>
  Effect.gen(function* () {
    const audit = yield* Audit
    return handlers.handle("list", ({ query }) => {
      const limit = query.limit ?? PAGE
      return Effect.map(
        audit.find({
          before: query.before ?? null,
          recordType: query.record_type ?? null,
          recordId: query.record_id ?? null,
          actorKind: query.actor_kind ?? null,
          actorId: query.actor_id ?? null,
          limit,
        }),
        (entries) => ({
          items: entries.map((entry) => ({ ...entry, at: entry.at.toISOString() })),
          next_cursor: entries.length < limit ? null : (entries.at(-1)?.seq ?? null),
        }),
      )
    })
  }),
)
