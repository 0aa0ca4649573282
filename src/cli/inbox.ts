/** Looks into the inbox and replays what is in it, for operators. Works across shops. */
import * as Console from "effect/Console"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { BitrixConnections } from "../bitrix/BitrixConnections.ts"
import { BitrixSettings } from "../bitrix/BitrixSettings.ts"
import type { Replayed } from "../bitrix/OrderStatusReplay.ts"
import { OrderStatusReplay } from "../bitrix/OrderStatusReplay.ts"
import type { Decision } from "../bitrix/ProductDecision.ts"
import { ProductReplay } from "../bitrix/ProductReplay.ts"
import { Orders } from "../orders/Orders.ts"
import { Actors } from "../platform/Actor.ts"
import { Db } from "../platform/Db.ts"
import type { InboxEntry } from "../platform/Inbox.ts"
import { Inbox } from "../platform/Inbox.ts"
import { Outbox } from "../platform/Outbox.ts"
import { Sealed } from "../platform/Sealed.ts"
import { VERSION } from "../system/SystemApi.ts"
import { run } from "./run.ts"

const LIMIT_MAX = 1_000

const id = Argument.String("id").pipe(
  Argument.withDescription("Id of the event, as list prints it"),
  Argument.withSchema(Schema.String.check(Schema.isUUID())),
)

const list = Command.make(
  "list",
  {
    state: Flag.Literals("state", ["parked", "applied", "skipped", "all"]).pipe(
      Flag.withDescription("Which events"),
      Flag.withDefault("parked"),
    ),
    limit: Flag.Int("limit").pipe(Flag.withDescription(`At most ${LIMIT_MAX}`), Flag.withDefault(50)),
  },
  Effect.fn(function* ({ state, limit }) {
    const db = yield* Db
    const inbox = yield* Inbox
    const [entries] = yield* db.readThrough("across_shops", [
      inbox.list({ state: state === "all" ? null : state, limit: Math.min(Math.max(limit, 1), LIMIT_MAX) }),
    ])
    yield* Effect.forEach(entries, (entry) => Console.log(line(entry)), { discard: true })
    yield* Console.log(`${entries.length} ${state === "all" ? "" : `${state} `}event(s)`)
  }),
).pipe(Command.withDescription("List events, newest first"))

const show = Command.make(
  "show",
  { id },
  Effect.fn(function* ({ id }) {
    const db = yield* Db
    const inbox = yield* Inbox
    const [[entry]] = yield* db.readThrough("across_shops", [inbox.findById(id)])
    yield* Console.log(entry === undefined ? `No event ${id}` : JSON.stringify(entry, null, 2))
  }),
).pipe(Command.withDescription("Show one event whole: what came, what was answered, what became of it"))

const replay = Command.make(
  "replay",
  {
    id: Argument.optional(id),
    dryRun: Flag.Boolean("dry-run").pipe(
      Flag.withDescription(
        "Print the difference it would make and change nothing; each event is decided by itself",
      ),
      Flag.withDefault(false),
    ),
  },
  Effect.fn(function* ({ id, dryRun }) {
    const db = yield* Db
    const inbox = yield* Inbox
    const ids = Option.isSome(id)
      ? [id.value]
      : (yield* db.readThrough("across_shops", [inbox.list({ state: "parked", limit: LIMIT_MAX })]))[0]
          .map((entry) => entry.id)
          .toReversed()
    for (const id of ids) yield* Effect.flatMap(replayOne(id, dryRun), Console.log)
  }),
).pipe(
  Command.withDescription("Decide an event again, or every parked one; later deliveries still win"),
  Command.withExamples([
    { command: "inbox replay --dry-run", description: "What would every parked event do now?" },
  ]),
)

const replayOne = Effect.fnUntraced(function* (id: string, isDryRun: boolean) {
  const db = yield* Db
  const inbox = yield* Inbox
  const orders = yield* OrderStatusReplay
  const products = yield* ProductReplay
  const [[entry]] = yield* db.readThrough("across_shops", [inbox.findById(id)])
  if (entry?.source !== "bitrix.product") {
    const replayed = yield* orders.replay(id, { isDryRun })
    return replayed === undefined
      ? `No event ${id}, or somebody is settling it now`
      : difference(replayed, isDryRun)
  }
  return yield* products.replay(entry, { isDryRun }).pipe(
    Effect.map((decision) =>
      decision === undefined
        ? `${id}  cannot be read, or somebody is settling it now`
        : productDifference(entry, decision, isDryRun),
    ),
    Effect.catchTag("ProductOfAnotherShop", ({ detail }) => Effect.succeed(`${id}  refused: ${detail}`)),
  )
})

const line = (entry: InboxEntry): string =>
  [
    entry.id,
    entry.received_at.toISOString(),
    `shop ${entry.shop_id}`,
    entry.source,
    entry.subject,
    entry.state,
    entry.reason ?? "",
  ].join("  ")

const difference = ({ entry, decision: { change, reason } }: Replayed, isDryRun: boolean): string =>
  change === null
    ? `${entry.id}  order ${entry.subject} in Bitrix: no difference (${reason})`
    : `${entry.id}  order ${change.orderId} (${entry.subject} in Bitrix):\n` +
      `  - status ${change.from}\n  + status ${change.to}\n  + history step ${change.version}` +
      `${change.isOverride ? ", outside the usual path" : ""}${isDryRun ? "\n  (dry run: nothing was changed)" : ""}`

const productDifference = (
  { id, subject }: InboxEntry,
  { write, reason }: Decision,
  isDryRun: boolean,
): string =>
  write.kind === "none"
    ? `${id}  product ${subject}: no difference (${reason})`
    : `${id}  product ${subject}: ${write.kind === "insert" ? "created" : "changed"}\n` +
      `  + ${JSON.stringify(write.product)}${isDryRun ? "\n  (dry run: nothing was changed)" : ""}`

const inbox = Command.make("inbox").pipe(
  Command.withDescription("Events that arrived from outside"),
  Command.withSubcommands([list, show, replay]),
)

const services = Layer.mergeAll(OrderStatusReplay.layer, ProductReplay.layer).pipe(
  Layer.provide([Orders.layer, BitrixConnections.layer]),
  Layer.provideMerge(Inbox.layer),
  Layer.provide([Outbox.layer, Sealed.layer, BitrixSettings.layer, Actors.layer]),
)

run(Command.run(inbox, { version: VERSION }).pipe(Effect.provide(services)))
