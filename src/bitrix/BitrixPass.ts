/**
 * Walks through Bitrix's list of goods page by page and repairs what differs. Bitrix never resends, so what a webhook
 * lost is found here.
 *
 *   claim the walk --> versions of all agreements --> page --> compare --> apply what differs --> next page | the end
 *
 *   at the end:  not listed  --> asked for by its id; absent there as well: taken off sale
 *                changed here, and no fact tells of it --> recorded again
 *
 * - No clocks: a version that is the same before the page was asked for and while it is applied says that neither an
 *   event nor a push happened in between, so the page tells the truth. Otherwise the product is left to the next pass.
 * - A page is committed before the next one, so whoever goes on after a restart goes on from there; what was applied of
 *   a page that was not committed is found to be the same.
 * - A lease in the row lets one node walk a shop. A node that lost it finds out when it commits.
 * - A list that is empty, or less than half of the last one, switches nothing off: then Bitrix is in trouble. Neither does
 *   one of which a page could not be read, and was passed over: its offset is ahead of what was seen then.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Db } from "../platform/Db.ts"
import { currentTrace, Outbox } from "../platform/Outbox.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import { MirroredProducts } from "../products/MirroredProducts.ts"
import type { ProductId } from "../products/Product.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { BitrixUnavailable } from "./BitrixClient.ts"
import { BitrixConnections } from "./BitrixConnections.ts"
import { BitrixListing } from "./BitrixListing.ts"
import type { PassRow } from "./BitrixPassRepo.ts"
import { BitrixPassRepo } from "./BitrixPassRepo.ts"
import type { Unlisted } from "./BitrixProductsRepo.ts"
import { BitrixProductsRepo } from "./BitrixProductsRepo.ts"
import type { Step, Walk } from "./BitrixWalk.ts"
import type { Outcome, Tally } from "./PassTally.ts"
import {
  empty,
  isTooShort,
  MOVED,
  NOT_LISTED,
  outcomeOf,
  plus,
  SAME,
  tallyOf,
  unread,
  unrepaired,
} from "./PassTally.ts"
import { toMirrored } from "./ProductDecision.ts"
import type { Difference, ListItem } from "./ProductDifference.ts"
import { absence, differenceOf } from "./ProductDifference.ts"
import { decode, idOf } from "./ProductEvent.ts"
import { needsTelling } from "./ProductMerge.ts"
import { ProductSync } from "./ProductSync.ts"
import { tellAgain as tellAgainOf } from "./ProductWrites.ts"

/** Longer than a page can take, and than Bitrix can be asked for one product. */
const LEASE_SECONDS = 180
const APPLYING_MAX = 4
/** Differences of goods beyond these stay. */
const VERSIONS_MAX = 100_000
/** Products that a pass asks for by their id because they are not listed. */
export const UNLISTED_MAX = 20
export const TOLD_AGAIN_MAX = 100

type Walked<A> = Effect.Effect<A, BitrixUnavailable | DatabaseUnavailable>

export class BitrixPass extends Context.Service<
  BitrixPass,
  {
    /** Walks a page; undefined while the walk rests or somebody else walks. */
    readonly step: (walk: Walk, restSeconds: number) => Walked<Step | undefined>
    /** Begins a pass now; false while somebody else walks. */
    readonly begin: (walk: Walk) => Effect.Effect<boolean, DatabaseUnavailable>
    readonly release: (walk: Walk) => Effect.Effect<void, DatabaseUnavailable>
  }
