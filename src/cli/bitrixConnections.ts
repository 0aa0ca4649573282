/** `bitrix connect`, `disconnect` and `connections`: which shop has which Bitrix. Secrets come from the environment. */
import { userInfo } from "node:os"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { digestOf } from "../bitrix/BitrixConnection.ts"
import type { ConnectionRow } from "../bitrix/BitrixConnectionsRepo.ts"
import { BitrixConnectionsRepo } from "../bitrix/BitrixConnectionsRepo.ts"
import { BitrixSettings, REQUESTS_PER_SECOND_MAX, UPDATE_PATH } from "../bitrix/BitrixSettings.ts"
import { Caller } from "../platform/Caller.ts"
import { Db } from "../platform/Db.ts"
import { Outbox } from "../platform/Outbox.ts"
import type { Query } from "../platform/Query.ts"
import { Sealed } from "../platform/Sealed.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import { ShopId } from "../shared/ShopId.ts"

const SECRET_CHARS_MIN = 32
const PER_SECOND_MAX = 10_000

class ConnectionRefused extends Schema.TaggedError<ConnectionRefused>()("ConnectionRefused", {
  message: Schema.String,
}) {}

const shop = Flag.Int("shop").pipe(Flag.withDescription("Id of the shop"), Flag.withSchema(ShopId))

