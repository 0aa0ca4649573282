/**
 * Tells Bitrix what changed here, for every shop that has a connection.
 *
 *   claimed fact --> product and agreement under lock --> nothing untold: done, nobody is bothered
 *                                                    \--> push noted as sent --> PUT --> agreed on
 *
 * What is told is read at the moment it leaves, so a fact that waited for a day tells the latest state, merged with
 * what Bitrix said meanwhile. The push is noted before it leaves: when it comes back as an event, or its answer is lost,
 * it is known for ours.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { Db } from "../platform/Db.ts"
import * as LatencyBudget from "../platform/LatencyBudget.ts"
import * as OutboxDelivery from "../platform/OutboxDelivery.ts"
import type { ClaimedFact } from "../platform/OutboxFact.ts"
import type { Ended } from "../platform/OutboxOutcome.ts"
import type { MirroredProduct } from "../products/MirroredProduct.ts"
import { MirroredProducts } from "../products/MirroredProducts.ts"
import { ProductId } from "../products/Product.ts"
import type { ShopId } from "../shared/ShopId.ts"
import { BitrixClient } from "./BitrixClient.ts"
import type { BitrixApi } from "./BitrixConnection.ts"
import { BitrixConnections } from "./BitrixConnections.ts"
import type { LedgerChange, LedgerRow } from "./BitrixProductsRepo.ts"
import { BitrixProductsRepo } from "./BitrixProductsRepo.ts"
import type { Ledger } from "./MirroredProduct.ts"
import { toMirrored } from "./ProductDecision.ts"
import { assumed, delivered, needsTelling, noted } from "./ProductMerge.ts"
import type { ProductParcel } from "./ProductParcel.ts"
import { toParcel, toSent } from "./ProductParcel.ts"

const CHANNEL = "cvety_outbox"
const IN_FLIGHT_MAX = 16
const CONNECTIONS_PACE_MS = 5_000

export const BitrixOutbound = Layer.effectDiscard(
  Effect.gen(function* () {
    const db = yield* Db
    const connections = yield* BitrixConnections
    const running = new Map<ShopId, Running>()
    const scope = yield* Effect.scope

    const stop = (shopId: ShopId, { scope }: Running) =>
      Effect.andThen(
        Effect.sync(() => running.delete(shopId)),
        Scope.close(scope, Exit.void),
      )

    /** One delivery per shop with an address; another one when the connection was changed. */
    const adjust = Effect.gen(function* () {
      for (const [shopId, one] of running)
        if (connections.find(shopId)?.api !== one.api) yield* stop(shopId, one)
      for (const { shopId, api } of connections.all()) {
        if (api === null || running.has(shopId)) continue
        const own = yield* Scope.fork(scope)
        const wake = yield* Scope.provide(own)(deliver(shopId, api))
        running.set(shopId, { api, scope: own, wake })
      }
    })

    // A lost connection may have swallowed a word, so listening again is a wake-up too.
    yield* Effect.scoped(
      Effect.gen(function* () {
        const notifications = yield* db.listen(CHANNEL)
        for (const { wake } of running.values()) yield* Queue.offer(wake, undefined)
        return yield* Effect.forever(
          Effect.flatMap(Queue.take(notifications), ({ payload }) => {
            const [target, shopId] = payload.split(" ")
            const one = running.get(Number(shopId) as ShopId)
            return target !== "bitrix" || one === undefined ? Effect.void : Queue.offer(one.wake, undefined)
          }),
        )
      }),
    ).pipe(
      Effect.tapError(() => Effect.logWarning("nobody tells of new facts for a moment")),
      Effect.ignore,
      Effect.repeat(Schedule.jittered(Schedule.spaced("1 second"))),
      Effect.forkScoped,
    )
    yield* adjust.pipe(Effect.repeat(Schedule.spaced(CONNECTIONS_PACE_MS)), Effect.forkScoped)
  }),
).pipe(Layer.provide([BitrixProductsRepo.layer, MirroredProducts.layer]))