>()("cvety/bitrix/BitrixPass") {
  static readonly layer = Layer.effect(
    BitrixPass,
    Effect.gen(function* () {
      const db = yield* Db
      const outbox = yield* Outbox
      const sync = yield* ProductSync
      const connections = yield* BitrixConnections
      const listing = yield* BitrixListing
      const products = yield* MirroredProducts
      const repo = yield* BitrixProductsRepo
      const passes = yield* BitrixPassRepo

      const leaseOf = ({ lease }: Walk) => ({ id: lease, seconds: LEASE_SECONDS })

      const apply = Effect.fnUntraced(
        function* ({ event, fields }: Difference, seenVersion: number | null) {
          const decoded = yield* Effect.orDie(decode(event))
          const answer = yield* sync.applyRead(decoded, { seenVersion })
          return outcomeOf(answer, { hasFields: fields.length > 0, isKnown: seenVersion !== null })
        },
        Effect.catchTags({
          ProductOfAnotherShop: ({ message }) => Effect.succeed(unrepaired(message)),
          ProductIdMissing: ({ message }) => Effect.succeed(unrepaired(message)),
          // The next pass finds it.
          Overloaded: () => Effect.succeed(MOVED),
        }),
      )

      /** `known` are the versions from before Bitrix was asked. */
      const settle = Effect.fnUntraced(function* (
        shopId: ShopId,
        items: ReadonlyArray<ListItem>,
        known: ReadonlyMap<ProductId, number>,
      ) {
        const origin = connections.originOf(shopId)
        const ids = idsOf(items)
        const [ledgers, deleted] = yield* db.read([repo.find(shopId, ids), repo.findDeleted(shopId, ids)])
        const ledgersById = new Map(ledgers.map((ledger) => [ledger.product_id, ledger]))
        const deletedIds = new Set(deleted.map(({ product_id }) => product_id))
        return yield* Effect.forEach(
          items,
          Effect.fnUntraced(function* (item) {
            const id = idOf(item)
            if (id === undefined) return unrepaired("No product id")
            const ledger = ledgersById.get(id)
            const version = known.get(id) ?? null
            if (deletedIds.has(id)) return SAME
            if ((ledger?.version ?? null) !== version) return MOVED
            const difference = differenceOf(item, ledger, origin)
            return difference === undefined ? SAME : yield* apply(difference, version)
          }, survived),
          { concurrency: APPLYING_MAX },
        )
      })

      const advance = Effect.fnUntraced(function* (
        walk: Walk,
        pass: PassRow,
        nextOffset: number,
        found: Tally,
        met: ReadonlyArray<ProductId>,
      ) {
        const { shopId } = walk
        const [[now]] = yield* db.transact({
          read: [passes.advance(shopId, leaseOf(walk), nextOffset, found)],
          write: (answers) => ({ queries: [repo.markSeen(shopId, pass.number, met)], answer: answers }),
        })
        return now
      })

      /** Deleted, as far as Bitrix tells, unless it can be found by its id. */
      const askFor = Effect.fnUntraced(
        function* ({ shopId, api }: Walk, { product_id, version }: Unlisted, isIncomplete: boolean) {
          const item = yield* listing.find(shopId, api, product_id)
          if (item !== undefined) return yield* settle(shopId, [item], new Map([[product_id, version]]))
          return [
            isIncomplete
              ? unrepaired(NOT_LISTED)
              : yield* survived(apply(absence(product_id, version), version)),
          ]
        },
        // One that Bitrix can never show must not keep the pass from its end.
        Effect.catchTag("BitrixUnavailable", ({ message }) => Effect.succeed([unrepaired(message)])),
      )

      const settleUnlisted = Effect.fnUntraced(function* (
        walk: Walk,
        pass: PassRow,
        { isShort, isIncomplete }: Pick<Step, "isShort" | "isIncomplete">,
      ) {
        const [unlisted] = yield* db.read([repo.findUnlisted(walk.shopId, pass.number, UNLISTED_MAX)])
        const total = unlisted[0]?.total ?? 0
        const asked = isShort ? [] : unlisted
        let tally = tallyOf(Array.from({ length: total - asked.length }, () => unrepaired(NOT_LISTED)))
        yield* advance(walk, pass, pass.next_offset, tally, [])
        for (const one of asked) {
          const found = tallyOf(yield* askFor(walk, one, isIncomplete))
          yield* advance(walk, pass, pass.next_offset, found, [one.product_id])
          tally = plus(tally, found)
        }
        return tally
      })

      /** A change of ours whose fact was lost. Under lock, because a change may be under way. */
      const tellAgain = Effect.fnUntraced(function* (shopId: ShopId, id: ProductId) {
        const traceParent = yield* currentTrace
        return yield* db.transact({
          read: [
            products.lock(shopId, [id]),
            products.find(shopId, [id]),
            repo.lock(shopId, [id]),
            outbox.findOpen(shopId, "bitrix", "product", [String(id)]),
          ],
          write: ([, [product], [ledger], [open]]) => {
            const isUntold =
              product !== undefined && ledger !== undefined && needsTelling(toMirrored(product), ledger)
            if (!isUntold || open !== undefined) return { queries: [], answer: SAME }
            return { queries: [tellAgainOf(outbox, shopId, id, traceParent)], answer: TOLD_AGAIN }
          },
        })
      })

      const tellUntold = Effect.fnUntraced(function* (walk: Walk, pass: PassRow) {
        const [found] = yield* db.read([repo.findUntold(walk.shopId, TOLD_AGAIN_MAX)])
        const outcomes = yield* Effect.forEach(found, ({ product_id }) => tellAgain(walk.shopId, product_id))
        const tally = tallyOf(outcomes)
        yield* advance(walk, pass, pass.next_offset, tally, [])
        return tally
      })

      const finish = Effect.fnUntraced(function* (walk: Walk, pass: PassRow) {
        const { shopId, scope, trustsShortList } = walk
        const isIncomplete = pass.next_offset > pass.seen
        const isShort = !isIncomplete && isTooShort(pass.seen, pass.last_seen) && !trustsShortList
        let tally = empty
        if (scope === "all") {
          if (isShort && pass.last_seen !== null)
            yield* Effect.logError(
              "Bitrix lists too few products to be believed: none is taken off sale",
            ).pipe(Effect.annotateLogs({ shop_id: shopId, seen: pass.seen, last_seen: pass.last_seen }))
          const unlisted = yield* settleUnlisted(walk, pass, { isShort, isIncomplete })
          tally = plus(unlisted, yield* tellUntold(walk, pass))
        }
        yield* db.transact({
          read: [],
          write: () => ({
            queries: [passes.finish(shopId, leaseOf(walk), !isShort && !isIncomplete)],
            answer: null,
          }),
        })
        return { tally, isShort: isShort && scope === "all", isIncomplete }
      })

      const walkPage = Effect.fnUntraced(function* (walk: Walk, pass: PassRow) {
        const { shopId, api } = walk
        const [known] = yield* db.read([repo.versions(shopId, VERSIONS_MAX)])
        const page = yield* listing.page(shopId, api, pass.next_offset)
        const { items, total, nextOffset, isLast } = page
        const outcomes = [...unread(page.passedOver), ...(yield* settle(shopId, items, known))]
        const found = { ...tallyOf(outcomes), seen: items.length }
        const now = yield* advance(walk, pass, nextOffset, found, idsOf(items))
        // Somebody else walks by now, and counts.
        if (now === undefined) return undefined
        const step = { offset: nextOffset, total, isFinished: false, isShort: false, isIncomplete: false }
        if (!isLast) return { ...step, tally: found }
        const { tally, ...ending } = yield* finish(walk, now)
        return { ...step, ...ending, tally: plus(found, tally), isFinished: true }
      })

      const inShop =
        <A, E>(work: (walk: Walk) => Effect.Effect<A, E, TenantContext>) =>
        (walk: Walk): Effect.Effect<A, E> =>
          Effect.provideService(work(walk), TenantContext, { shopId: walk.shopId })

      return {
        step: (walk, restSeconds) =>
          inShop(
            Effect.fn("BitrixPass.step")(function* (walk: Walk) {
              const [, [pass]] = yield* db.transact({
                read: [passes.ensure(walk.shopId), passes.claim(walk.shopId, leaseOf(walk), restSeconds)],
                write: (answers) => ({ queries: [], answer: answers }),
              })
              return pass === undefined ? undefined : yield* walkPage(walk, pass)
            }),
          )(walk),
        begin: inShop((walk) =>
          db.transact({
            read: [passes.ensure(walk.shopId), passes.claimAnew(walk.shopId, leaseOf(walk))],
            write: ([, [pass]]) => ({ queries: [], answer: pass !== undefined }),
          }),
        ),
        release: inShop((walk) =>
          db.transact({
            read: [],
            write: () => ({ queries: [passes.release(walk.shopId, leaseOf(walk))], answer: undefined }),
          }),
        ),
      }
    }),
  ).pipe(
    Layer.provide([
      BitrixListing.layer,
      BitrixPassRepo.layer,
      BitrixProductsRepo.layer,
      MirroredProducts.layer,
    ]),
  )
}

const TOLD_AGAIN: Outcome = { kind: "different", repair: "toldAgain", reason: null }

/** One product that cannot be read or written must not hold up those behind it. */
const survived = <E, R>(work: Effect.Effect<Outcome, E, R>): Effect.Effect<Outcome, E, R> =>
  Effect.catchDefect(work, (defect) =>
    Effect.as(
      Effect.logError("a product of Bitrix's list cannot be applied", defect),
      unrepaired("Cannot be applied"),
    ),
  )

const idsOf = (items: ReadonlyArray<ListItem>): ReadonlyArray<ProductId> =>
  items.flatMap((item) => idOf(item) ?? [])
