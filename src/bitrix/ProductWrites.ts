/** What a decision about a product writes, for whoever decides. */
import type { Inbox } from "../platform/Inbox.ts"
import type { Outbox } from "../platform/Outbox.ts"
import type { Query } from "../platform/Query.ts"
import type { MirroredProducts } from "../products/MirroredProducts.ts"
import type { ProductId } from "../products/Product.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { BitrixProductsRepo } from "./BitrixProductsRepo.ts"
import type { ConflictsRepo } from "./ConflictsRepo.ts"
import type { Decision } from "./ProductDecision.ts"
import { UNREAD_REASONS } from "./ProductDecision.ts"

/** The inbox source of these events. */
export const SOURCE = "bitrix.product"

interface Writers {
  readonly inbox: Inbox["Service"]
  readonly outbox: Outbox["Service"]
  readonly products: MirroredProducts["Service"]
  readonly repo: BitrixProductsRepo["Service"]
  readonly conflictsRepo: ConflictsRepo["Service"]
}

export const makeWrites =
  ({ inbox, outbox, products, repo, conflictsRepo }: Writers) =>
  (
    shopId: ShopId,
    id: ProductId,
    decision: Decision,
    now: { readonly hasOpenFact: boolean; readonly traceParent: string | null },
  ): ReadonlyArray<Query<void>> => {
    const { write, ledger, conflicts, isWhole, isUntold } = decision
    const hasImages =
      (write.kind === "insert" && write.product.images.length > 0) ||
      (write.kind === "save" && write.hasNewImages)
    return [
      ...(write.kind === "insert" ? [products.insert(shopId, write.product)] : []),
      ...(write.kind === "save" ? [products.save(shopId, write.product)] : []),
      ...(write.kind !== "none" && hasImages ? products.replaceImages(shopId, write.product) : []),
      ...(ledger === null ? [] : [repo.save(shopId, [ledger])]),
      ...(conflicts.length === 0 ? [] : [conflictsRepo.insert(shopId, id, conflicts)]),
      ...(isWhole ? [inbox.settleOvertaken(shopId, SOURCE, String(id), UNREAD_REASONS)] : []),
      // Bitrix turns out to lack something of ours of which nobody is about to tell it.
      ...(isUntold && !now.hasOpenFact ? [tellAgain(outbox, shopId, id, now.traceParent)] : []),
    ]
  }

export const tellAgain = (
  outbox: Outbox["Service"],
  shopId: ShopId,
  id: ProductId,
  traceParent: string | null,
): Query<void> =>
  outbox.record(shopId, {
    target: "bitrix",
    aggregateType: "product",
    aggregateId: String(id),
    payload: {},
    traceParent,
  })
