/**
 * Goods of the shop of `TenantContext`, as its people read and change them. A product of another shop does not exist,
 * and neither does a deleted one.
 *
 * A change is made under the lock of the product's row. When Bitrix knows the product and a field that it is told of
 * changed (`toldFields`), the fact is recorded in the same transaction, with the values from before.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Write } from "../platform/Db.ts"
import { Db, refuse } from "../platform/Db.ts"
import * as LatencyBudget from "../platform/LatencyBudget.ts"
import { currentTrace, Outbox } from "../platform/Outbox.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { Milestones } from "../shops/Milestones.ts"
import { ShopNotFound } from "../shops/Shop.ts"
import { Shops } from "../shops/Shops.ts"
import type { ListedProduct, Product, ProductChange, ProductDraft, ProductId } from "./Product.ts"
import { ProductNotFound, toldBefore } from "./Product.ts"
import { ProductNotifications } from "./ProductNotifications.ts"
import { ProductsRepo } from "./ProductsRepo.ts"

type Found = Effect.Effect<ListedProduct, ProductNotFound | DatabaseUnavailable, TenantContext>

export class Products extends Context.Service<
  Products,
  {
    readonly getById: (id: ProductId) => Found
    readonly create: (
      draft: ProductDraft,
    ) => Effect.Effect<ListedProduct, ShopNotFound | DatabaseUnavailable, TenantContext>
    /** Of those fields only that it names. */
    readonly update: (id: ProductId, change: ProductChange) => Found
    /** Takes it off the shelf, or puts it back. */
    readonly toggle: (id: ProductId) => Found
    /** The row stays, because orders name it. */
    readonly remove: (id: ProductId) => Found
  }
>()("cvety/products/Products") {
  static readonly layerNoDeps = Layer.effect(
    Products,
    Effect.gen(function* () {
      const db = yield* Db
      const repo = yield* ProductsRepo
      const shops = yield* Shops
      const milestones = yield* Milestones
      const notifications = yield* ProductNotifications
      const outbox = yield* Outbox

      const getById: Products["Service"]["getById"] = Effect.fn("Products.getById")(function* (id) {
        const { shopId } = yield* TenantContext
        const [[product]] = yield* db.read([repo.findById(shopId, id)])
        if (product === undefined) return yield* new ProductNotFound()
        return product
      })

      const create: Products["Service"]["create"] = Effect.fn("Products.create")(function* (draft) {
        const { shopId } = yield* TenantContext
        const traceParent = yield* currentTrace
        return yield* db.transact({
          read: [shops.lock(shopId), milestones.lock(shopId), repo.nextId(shopId)],
          write: ([[shop], [reachedAt], [numbered]]) => {
            if (shop === undefined || numbered === undefined) return refuse(new ShopNotFound())
            const answer: ListedProduct = {
              ...draft,
              id: numbered.id,
              shop_id: shopId,
              origin: "here",
              created_at: shop.now,
              updated_at: shop.now,
              images: [],
              sync_state: numbered.is_told ? "local" : null,
              sync_pending_since: null,
              sync_last_error: null,
            }
            const told = {
              shop,
              owner: { name: shop.owner_name, phone: shop.owner_phone },
              at: shop.now,
              traceParent,
            }
            return {
              queries: [
                repo.insert(shopId, numbered.id, draft),
                reachedAt?.first_product_added_at === null
                  ? notifications.firstAdded(told, answer)
                  : notifications.added(told, answer, numbered.product_count + 1),
                ...milestones.markProduct({ before: shop, after: shop, reachedAt, traceParent }),
              ],
              answer,
            }
          },
        })
      })

      const underLock = Effect.fnUntraced(function* (
        id: ProductId,
        work: (product: ListedProduct, now: Date, traceParent: string | null) => Write<ListedProduct>,
      ) {
        const { shopId } = yield* TenantContext
        const traceParent = yield* currentTrace
        return yield* LatencyBudget.measure("product_update.database")(
          db.transact({
            read: [repo.lockById(shopId, id), repo.findById(shopId, id)],
            write: ([[locked], [product]]) =>
              locked === undefined || product === undefined
                ? refuse(new ProductNotFound())
                : work(product, locked.now, traceParent),
          }),
        )
      })

      const change = (id: ProductId, changeOf: (product: Product) => ProductChange) =>
        underLock(id, (product, now, traceParent) => {
          const news = newsOf(product, changeOf(product))
          if (news === undefined) return { queries: [], answer: product }
          const after = { ...product, ...news, updated_at: now }
          const told = tellBitrix(product, after, traceParent)
          return {
            queries: [repo.save(after), ...told],
            answer: told.length === 0 ? after : toBeTold(after, now),
          }
        })

      const tellBitrix = (product: Product, after: Product, traceParent: string | null) => {
        const before = toldBefore(product, after)
        return before === undefined
          ? []
          : [
              outbox.record(product.shop_id, {
                target: "bitrix",
                aggregateType: "product",
                aggregateId: String(product.id),
                payload: {},
                before,
                traceParent,
              }),
            ]
      }

      const update: Products["Service"]["update"] = Effect.fn("Products.update")((id, given) =>
        change(id, () => given),
      )

      const toggle: Products["Service"]["toggle"] = Effect.fn("Products.toggle")((id) =>
        change(id, ({ enabled }) => ({ enabled: !enabled })),
      )

      const remove: Products["Service"]["remove"] = Effect.fn("Products.remove")((id) =>
        underLock(id, (product, _now, traceParent) => ({
          queries: [
            repo.remove(product.shop_id, id),
            // Outside, a deleted product is one that is not for sale.
            ...tellBitrix(product, { ...product, enabled: false }, traceParent),
          ],
          answer: product,
        })),
      )

      return { getById, create, update, toggle, remove }
    }),
  )

  static readonly layer = Products.layerNoDeps.pipe(
    Layer.provide([
      ProductsRepo.layer,
      Shops.layer,
      Milestones.layer,
      ProductNotifications.layer,
      Outbox.layer,
    ]),
  )
}

/** What of a change is another value than before; undefined when all is as it was. */
const newsOf = (product: Product, change: ProductChange): Partial<ProductDraft> | undefined => {
  const news = Object.entries(change).filter(
    ([field, value]) =>
      value !== undefined && JSON.stringify(value) !== JSON.stringify(product[field as keyof ProductDraft]),
  )
  return news.length === 0 ? undefined : Object.fromEntries(news)
}

const toBeTold = (product: ListedProduct, now: Date): ListedProduct =>
  product.sync_state === null
    ? product
    : { ...product, sync_state: "pending", sync_pending_since: product.sync_pending_since ?? now }
