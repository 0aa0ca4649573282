/** Lists and verifies the audit, for operators. It changes nothing. */
import * as Console from "effect/Console"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Verified } from "../audit/Audit.ts"
import { Audit } from "../audit/Audit.ts"
import type { Head } from "../audit/AuditChain.ts"
import { isBreak } from "../audit/AuditChain.ts"
import type { AuditEntry } from "../audit/AuditEntry.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import { ShopId } from "../shared/ShopId.ts"
import { VERSION } from "../system/SystemApi.ts"
import { run } from "./run.ts"

const LIMIT_MAX = 1_000

class AuditBroken extends Schema.TaggedError<AuditBroken>()("AuditBroken", { message: Schema.String }) {}

const verify = Command.make(
  "verify",
  {
    shop: Flag.Int("shop").pipe(Flag.withDescription("One chain; 0 is the platform's"), Flag.optional),
    expect: Flag.String("expect").pipe(
      Flag.withDescription("Heads noted down earlier, as shop:entries:hash, separated by commas"),
      Flag.withDefault(""),
    ),
  },
  Effect.fn(function* ({ shop, expect }) {
    const audit = yield* Audit
    const chains = yield* audit.verify(Option.getOrNull(shop), headsIn(expect))
    yield* Effect.forEach(chains, (chain) => Console.log(line(chain)), { discard: true })
    const broken = chains.filter(({ outcome }) => isBreak(outcome)).length
    if (broken > 0) {
      return yield* new AuditBroken({ message: `${broken} chain(s) of the audit do not hold` })
    }
    yield* Console.log(`${chains.length} chain(s) hold`)
  }),
).pipe(
  Command.withDescription(
    "Recompute every hash. Note the heads down elsewhere: a tail that was cut off shows only by comparing",
  ),
)

const list = Command.make(
  "list",
  {
    shop: Flag.Int("shop").pipe(Flag.withDescription("Id of the shop"), Flag.withSchema(ShopId)),
    limit: Flag.Int("limit").pipe(Flag.withDescription(`At most ${LIMIT_MAX}`), Flag.withDefault(50)),
  },
  Effect.fn(function* ({ shop, limit }) {
    const audit = yield* Audit
    const entries = yield* audit
      .find({ ...everything, limit: Math.min(Math.max(limit, 1), LIMIT_MAX) })
      .pipe(Effect.provideService(TenantContext, { shopId: shop }))
    yield* Effect.forEach(entries, (entry) => Console.log(summary(entry)), { discard: true })
  }),
).pipe(Command.withDescription("What was done in a shop, newest first"))

const everything = { before: null, recordType: null, recordId: null, actorKind: null, actorId: null }

const summary = (entry: AuditEntry): string =>
  [
    entry.seq,
    entry.at.toISOString(),
    `${entry.actor_kind} ${entry.actor_id ?? ""}`.trim(),
    entry.action ?? "",
    `${entry.operation} ${entry.record_type} ${entry.record_id}`,
    Object.keys(entry.after ?? entry.before ?? {}).join(" "),
  ].join("  ")

const line = ({ shopId, outcome }: Verified): string =>
  isBreak(outcome)
    ? `shop ${shopId}  BROKEN at ${outcome.seq}: ${outcome.reason}`
    : `shop ${shopId}  ${outcome.seq} entries  head ${shopId}:${outcome.seq}:${outcome.hash ?? ""}`

const headsIn = (text: string): ReadonlyMap<number, Head> =>
  new Map(
    [...text.matchAll(/(\d+):(\d+):([0-9a-f]{64})/g)].map(([, shop, seq, hash = ""]) => [
      Number(shop),
      { seq: Number(seq), hash },
    ]),
  )

const audit = Command.make("audit").pipe(
  Command.withDescription("The audit of all shops"),
  Command.withSubcommands([verify, list]),
)

run(Command.run(audit, { version: VERSION }).pipe(Effect.provide(Audit.layer)))
