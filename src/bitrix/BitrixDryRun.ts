/**
 * What a walk through Bitrix's list would do now, said product by product and field by field. It decides as the walk
 * does and writes nothing: neither goods nor inbox nor where a walk stands.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Db } from "../platform/Db.ts"
import { Outbox } from "../platform/Outbox.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { MirroredProduct } from "../products/MirroredProduct.ts"
import { MirroredProducts } from "../products/MirroredProducts.ts"
import type { ProductId } from "../products/Product.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { BitrixUnavailable } from "./BitrixClient.ts"
import { BitrixConnections } from "./BitrixConnections.ts"
import { BitrixListing, PATIENCE } from "./BitrixListing.ts"
import { TOLD_AGAIN_MAX, UNLISTED_MAX } from "./BitrixPass.ts"
import { BitrixPassRepo } from "./BitrixPassRepo.ts"
import { BitrixProductsRepo } from "./BitrixProductsRepo.ts"
import type { Step, Walk } from "./BitrixWalk.ts"
import type { Field, Mirrored } from "./MirroredProduct.ts"
import { fields, isSame } from "./MirroredProduct.ts"
import type { Outcome } from "./PassTally.ts"
import * as PassTally from "./PassTally.ts"
import { isTooShort, NOT_LISTED, outcomeOf, plus, tallyOf, unread, unrepaired } from "./PassTally.ts"
import type { Decision } from "./ProductDecision.ts"
import { decide, toMirrored } from "./ProductDecision.ts"
import type { Difference, ListItem } from "./ProductDifference.ts"
import { absence, differenceOf } from "./ProductDifference.ts"
import { decode, idOf } from "./ProductEvent.ts"
import { untold } from "./ProductMerge.ts"

export const INTENTS_MAX = 1_000
const UNLISTED_LOOKED_AT_MAX = 100_000

/** One field that would change, here or there. */
export interface Intent {
  readonly productId: ProductId
  readonly kind: "take" | "conflict" | "tell" | "keep"
  readonly field: string
  readonly here: unknown
  readonly there: unknown
}

export interface Forecast extends Step {
  /** The first so many. */
  readonly intents: ReadonlyArray<Intent>
}

interface Judged {
  readonly outcome: Outcome
  readonly intents: ReadonlyArray<Intent>
}

export class BitrixDryRun extends Context.Service<
  BitrixDryRun,
  {
    readonly run: (
      walk: Pick<Walk, "shopId" | "api" | "scope" | "trustsShortList">,
      onPage: (step: Step) => Effect.Effect<void>,
    ) => Effect.Effect<Forecast, BitrixUnavailable | DatabaseUnavailable>
  }
