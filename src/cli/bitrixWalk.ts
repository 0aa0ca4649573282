/** `bitrix import` and `bitrix reconcile`: a whole pass through the list of a shop's Bitrix, now. */
import { randomUUID } from "node:crypto"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { BitrixApi } from "../bitrix/BitrixConnection.ts"
import { BitrixConnections } from "../bitrix/BitrixConnections.ts"
import { BitrixDryRun, INTENTS_MAX } from "../bitrix/BitrixDryRun.ts"
import { PATIENCE } from "../bitrix/BitrixListing.ts"
import { BitrixPass } from "../bitrix/BitrixPass.ts"
import type { Step, Walk } from "../bitrix/BitrixWalk.ts"
import { ConflictsRepo } from "../bitrix/ConflictsRepo.ts"
import { empty, plus } from "../bitrix/PassTally.ts"
import { Db } from "../platform/Db.ts"
import { ShopId } from "../shared/ShopId.ts"
import { bar, intention, table } from "./passReport.ts"

const TURN_WAIT_MS = 1_000
/** Longer than a node that died can hold the walk. */
const TURN_WAITS_MAX = 600

class WalkRefused extends Schema.TaggedError<WalkRefused>()("WalkRefused", { message: Schema.String }) {}

const flags = {
  shop: Flag.Int("shop").pipe(
    Flag.withDescription("Of one shop only; all that have a Bitrix unless told"),
    Flag.withSchema(ShopId),
    Flag.optional,
  ),
  dryRun: Flag.Boolean("dry-run").pipe(
    Flag.withDescription("Say what would be done, product by product, and change nothing"),
    Flag.withDefault(false),
  ),
}

export const importListed = Command.make(
  "import",
  flags,
  Effect.fn(function* ({ shop, dryRun }) {
    yield* walkAll(Option.getOrUndefined(shop), { scope: "listed", trustsShortList: false, isDryRun: dryRun })
  }),
).pipe(
  Command.withDescription("Take in everything that Bitrix lists; switch nothing off and tell Bitrix nothing"),
)

export const reconcile = Command.make(
  "reconcile",
  {
    ...flags,
    trustShortList: Flag.Boolean("trust-short-list").pipe(
      Flag.withDescription(
        "Believe a list that is much shorter than the last one: what it lacks goes off sale",
      ),
      Flag.withDefault(false),
    ),
  },
  Effect.fn(function* ({ shop, dryRun, trustShortList }) {
    const manner = { scope: "all", trustsShortList: trustShortList, isDryRun: dryRun } as const
    yield* walkAll(Option.getOrUndefined(shop), manner)
  }),
).pipe(
  Command.withDescription("Repair every difference, as the service does by itself all the time"),
  Command.withExamples([
    { command: "bitrix reconcile --dry-run", description: "How do we differ from Bitrix now?" },
  ]),
)

interface Manner extends Pick<Walk, "scope" | "trustsShortList"> {
  readonly isDryRun: boolean
}

const walkAll = Effect.fnUntraced(function* (shopId: ShopId | undefined, manner: Manner) {
  const connections = yield* BitrixConnections
  const walked = connections.all().filter((one) => shopId === undefined || one.shopId === shopId)
  const reachable = walked.flatMap(({ shopId, api }) => (api === null ? [] : [{ shopId, api }]))
  if (reachable.length === 0) {
    const whose = shopId === undefined ? "No shop has" : `Shop ${shopId} has no`
    return yield* new WalkRefused({ message: `${whose} Bitrix with an address; see: bitrix connect` })
  }
  for (const { shopId, api } of reachable) yield* walkOne(shopId, api, manner)
})

const walkOne = Effect.fnUntraced(function* (shopId: ShopId, api: BitrixApi, manner: Manner) {
  const db = yield* Db
  const conflicts = yield* ConflictsRepo
  const startMs = yield* Clock.currentTimeMillis
  const { tally, isShort, isIncomplete } = yield* manner.isDryRun
    ? forecast(shopId, api, manner)
    : pass(shopId, api, manner)
  const [totals] = yield* db.readThrough("across_shops", [conflicts.openTotals()])
  const conflictsOpen = totals.find(({ shop_id }) => shop_id === shopId)?.open ?? 0
  const durationMs = (yield* Clock.currentTimeMillis) - startMs
  yield* Console.log(`\n${table(tally, { conflictsOpen, durationMs })}`)
  if (isIncomplete) yield* Console.log("Bitrix's list could not be read whole: nothing was taken off sale")
  else if (isShort)
    yield* Console.log(
      "Bitrix lists none, or less than half of last time: nothing was taken off sale. If that is right, say it with --trust-short-list",
    )
})

const forecast = Effect.fnUntraced(function* (shopId: ShopId, api: BitrixApi, manner: Manner) {
  const dryRun = yield* BitrixDryRun
  const told = yield* dryRun.run({ shopId, api, ...manner }, (step) => progress(shopId, step))
  yield* Console.log("")
  yield* Effect.forEach(told.intents, (intent) => Console.log(intention(intent)), { discard: true })
  if (told.intents.length === INTENTS_MAX)
    yield* Console.log(`These are the first ${INTENTS_MAX}; there may be more`)
  yield* Console.log("Dry run: nothing was changed")
  return told
})

const pass = (shopId: ShopId, api: BitrixApi, manner: Manner) =>
  Effect.gen(function* () {
    const { begin, step, release } = yield* BitrixPass
    const walk = { shopId, api, lease: randomUUID(), ...manner }
    let waits = 0
    while (!(yield* begin(walk))) {
      if (waits === 0)
        yield* Console.log(`shop ${shopId}: a node is in the middle of a pass; waiting for its end`)
      waits += 1
      if (waits > TURN_WAITS_MAX)
        return yield* new WalkRefused({ message: `somebody else goes on walking shop ${shopId}` })
      yield* Effect.sleep(TURN_WAIT_MS)
    }
    const walked = Effect.gen(function* () {
      let tally = empty
      while (true) {
        const now = yield* Effect.retry(step(walk, 0), { ...PATIENCE, while: isOfBitrix })
        if (now === undefined)
          return yield* new WalkRefused({ message: `somebody else walks shop ${shopId} by now` })
        tally = plus(tally, now.tally)
        yield* progress(shopId, { ...now, tally })
        if (now.isFinished) return { ...now, tally }
      }
    })
    return yield* Effect.ensuring(walked, Effect.ignore(release(walk)))
  })

const isOfBitrix = ({ _tag }: { readonly _tag: string }): boolean => _tag === "BitrixUnavailable"

/** One line that is written over where somebody looks, and a line each where it goes to a file. */
const progress = (shopId: ShopId, step: Step) =>
  Effect.sync(() => {
    const line = bar(shopId, step)
    process.stdout.write(process.stdout.isTTY ? `\r${line}` : `${line}\n`)
  })
