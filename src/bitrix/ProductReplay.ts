/**
 * Decides a product event of the inbox again, when an operator asks. The rules are those of an arrival, and what
 * arrived later still counts. The answer that the sender got does not change.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Db } from "../platform/Db.ts"
import type { InboxEntry } from "../platform/Inbox.ts"
import { Inbox } from "../platform/Inbox.ts"
import { Outbox } from "../platform/Outbox.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import { MirroredProducts } from "../products/MirroredProducts.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { BitrixConnections } from "./BitrixConnections.ts"
import { BitrixProductsRepo } from "./BitrixProductsRepo.ts"
import { ConflictsRepo } from "./ConflictsRepo.ts"
import type { Decision } from "./ProductDecision.ts"
import { decide } from "./ProductDecision.ts"
import { idOf, ProductEvent } from "./ProductEvent.ts"
import { ProductOfAnotherShop } from "./ProductFault.ts"
import { makeWrites } from "./ProductWrites.ts"

export class ProductReplay extends Context.Service<
  ProductReplay,
  {
    /** Undefined for an event that cannot be read, or that somebody is settling now. A dry run writes nothing. */
    readonly replay: (
      entry: InboxEntry,
      options: { readonly isDryRun: boolean },
    ) => Effect.Effect<Decision | undefined, ProductOfAnotherShop | DatabaseUnavailable>
  }
>()("cvety/bitrix/ProductReplay") {
  static readonly layer = Layer.effect(
    ProductReplay,
    Effect.gen(function* () {
      const db = yield* Db
      const inbox = yield* Inbox
      const outbox = yield* Outbox
      const products = yield* MirroredProducts
      const repo = yield* BitrixProductsRepo
      const conflictsRepo = yield* ConflictsRepo
      const connections = yield* BitrixConnections
      const writesOf = makeWrites({ inbox, outbox, products, repo, conflictsRepo })

      const replay: ProductReplay["Service"]["replay"] = Effect.fn("ProductReplay.replay")(function* (
        entry,
        { isDryRun },
      ) {
        const event = Option.getOrUndefined(decodeEvent(entry.payload))
        const id = event === undefined ? undefined : idOf(event.product_data)
        if (event === undefined || id === undefined) return undefined
        const shopId = entry.shop_id
        return yield* db
          .transact({
            read: [
              products.lock(shopId, [id]),
              products.find(shopId, [id]),
              repo.lock(shopId, [id]),
              outbox.findOpen(shopId, "bitrix", "product", [String(id)]),
              inbox.claim(shopId, [entry.id], ["parked", "skipped", "applied"]),
            ],
            write: ([, [product], [ledger], [open], [claimed]]) => {
              if (claimed === undefined) return { queries: [], answer: undefined }
              const decision = decide({
                id,
                event,
                product,
                ledger,
                before: open?.before ?? {},
                isAuthoritative: false,
                readAt: null,
                waitedSince: claimed.received_at,
                origin: connections.originOf(shopId),
              })
              const { state, reason } = decision
              // What was applied once stays applied, whatever a replay makes of it.
              const settled = claimed.state === "parked" || state === "applied"
              return {
                queries: isDryRun
                  ? []
                  : [
                      ...(settled ? [inbox.settle(shopId, [{ id: claimed.id, state, reason }])] : []),
                      ...writesOf(shopId, id, decision, {
                        hasOpenFact: open !== undefined,
                        traceParent: claimed.trace_parent,
                      }),
                    ],
                answer: decision,
              }
            },
            violations: { product_pkey: new ProductOfAnotherShop() },
          })
          .pipe(Effect.provideService(TenantContext, { shopId }))
      })

      return { replay }
    }),
  ).pipe(Layer.provide([BitrixProductsRepo.layer, ConflictsRepo.layer, MirroredProducts.layer]))
}

const decodeEvent = Schema.decodeUnknownOption(ProductEvent)