>()("cvety/bitrix/BitrixDryRun") {
  static readonly layer = Layer.effect(
    BitrixDryRun,
    Effect.gen(function* () {
      const db = yield* Db
      const outbox = yield* Outbox
      const connections = yield* BitrixConnections
      const listing = yield* BitrixListing
      const products = yield* MirroredProducts
      const repo = yield* BitrixProductsRepo
      const passes = yield* BitrixPassRepo

      /** As both sides stand now. */
      const look = (shopId: ShopId, ids: ReadonlyArray<ProductId>) =>
        Effect.map(
          db.read([
            products.find(shopId, ids),
            repo.find(shopId, ids),
            outbox.findOpen(shopId, "bitrix", "product", ids.map(String)),
          ]),
          ([found, ledgers, open]) =>
            (id: ProductId) => ({
              product: found.find((one) => one.id === id),
              ledger: ledgers.find(({ product_id }) => product_id === id),
              open: open.find(({ aggregate_id }) => aggregate_id === String(id)),
            }),
        )

      const judge = Effect.fnUntraced(function* (shopId: ShopId, listed: ReadonlyArray<Listed>) {
        const origin = connections.originOf(shopId)
        const [ledgers] = yield* db.read([repo.find(shopId, listed.map(idOfListed))])
        const different = listed.filter(({ id, item }) => {
          const ledger = ledgers.find(({ product_id }) => product_id === id)
          return item === undefined || differenceOf(item, ledger, origin) !== undefined
        })
        const at = yield* look(shopId, different.map(idOfListed))
        const same = Array.from({ length: listed.length - different.length }, () => SAME)
        const judged = yield* Effect.forEach(different, ({ id, item }) => {
          const { product, ledger, open } = at(id)
          if (product?.is_deleted === true) return Effect.succeed(SAME)
          if (open?.is_held === true) return Effect.succeed(MOVED)
          const difference =
            item === undefined ? absence(id, ledger?.version ?? 0) : differenceOf(item, ledger, origin)
          if (difference === undefined) return Effect.succeed(SAME)
          return Effect.map(Effect.orDie(decode(difference.event)), (event) => {
            const before = open?.before ?? {}
            const situation = { id, event, product, ledger, before, origin }
            const decision = decide({
              ...situation,
              isAuthoritative: true,
              readAt: null,
              waitedSince: null,
            })
            return judgedBy(decision, { id, product, difference, isKnown: ledger !== undefined })
          })
        })
        return [...same, ...judged]
      })

      const ask = Effect.fnUntraced(
        function* ({ shopId, api }: Walked, id: ProductId, isIncomplete: boolean) {
          const item = yield* listing.find(shopId, api, id)
          if (item === undefined && isIncomplete) return [alone(unrepaired(NOT_LISTED))]
          return yield* judge(shopId, [{ id, item }])
        },
        Effect.catchTag("BitrixUnavailable", ({ message }) => Effect.succeed([alone(unrepaired(message))])),
      )

      const unlisted = Effect.fnUntraced(function* (
        walk: Walked,
        listed: ReadonlySet<ProductId>,
        isIncomplete: boolean,
      ) {
        const { shopId, trustsShortList } = walk
        const [[pass], known] = yield* db.read([
          passes.find(shopId),
          repo.findUnlisted(shopId, EVERY_PASS, UNLISTED_LOOKED_AT_MAX),
        ])
        const missing = known.filter(({ product_id }) => !listed.has(product_id))
        const isShort = !isIncomplete && isTooShort(listed.size, pass?.last_seen ?? null) && !trustsShortList
        const asked = isShort ? [] : missing.slice(0, UNLISTED_MAX)
        const left = missing.slice(asked.length).map(() => alone(unrepaired(NOT_LISTED)))
        const found = yield* Effect.forEach(asked, ({ product_id }) => ask(walk, product_id, isIncomplete))
        return { isShort, judged: [...left, ...found.flat()] }
      })

      const untoldChanges = Effect.fnUntraced(function* ({ shopId }: Walked) {
        const [found] = yield* db.read([repo.findUntold(shopId, TOLD_AGAIN_MAX)])
        const at = yield* look(
          shopId,
          found.map(({ product_id }) => product_id),
        )
        return found.flatMap(({ product_id: productId }): ReadonlyArray<Judged> => {
          const { product, ledger } = at(productId)
          if (product === undefined || ledger === undefined) return []
          const here = toMirrored(product)
          const intents = untold(here, ledger).map((field) => ({
            productId,
            kind: "tell" as const,
            field,
            here: here[field],
            there: ledger.theirs[field],
          }))
          return [{ outcome: { kind: "different", repair: "toldAgain", reason: null }, intents }]
        })
      })

      const run = Effect.fn("BitrixDryRun.run")(function* (
        walk: Walked,
        onPage: (step: Step) => Effect.Effect<void>,
      ) {
        const { shopId, api, scope } = walk
        const listed = new Set<ProductId>()
        let forecast: Forecast = { ...START, tally: tallyOf([]) }
        const add = (all: ReadonlyArray<Judged>, seen: number) => {
          const found = { ...tallyOf(all.map(({ outcome }) => outcome)), seen }
          const intents = [...forecast.intents, ...all.flatMap((one) => one.intents)].slice(0, INTENTS_MAX)
          forecast = { ...forecast, tally: plus(forecast.tally, found), intents }
        }
        for (let isLast = false; !isLast; ) {
          const page = yield* Effect.retry(listing.page(shopId, api, forecast.offset), PATIENCE)
          const named = page.items.flatMap((item) => {
            const id = idOf(item)
            return id === undefined || listed.has(id) ? [] : [{ id, item }]
          })
          for (const { id } of named) listed.add(id)
          add([...unread(page.passedOver).map(alone), ...(yield* judge(shopId, named))], page.items.length)
          forecast = {
            ...forecast,
            offset: page.nextOffset,
            total: page.total,
            isIncomplete: forecast.isIncomplete || page.passedOver > 0,
          }
          isLast = page.isLast
          yield* onPage(forecast)
        }
        if (scope === "all") {
          const { isShort, judged: missing } = yield* unlisted(walk, listed, forecast.isIncomplete)
          add([...missing, ...(yield* untoldChanges(walk))], 0)
          forecast = { ...forecast, isShort }
        }
        return { ...forecast, isFinished: true }
      })

      return {
        run: (walk, onPage) =>
          Effect.provideService(run(walk, onPage), TenantContext, { shopId: walk.shopId }),
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

type Walked = Pick<Walk, "shopId" | "api" | "scope" | "trustsShortList">

/** Later than every one there was. */
const EVERY_PASS = 2_147_483_647
const START = {
  offset: 0,
  total: null,
  isFinished: false,
  isShort: false,
  isIncomplete: false,
  intents: [],
} as const

const alone = (outcome: Outcome): Judged => ({ outcome, intents: [] })
const SAME = alone(PassTally.SAME)
const MOVED = alone(PassTally.MOVED)

interface Listed {
  readonly id: ProductId
  /** Undefined where Bitrix does not list it. */
  readonly item: ListItem | undefined
}
const idOfListed = ({ id }: Listed): ProductId => id

const judgedBy = (
  { answer, write, conflicts, state, reason }: Decision,
  of: {
    readonly id: ProductId
    readonly product: MirroredProduct | undefined
    readonly difference: Difference
    readonly isKnown: boolean
  },
): Judged => {
  const productId = of.id
  const here: Partial<Mirrored> = of.product === undefined ? {} : toMirrored(of.product)
  const there: Partial<Mirrored> = write.kind === "none" ? {} : write.product
  const inConflict = new Set(conflicts.map(({ field }) => field))
  const shown: ReadonlyArray<Field> = write.kind === "insert" ? ["name", "price"] : fields
  const intents = shown
    .filter((field) => field in there && !isSame(here[field], there[field]))
    .map(
      (field): Intent => ({
        productId,
        kind: inConflict.has(field) ? "conflict" : "take",
        field,
        here: here[field],
        there: there[field],
      }),
    )
  const kept: Intent = { productId, kind: "keep", field: "", here: undefined, there: reason }
  return {
    outcome: outcomeOf(answer, { hasFields: of.difference.fields.length > 0, isKnown: of.isKnown }),
    intents: state === "parked" ? [...intents, kept] : intents,
  }
}
