/** The sync with Bitrix as the people of a shop see it and decide about it. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Caller } from "../platform/Caller.ts"
import { Db, refuse } from "../platform/Db.ts"
import { currentTrace, Outbox } from "../platform/Outbox.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { MirroredProduct } from "../products/MirroredProduct.ts"
import { MirroredProducts } from "../products/MirroredProducts.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { ShopId } from "../shared/ShopId.ts"
import { Tiyn } from "../shared/Tiyn.ts"
import type { Circuit } from "./BitrixClient.ts"
import { BitrixClient } from "./BitrixClient.ts"
import { BitrixConnections } from "./BitrixConnections.ts"
import type { ConflictFilter } from "./ConflictsRepo.ts"
import { ConflictsRepo } from "./ConflictsRepo.ts"
import type { Field } from "./MirroredProduct.ts"
import { isSame, Mirrored, toldFields } from "./MirroredProduct.ts"
import { toMirrored } from "./ProductDecision.ts"
import type { Choice, SyncConflict, SyncConflictId } from "./SyncConflict.ts"
import {
  ConflictingProductDeleted,
  ParkedFactNotFound,
  SyncConflictDecided,
  SyncConflictNotFound,
} from "./SyncFault.ts"
import type { FromBitrix, ParkedEvent, ParkedFact, Pass, ToBitrix } from "./SyncStatusRepo.ts"
import { SyncStatusRepo } from "./SyncStatusRepo.ts"

const PARKED_MAX = 50

export interface SyncStatus {
  readonly isConnected: boolean
  readonly toBitrix: typeof ToBitrix.Type
  /** Of this node. */
  readonly circuit: Circuit
  /** Null when nothing waits, or nobody knows where Bitrix is. */
  readonly nextAttemptInMs: number | null
  readonly fromBitrix: typeof FromBitrix.Type
  readonly pass: typeof Pass.Type | null
  readonly parkedFacts: ReadonlyArray<typeof ParkedFact.Type>
  readonly parkedEvents: ReadonlyArray<typeof ParkedEvent.Type>
}

export class Sync extends Context.Service<
  Sync,
  {
    readonly status: Effect.Effect<SyncStatus, DatabaseUnavailable, TenantContext>
    readonly findConflicts: (
      filter: ConflictFilter,
    ) => Effect.Effect<ReadonlyArray<SyncConflict>, DatabaseUnavailable, TenantContext>
    /** Choosing the same twice is choosing once. */
    readonly resolve: (
      id: SyncConflictId,
      choice: Choice,
    ) => Effect.Effect<
      SyncConflict,
      SyncConflictNotFound | SyncConflictDecided | ConflictingProductDeleted | DatabaseUnavailable,
      TenantContext
    >
    /** Lets a fact for Bitrix that was given up go again. */
    readonly retry: (
      factId: number,
    ) => Effect.Effect<void, ParkedFactNotFound | DatabaseUnavailable, TenantContext>
  }
