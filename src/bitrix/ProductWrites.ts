/** What a decision about a product writes, for whoever decides. */
import type { Inbox } from "../platform/Inbox.ts"
import type { Query } from "../platform/Query.ts"
import type { MirroredProducts } from "../products/MirroredProducts.ts"
import type { ProductId } from "../products/Product.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { BitrixProductsRepo } from "./BitrixProductsRepo.ts"
import type { ConflictsRepo } from "./ConflictsRepo.ts"
import type { Decision } from "./ProductDecision.ts"

/** The inbox source of these events. */
export const SOURCE = "bitrix.product"

export const makeWrites =
  (writers: {
    readonly inbox: Inbox["Service"]
    readonly products: MirroredProducts["Service"]
    readonly repo: BitrixProductsRepo["Service"]
    readonly conflictsRepo: ConflictsRepo["Service"]
  }) =>
  (shopId: ShopId, id: ProductId, decision: Decision): ReadonlyArray<Query<void>> => {
    const { inbox, products, repo, conflictsRepo } = writers
    const { write, ledger, conflicts, isWhole } = decision
    const hasImages =
      (write.kind === "insert" && write.product.images.length > 0) ||
      (write.kind === "save" && write.hasNewImages)
    return [
      ...(write.kind === "insert" ? [products.insert(shopId, write.product)] : []),
      ...(write.kind === "save" ? [products.save(shopId, write.product)] : []),
      ...(write.kind !== "none" && hasImages ? products.replaceImages(shopId, write.product) : []),
      ...(ledger === null ? [] : [repo.save(shopId, [ledger])]),
      ...(conflicts.length === 0 ? [] : [conflictsRepo.insert(shopId, id, conflicts)]),
      ...(isWhole ? [inbox.settleOvertaken(shopId, SOURCE, String(id))] : []),
    ]
  }