export const connect = Command.make(
  "connect",
  {
    shop,
    baseUrl: Flag.String("base-url").pipe(
      Flag.withDescription("Where its API is, with its base path, such as https://bitrix.example/api/v2"),
      Flag.withSchema(Schema.String.check(Schema.isPattern(/^https?:\/\/[^?#\s/]+[^?#\s]*$/))),
    ),
    path: Flag.String("path").pipe(
      Flag.withDescription("The path below it that takes a changed product, with or without {id}"),
      Flag.withDefault(UPDATE_PATH),
      Flag.withSchema(Schema.String.check(Schema.isPattern(/^\/*[^?#\s/][^?#\s]*$/))),
    ),
    perSecond: Flag.Int("per-second").pipe(
      Flag.withDescription("The most changes that a node sends to it per second"),
      Flag.withDefault(REQUESTS_PER_SECOND_MAX),
      Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: PER_SECOND_MAX }))),
    ),
  },
  Effect.fn(function* ({ shop, baseUrl, path, perSecond }) {
    const repo = yield* BitrixConnectionsRepo
    const outbox = yield* Outbox
    const sealed = yield* Sealed
    const token = yield* given("BITRIX_CONNECT_TOKEN", yield* Config.Redacted("BITRIX_CONNECT_TOKEN"), 1)
    const secret = yield* given(
      "BITRIX_CONNECT_SECRET",
      yield* Config.Redacted("BITRIX_CONNECT_SECRET"),
      SECRET_CHARS_MIN,
    )
    if (yield* isOfAnotherShop(shop, secret))
      return yield* new ConnectionRefused({ message: OF_ANOTHER_SHOP })
    const row = {
      shop_id: shop,
      base_url: baseUrl.replace(/\/+$/, ""),
      update_path: path.replace(/^\/+/, ""),
      sealed_token: sealed.seal(token),
      webhook_secret_hash: Buffer.from(digestOf(secret), "hex"),
      requests_per_second_max: perSecond,
      enabled: true,
    }
    yield* change(shop, "bitrix.connect", [repo.save(row), outbox.openRoute(shop, "bitrix")])
    yield* Console.log(`Shop ${shop} is connected to ${row.base_url}; running nodes know within seconds.`)
  }),
).pipe(
  Command.withDescription(
    "Connect a shop to its Bitrix, or change how. BITRIX_CONNECT_TOKEN is what it expects from us, BITRIX_CONNECT_SECRET what its events carry; the former secret stays valid too",
  ),
)

export const dropFormerSecret = Command.make(
  "drop-former-secret",
  { shop },
  Effect.fn(function* ({ shop }) {
    const repo = yield* BitrixConnectionsRepo
    if (!(yield* all).some(({ shop_id }) => shop_id === shop))
      return yield* new ConnectionRefused({ message: `shop ${shop} was never connected` })
    yield* change(shop, "bitrix.drop_former_secret", [repo.dropFormerSecret(shop)])
    yield* Console.log(`Only the present secret of shop ${shop} is taken; running nodes know within seconds.`)
  }),
).pipe(Command.withDescription("Take back the secret that `connect` replaced, once Bitrix sends the new one"))

export const disconnect = Command.make(
  "disconnect",
  { shop },
  Effect.fn(function* ({ shop }) {
    const repo = yield* BitrixConnectionsRepo
    const outbox = yield* Outbox
    const row = (yield* all).find(({ shop_id }) => shop_id === shop)
    if (row === undefined)
      return yield* new ConnectionRefused({ message: `shop ${shop} was never connected` })
    yield* change(shop, "bitrix.disconnect", [
      repo.save({ ...row, enabled: false }),
      outbox.closeRoute(shop, "bitrix"),
    ])
    yield* Console.log(`Shop ${shop} has no Bitrix any more: its events are refused, and it is told nothing.`)
  }),
).pipe(Command.withDescription("Part a shop from its Bitrix; goods stay as they are"))

export const connections = Command.make(
  "connections",
  {},
  Effect.fn(function* () {
    const sealed = yield* Sealed
    const settings = yield* BitrixSettings
    const rows = yield* all
    for (const row of rows) yield* Console.log(line(row, sealed.open(row.sealed_token) !== undefined))
    if (!rows.some(({ shop_id }) => shop_id === settings.shopId))
      yield* Console.log(
        `shop ${settings.shopId}  ${settings.api?.baseUrl ?? "address unknown: BITRIX_BASE_URL"}  from the settings`,
      )
  }),
).pipe(Command.withDescription("List connections, without their secrets"))

const all = Effect.gen(function* () {
  const db = yield* Db
  const repo = yield* BitrixConnectionsRepo
  const [rows] = yield* db.readThrough("across_shops", [repo.list()])
  return rows
})

/** Events say by their secret which shop they are of, by a former one too. */
const isOfAnotherShop = Effect.fnUntraced(function* (shopId: ShopId, secret: Redacted.Redacted) {
  const settings = yield* BitrixSettings
  const digest = digestOf(secret)
  const rows = yield* all
  const digestsOf = ({ webhook_secret_hash, previous_secret_hash }: ConnectionRow) =>
    [webhook_secret_hash, previous_secret_hash ?? webhook_secret_hash].map((bytes) =>
      Buffer.from(bytes).toString("hex"),
    )
  return (
    rows.some((row) => row.shop_id !== shopId && digestsOf(row).includes(digest)) ||
    (settings.shopId !== shopId && settings.secretDigests.includes(digest))
  )
})

const OF_ANOTHER_SHOP = "another shop's events carry this secret: each shop needs its own"

const change = Effect.fnUntraced(function* (
  shopId: ShopId,
  action: string,
  queries: ReadonlyArray<Query<unknown>>,
) {
  const db = yield* Db
  yield* db
    .transact({
      read: [],
      write: () => ({ queries, answer: null }),
      violations: {
        bitrix_connection_shop_id_fkey: new ConnectionRefused({ message: `there is no shop ${shopId}` }),
        bitrix_connection_secret: new ConnectionRefused({ message: OF_ANOTHER_SHOP }),
      },
    })
    .pipe(
      Effect.provideService(TenantContext, { shopId }),
      Effect.provideService(Caller, {
        kind: "cli",
        id: userInfo().username,
        action,
        address: null,
        request_id: null,
      }),
    )
})

const given = (name: string, secret: Redacted.Redacted, charsMin: number) =>
  Redacted.value(secret).length >= charsMin
    ? Effect.succeed(secret)
    : Effect.fail(new ConnectionRefused({ message: `${name} must have at least ${charsMin} character(s)` }))

const line = (row: ConnectionRow, isTokenReadable: boolean): string =>
  [
    `shop ${row.shop_id}`,
    `${row.base_url}/${row.update_path}`,
    `${row.requests_per_second_max}/s`,
    row.enabled ? "connected" : "parted",
    row.previous_secret_hash === null ? "one secret" : "two secrets",
    isTokenReadable ? "" : "the token cannot be opened with these keys: connect it again",
  ]
    .join("  ")
    .trimEnd()