interface Running {
  readonly api: BitrixApi
  readonly scope: Scope.Closeable
  readonly wake: Queue.Enqueue<void>
}

/** `null` when there is nothing that Bitrix does not know. */
interface Parcel {
  readonly productId: ProductId
  readonly body: ProductParcel | null
}

const deliver = (shopId: ShopId, api: BitrixApi) =>
  Effect.gen(function* () {
    const client = yield* BitrixClient
    const products = yield* MirroredProducts
    const repo = yield* BitrixProductsRepo
    return yield* OutboxDelivery.start<ReadonlyArray<MirroredProduct>, ReadonlyArray<LedgerRow>, Parcel>({
      name: `bitrix_outbound_${shopId}`,
      shopId,
      target: "bitrix",
      inFlightMax: IN_FLIGHT_MAX,
      perSecondMax: api.requestsPerSecondMax,
      admission: Effect.map(client.circuit(shopId, "push"), ({ state, waitMs }) => ({
        places: state === "closed" ? IN_FLIGHT_MAX : state === "half_open" && waitMs === 0 ? 1 : 0,
        waitMs,
      })),
      load: (lease) => [products.lockLeased(shopId, lease), repo.lockLeased(shopId, lease)],
      loadEnded: (ended) => repo.lock(shopId, productIds(ended)),
      pack: (facts, records, memory) => {
        const packed = facts.map((fact) => pack(fact, records, memory))
        const changes = packed.flatMap(({ change }) => (change === undefined ? [] : [change]))
        return {
          parcels: new Map(packed.flatMap(({ id, parcel }) => (parcel === undefined ? [] : [[id, parcel]]))),
          queries: changes.length === 0 ? [] : [repo.save(shopId, changes)],
        }
      },
      deliver: ({ body }) =>
        body === null
          ? Effect.succeed({ kind: "delivered" })
          : LatencyBudget.measure("product_update.bitrix")(client.push(shopId, api, body)),
      settle: (ended, memory) => {
        const arrived = new Set(
          ended.flatMap(({ parcel, delivered: { kind } }) =>
            kind === "delivered" && parcel?.body != null ? [parcel.productId] : [],
          ),
        )
        const changes = memory
          .filter(({ product_id }) => arrived.has(product_id))
          .map((row) => toChange(row, delivered(row), "pushed"))
        return changes.length === 0 ? [] : [repo.save(shopId, changes)]
      },
    })
  })

const productIds = (ended: ReadonlyArray<Ended<Parcel>>): ReadonlyArray<ProductId> =>
  ended.flatMap(({ parcel }) => (parcel === undefined ? [] : [parcel.productId]))

interface Packed {
  readonly id: number
  /** None for a product that somebody else holds at the moment. */
  readonly parcel?: Parcel
  readonly change?: LedgerChange
}

const pack = (
  { id, aggregate_id, before }: ClaimedFact,
  records: ReadonlyArray<MirroredProduct>,
  memory: ReadonlyArray<LedgerRow>,
): Packed => {
  const productId = ProductId.make(Number(aggregate_id))
  const product = records.find((one) => one.id === productId)
  if (product === undefined) return { id }
  const row = memory.find(({ product_id }) => product_id === productId)
  const local = toMirrored(product)
  const agreed: Ledger = row ?? assumed(local, before)
  if (row !== undefined && !needsTelling(local, agreed)) return { id, parcel: { productId, body: null } }
  return {
    id,
    parcel: { productId, body: toParcel(productId, local, row ?? null) },
    change: toChange(
      { product_id: productId, last_event_at: row?.last_event_at ?? null },
      noted(agreed, toSent(local, agreed)),
      "pushing",
    ),
  }
}

const toChange = (
  { product_id, last_event_at }: Pick<LedgerRow, "product_id" | "last_event_at">,
  { ours, theirs, sent, blurred }: Ledger,
  happened: LedgerChange["happened"],
): LedgerChange => ({
  productId: product_id,
  ours,
  theirs,
  sent,
  blurred,
  lastEventAt: last_event_at,
  happened,
})
