/** Looks into the outbox, lets facts go again and parks them, for operators. Works across shops. */

import * as Array from "effect/Array"
import * as Console from "effect/Console"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Db } from "../platform/Db.ts"
import { Outbox } from "../platform/Outbox.ts"
import type { OutboxEntry } from "../platform/OutboxFact.ts"
import { OutboxTarget } from "../platform/OutboxFact.ts"
import type { Query } from "../platform/Query.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import { ShopId } from "../shared/ShopId.ts"
import { filledTextUpTo } from "../shared/Text.ts"
import { VERSION } from "../system/SystemApi.ts"
import { run } from "./run.ts"

const LIMIT_MAX = 1_000
const RETRIES_MAX = 10_000
/** Of one transaction. */
const BATCH = 250
const REASON_CHARS_MAX = 500
const CELL_CHARS_MAX = 80

class OutboxRefused extends Schema.TaggedError<OutboxRefused>()("OutboxRefused", {
  message: Schema.String,
}) {}

const FactId = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }))

const id = Argument.Int("id").pipe(
  Argument.withDescription("Id of the fact, as list prints it"),
  Argument.withSchema(FactId),
)

const shop = Flag.Int("shop").pipe(
  Flag.withDescription("Of one shop only"),
  Flag.withSchema(ShopId),
  Flag.optional,
)

const list = Command.make(
  "list",
  {
    state: Flag.Literals("state", ["pending", "parked", "delivered"]).pipe(
      Flag.withDescription("Which facts; all unless told"),
      Flag.optional,
    ),
    shop,
    target: Flag.Literals("target", OutboxTarget.literals).pipe(
      Flag.withDescription("Whom they are for"),
      Flag.optional,
    ),
    limit: Flag.Int("limit").pipe(Flag.withDescription(`At most ${LIMIT_MAX}`), Flag.withDefault(50)),
  },
  Effect.fn(function* ({ state, shop, target, limit }) {
    const entries = yield* find({
      state: Option.getOrNull(state),
      shopId: Option.getOrNull(shop),
      target: Option.getOrNull(target),
      limit: Math.min(Math.max(limit, 1), LIMIT_MAX),
    })
    if (entries.length > 0) yield* Console.log(table([HEADINGS, ...entries.map(cells)]))
    yield* Console.log(`${entries.length} fact(s)`)
  }),
).pipe(Command.withDescription("List facts, newest first"))

const retry = Command.make(
  "retry",
  {
    id: Argument.optional(id),
    all: Flag.Boolean("all").pipe(Flag.withDescription("Every parked one"), Flag.withDefault(false)),
    shop,
  },
  Effect.fn(function* ({ id, all, shop }) {
    if (Option.isSome(id) === all) {
      return yield* new OutboxRefused({ message: "say which fact by its id, or --all" })
    }
    const { redrive } = yield* Outbox
    if (Option.isSome(id)) {
      yield* change(id.value, "parked", (shopId) => redrive(shopId, id.value))
      return yield* Console.log(`${id.value} goes again`)
    }
    const parked = yield* find({
      state: "parked",
      shopId: Option.getOrNull(shop),
      target: null,
      limit: RETRIES_MAX,
    })
    for (const [shopId, facts] of Map.groupBy(parked, ({ shop_id }) => shop_id)) {
      const gone = yield* Effect.forEach(Array.chunksOf(facts, BATCH), (some) =>
        inShop(
          shopId,
          some.map((fact) => redrive(shopId, fact.id)),
        ),
      )
      yield* Console.log(`shop ${shopId}: ${gone.flat(2).length} fact(s) go again`)
    }
    yield* Console.log(
      parked.length < RETRIES_MAX ? "No more are parked" : "There may be more: say it once more",
    )
  }),
).pipe(
  Command.withDescription("Let what was given up go again, at once"),
  Command.withExamples([{ command: "outbox retry --all --shop 8", description: "Everything of shop 8" }]),
)

const park = Command.make(
  "park",
  {
    id,
    reason: Flag.String("reason").pipe(
      Flag.withDescription("Stands beside it as its error"),
      Flag.withSchema(filledTextUpTo(REASON_CHARS_MAX)),
    ),
  },
  Effect.fn(function* ({ id, reason }) {
    const outbox = yield* Outbox
    yield* change(id, "pending", (shopId) => outbox.park(shopId, id, reason))
    yield* Console.log(`${id} is parked`)
  }),
).pipe(
  Command.withDescription(
    "Keep a fact from leaving, until a retry or a newer change; one that is on its way arrives",
  ),
)

const find = Effect.fnUntraced(function* (filter: Parameters<Outbox["Service"]["list"]>[0]) {
  const db = yield* Db
  const outbox = yield* Outbox
  const [entries] = yield* db.readThrough("across_shops", [outbox.list(filter)])
  return entries
})

type Change = Query<ReadonlyArray<OutboxEntry>>

/** As the shop that they belong to. */
const inShop = Effect.fnUntraced(function* (shopId: ShopId, changes: ReadonlyArray<Change>) {
  const db = yield* Db
  return yield* db
    .transact({ read: changes, write: (changed) => ({ queries: [], answer: changed }) })
    .pipe(Effect.provideService(TenantContext, { shopId }))
})

const change = Effect.fnUntraced(function* (
  id: number,
  from: OutboxEntry["state"],
  changeOf: (shopId: ShopId) => Change,
) {
  const db = yield* Db
  const outbox = yield* Outbox
  const [[fact]] = yield* db.readThrough("across_shops", [outbox.findById(id)])
  if (fact === undefined) return yield* new OutboxRefused({ message: `there is no fact ${id}` })
  const [changed = []] = yield* inShop(fact.shop_id, [changeOf(fact.shop_id)])
  if (changed.length === 0) {
    return yield* new OutboxRefused({ message: `fact ${id} is ${fact.state}, not ${from}` })
  }
})

const HEADINGS = ["ID", "SHOP", "TARGET", "ABOUT", "STATE", "SINCE", "ATTEMPTS", "LAST ERROR"]

const cells = (entry: OutboxEntry): ReadonlyArray<string> => [
  String(entry.id),
  String(entry.shop_id),
  entry.target,
  `${entry.aggregate_type} ${entry.aggregate_id}`,
  entry.state,
  (entry.settled_at ?? entry.pending_since).toISOString(),
  String(entry.attempts),
  entry.last_error ?? "",
]

const table = (lines: ReadonlyArray<ReadonlyArray<string>>): string => {
  const shown = lines.map((line) => line.map((cell) => cell.replace(/\s+/g, " ").slice(0, CELL_CHARS_MAX)))
  const widths = HEADINGS.map((_, column) => Math.max(...shown.map((line) => line[column]?.length ?? 0)))
  return shown
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n")
}

const outbox = Command.make("outbox").pipe(
  Command.withDescription("Facts for systems outside"),
  Command.withSubcommands([list, retry, park]),
)

run(Command.run(outbox, { version: VERSION }).pipe(Effect.provide(Outbox.layer)))