>()("cvety/bitrix/Sync") {
  static readonly layerNoDeps = Layer.effect(
    Sync,
    Effect.gen(function* () {
      const db = yield* Db
      const outbox = yield* Outbox
      const client = yield* BitrixClient
      const connections = yield* BitrixConnections
      const products = yield* MirroredProducts
      const repo = yield* SyncStatusRepo
      const conflicts = yield* ConflictsRepo

      const status: Sync["Service"]["status"] = Effect.gen(function* () {
        const { shopId } = yield* TenantContext
        const isConnected = connections.find(shopId)?.api != null
        const circuit = yield* client.circuit(shopId, "push")
        const nowMs = yield* Clock.currentTimeMillis
        const [toBitrix, fromBitrix, [pass], parkedFacts, parkedEvents] = yield* db.read([
          repo.toBitrix(shopId),
          repo.fromBitrix(shopId),
          repo.pass(shopId),
          repo.parkedFacts(shopId, PARKED_MAX),
          repo.parkedEvents(shopId, PARKED_MAX),
        ])
        const { next_due_at } = toBitrix
        return {
          isConnected,
          toBitrix,
          circuit,
          nextAttemptInMs:
            isConnected && next_due_at !== null
              ? Math.ceil(Math.max(0, next_due_at.getTime() - nowMs, circuit.waitMs))
              : null,
          fromBitrix,
          pass: pass ?? null,
          parkedFacts,
          parkedEvents,
        }
      }).pipe(Effect.withSpan("Sync.status"))

      const findConflicts: Sync["Service"]["findConflicts"] = Effect.fn("Sync.findConflicts")(
        function* (filter) {
          const { shopId } = yield* TenantContext
          const [found] = yield* db.read([conflicts.find(shopId, filter)])
          return found
        },
      )

      /** Puts our value back. What Bitrix agreed on stays as it is, so the difference is what it is told. */
      const putBack = (
        shopId: ShopId,
        product: MirroredProduct,
        { field, ours }: SyncConflict,
        traceParent: string | null,
      ) => {
        const local = toMirrored(product)
        const wanted = decodeMirrored({ ...local, [field]: ours })
        if (isSame(local[field], wanted[field])) return []
        const state = { ...wanted, id: product.id, price: Tiyn.make(wanted.price) }
        return [
          products.save(shopId, state),
          ...(field === "images" ? products.replaceImages(shopId, state) : []),
          ...(isTold(field)
            ? [
                outbox.record(shopId, {
                  target: "bitrix",
                  aggregateType: "product",
                  aggregateId: String(product.id),
                  payload: {},
                  before: { [field]: local[field] },
                  traceParent,
                }),
              ]
            : []),
        ]
      }

      // The product is locked first, as by whoever applies what Bitrix says, and with it its conflicts.
      const resolve: Sync["Service"]["resolve"] = Effect.fn("Sync.resolve")(function* (id, choice) {
        const { shopId } = yield* TenantContext
        const caller = yield* Caller
        const traceParent = yield* currentTrace
        const [[known]] = yield* db.read([conflicts.findById(shopId, id)])
        if (known === undefined) return yield* new SyncConflictNotFound()
        const resolvedAt = new Date(yield* Clock.currentTimeMillis)
        return yield* db.transact({
          read: [
            products.lock(shopId, [known.product_id]),
            products.find(shopId, [known.product_id]),
            conflicts.findById(shopId, id),
          ],
          write: ([, [product], [conflict]]) => {
            if (product === undefined || conflict === undefined) return refuse(new SyncConflictNotFound())
            if (conflict.chosen !== null)
              return conflict.chosen === choice
                ? { queries: [], answer: conflict }
                : refuse(new SyncConflictDecided())
            if (choice === "ours" && product.is_deleted) return refuse(new ConflictingProductDeleted())
            const resolved: SyncConflict = {
              ...conflict,
              chosen: choice,
              resolved_at: resolvedAt,
              resolved_by: caller?.kind === "user" ? Number(caller.id) : null,
            }
            return {
              queries: [
                ...(choice === "ours" ? putBack(shopId, product, conflict, traceParent) : []),
                conflicts.resolve(shopId, resolved),
              ],
              answer: resolved,
            }
          },
        })
      })

      const retry: Sync["Service"]["retry"] = Effect.fn("Sync.retry")(function* (factId) {
        const { shopId } = yield* TenantContext
        return yield* db.transact({
          read: [outbox.findById(factId)],
          write: ([[fact]]) =>
            fact?.shop_id === shopId && fact.target === "bitrix" && fact.state === "parked"
              ? { queries: [outbox.redrive(shopId, factId)], answer: undefined }
              : refuse(new ParkedFactNotFound()),
        })
      })

      return { status, findConflicts, resolve, retry }
    }),
  )

  static readonly layer = Sync.layerNoDeps.pipe(
    Layer.provide([SyncStatusRepo.layer, ConflictsRepo.layer, MirroredProducts.layer]),
  )
}

const decodeMirrored = Schema.decodeUnknownSync(Mirrored)

const isTold = (field: Field): boolean => (toldFields as ReadonlyArray<Field>).includes(field)
