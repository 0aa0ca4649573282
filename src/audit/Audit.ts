/** Reads the audit of a shop, and verifies the chains of all. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Db } from "../platform/Db.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { Break, Head } from "./AuditChain.ts"
import * as AuditChain from "./AuditChain.ts"
import type { AuditEntry } from "./AuditEntry.ts"
import type { AuditFilter } from "./AuditRepo.ts"
import { AuditRepo } from "./AuditRepo.ts"

const PAGE = 1_000

export interface Verified {
  readonly shopId: number
  readonly outcome: Head | Break
}

export class Audit extends Context.Service<
  Audit,
  {
    readonly find: (
      filter: AuditFilter,
    ) => Effect.Effect<ReadonlyArray<AuditEntry>, DatabaseUnavailable, TenantContext>
    /** Every chain, or one; 0 is the platform's. Entries noted down earlier must be there as they were noted. */
    readonly verify: (
      shopId: number | null,
      noted: ReadonlyMap<number, Head>,
    ) => Effect.Effect<ReadonlyArray<Verified>, DatabaseUnavailable>
  }
>()("cvety/audit/Audit") {
  static readonly layerNoDeps = Layer.effect(
    Audit,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* AuditRepo

      const find: Audit["Service"]["find"] = Effect.fn("Audit.find")(function* (filter) {
        const { shopId } = yield* TenantContext
        const [entries] = yield* db.read([repo.find(shopId, filter)])
        return entries
      })

      const verifyChain = Effect.fnUntraced(function* (shopId: number, noted: Head | null) {
        let head: Head = AuditChain.start
        while (true) {
          const [links] = yield* db.readThrough("across_shops", [repo.findLinks(shopId, head.seq, PAGE)])
          const outcome = AuditChain.verify(head, links, noted)
          if (AuditChain.isBreak(outcome)) return { shopId, outcome }
          if (links.length < PAGE) return { shopId, outcome: AuditChain.reach(outcome, noted) }
          head = outcome
        }
      })

      const verify: Audit["Service"]["verify"] = Effect.fn("Audit.verify")(function* (shopId, noted) {
        const verifyOne = (id: number) => verifyChain(id, noted.get(id) ?? null)
        if (shopId !== null) return [yield* verifyOne(shopId)]
        const [chains] = yield* db.readThrough("across_shops", [repo.findChains()])
        return yield* Effect.forEach(
          new Set([...chains.map(({ shop_id }) => shop_id), ...noted.keys()]),
          verifyOne,
        )
      })

      return { find, verify }
    }),
  )

  static readonly layer = Audit.layerNoDeps.pipe(Layer.provide(AuditRepo.layer))
}
