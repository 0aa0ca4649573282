/**
 * Which shop has which Bitrix. Kept in memory, because every webhook asks, and read again every REFRESH_MS, so that a
 * new connection or a new secret is known everywhere within that time.
 *
 * A shop with a connection takes facts for Bitrix (`outbox_route`); they wait while its address is not known.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Actor from "../platform/Actor.ts"
import { Db } from "../platform/Db.ts"
import { Outbox } from "../platform/Outbox.ts"
import { Sealed } from "../platform/Sealed.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import type { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { BitrixApi, BitrixConnection } from "./BitrixConnection.ts"
import { digestOf } from "./BitrixConnection.ts"
import type { ConnectionRow } from "./BitrixConnectionsRepo.ts"
import { BitrixConnectionsRepo } from "./BitrixConnectionsRepo.ts"
import { BitrixSettings } from "./BitrixSettings.ts"

const REFRESH_MS = 15_000

export class BitrixConnections extends Context.Service<
  BitrixConnections,
  {
    /** The shop that a webhook's secret speaks for. */
    readonly authenticate: (secret: Redacted.Redacted) => ShopId | undefined
    readonly find: (shopId: ShopId) => BitrixConnection | undefined
    readonly all: () => ReadonlyArray<BitrixConnection>
    /** Where the paths of its pictures lead. */
    readonly originOf: (shopId: ShopId) => string | undefined
    readonly refresh: Effect.Effect<void, DatabaseUnavailable>
  }
>()("cvety/bitrix/BitrixConnections") {
  static readonly layer = Layer.effect(
    BitrixConnections,
    Effect.gen(function* () {
      const db = yield* Db
      const outbox = yield* Outbox
      const repo = yield* BitrixConnectionsRepo
      const sealed = yield* Sealed
      const settings = yield* BitrixSettings
      let connections = new Map<ShopId, BitrixConnection>()
      let shopsByDigest = new Map<string, ShopId>()
      const routed = new Map<ShopId, boolean>()
      const apis = new Map<string, BitrixApi>()

      const setRoute = Effect.fnUntraced(function* (shopId: ShopId, isOpen: boolean) {
        if (routed.get(shopId) === isOpen) return
        const route = isOpen ? outbox.openRoute(shopId, "bitrix") : outbox.closeRoute(shopId, "bitrix")
        yield* db
          .transact({ read: [], write: () => ({ queries: [route], answer: null }) })
          .pipe(Effect.provideService(TenantContext, { shopId }))
        routed.set(shopId, isOpen)
      })

      /** The same row gives the same object, so that whoever works with it notices a change and nothing else. */
      const apiOf = Effect.fnUntraced(function* (row: ConnectionRow) {
        const { base_url, update_path, requests_per_second_max } = row
        const key = JSON.stringify([
          base_url,
          update_path,
          requests_per_second_max,
          Buffer.from(row.sealed_token).toString("hex"),
        ])
        const known = apis.get(key)
        if (known !== undefined) return known
        const token = sealed.open(row.sealed_token)
        if (token === undefined) {
          yield* Effect.logError("the token of a Bitrix connection cannot be opened with these keys").pipe(
            Effect.annotateLogs({ shop_id: row.shop_id }),
          )
          return null
        }
        const api = {
          baseUrl: base_url,
          updatePath: update_path,
          token,
          requestsPerSecondMax: requests_per_second_max,
        }
        apis.set(key, api)
        return api
      })

      const toConnection = Effect.fnUntraced(function* (row: ConnectionRow) {
        return {
          shopId: row.shop_id,
          api: yield* apiOf(row),
          secretDigests: [row.webhook_secret_hash, row.previous_secret_hash].flatMap((digest) =>
            digest === null ? [] : [Buffer.from(digest).toString("hex")],
          ),
        } satisfies BitrixConnection
      })

      const refresh = Effect.gen(function* () {
        const [rows] = yield* db.readThrough("across_shops", [repo.list()])
        const described = yield* Effect.forEach(
          rows.filter(({ enabled }) => enabled),
          toConnection,
        )
        const isSaidOtherwise = rows.some(({ shop_id }) => shop_id === settings.shopId)
        const all = [...(isSaidOtherwise ? [] : [settings]), ...described]
        connections = new Map(all.map((connection) => [connection.shopId, connection]))
        shopsByDigest = new Map(
          all.flatMap(({ shopId, secretDigests }) =>
            secretDigests.map((digest) => [digest, shopId] as const),
          ),
        )
        for (const { shop_id, enabled } of rows) if (!enabled) yield* setRoute(shop_id, false)
        for (const shopId of connections.keys()) yield* setRoute(shopId, true)
      })

      // Until the database answers for the first time, the settings are all that is known.
      connections.set(settings.shopId, settings)
      for (const digest of settings.secretDigests) shopsByDigest.set(digest, settings.shopId)
      yield* Effect.ignore(refresh)
      yield* Actor.start({
        name: "bitrix_connections",
        paceMs: REFRESH_MS,
        batch: Effect.as(refresh, 0),
      })

      return {
        authenticate: (secret) => shopsByDigest.get(digestOf(secret)),
        find: (shopId) => connections.get(shopId),
        all: () => [...connections.values()],
        originOf: (shopId) => {
          const api = connections.get(shopId)?.api
          return api == null ? undefined : URL.parse(api.baseUrl)?.origin
        },
        refresh,
      }
    }),
  ).pipe(Layer.provide(BitrixConnectionsRepo.layer))
}
