/** Verifies the chains of the audit, for operators. Works across shops and changes nothing. */
import * as Console from "effect/Console"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Verified } from "../audit/Audit.ts"
import { Audit } from "../audit/Audit.ts"
import { isBreak } from "../audit/AuditChain.ts"
import { VERSION } from "../system/SystemApi.ts"
import { run } from "./run.ts"

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
    const chains = yield* audit.verify(Option.getOrNull(shop))
    yield* Effect.forEach(chains, (chain) => Console.log(line(chain)), { discard: true })
    const broken = chains.filter(({ outcome }) => isBreak(outcome)).length
    const cut = expect === "" ? [] : expect.split(",").filter((head) => !isReached(head, chains))
    yield* Effect.forEach(cut, (head) => Console.log(`not reached: ${head}`), { discard: true })
    if (broken + cut.length > 0) {
      return yield* new AuditBroken({ message: `${broken + cut.length} chain(s) of the audit do not hold` })
    }
    yield* Console.log(`${chains.length} chain(s) hold`)
  }),
).pipe(
  Command.withDescription(
    "Recompute every hash. Note the heads down elsewhere: a tail that was cut off shows only by comparing",
  ),
)

const line = ({ shopId, outcome }: Verified): string =>
  isBreak(outcome)
    ? `shop ${shopId}  BROKEN at ${outcome.seq}: ${outcome.reason}`
    : `shop ${shopId}  ${outcome.seq} entries  head ${shopId}:${outcome.seq}:${outcome.hash ?? ""}`

// A chain that has grown since holds the noted entry further back; only its length can be compared then.
const isReached = (head: string, chains: ReadonlyArray<Verified>): boolean => {
  const [shop, entries, hash] = head.split(":")
  const chain = chains.find(({ shopId }) => String(shopId) === shop)
  if (chain === undefined || isBreak(chain.outcome)) return false
  return (
    chain.outcome.seq > Number(entries) ||
    (chain.outcome.seq === Number(entries) && chain.outcome.hash === hash)
  )
}

const audit = Command.make("audit").pipe(
  Command.withDescription("The audit of all shops"),
  Command.withSubcommands([verify]),
)

run(Command.run(audit, { version: VERSION }).pipe(Effect.provide(Audit.layer)))
