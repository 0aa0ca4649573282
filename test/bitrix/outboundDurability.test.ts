/**
 * Edits over HTTP, a service that is killed again and again, and a Bitrix that takes some pushes and never says so.
 *
 *   OUTBOUND_KILLS=50 OUTBOUND_SEED=7 npx vitest run test/bitrix/outboundDurability.test.ts
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type postgres from "postgres"
import { BITRIX_TOKEN, makeSimulator, nextProductId, settingsFor } from "../support/BitrixWorld.ts"
import * as Edits from "../support/Edits.ts"
import { eventually } from "../support/eventually.ts"
import * as ServiceProcess from "../support/ServiceProcess.ts"
import { TestDatabase } from "../support/TestDatabase.ts"
import { insertShop } from "../support/TestPeople.ts"
import { SECRET } from "../support/TestService.ts"

const KILLS = Number(process.env["OUTBOUND_KILLS"] ?? 5)
const SEED = Number(process.env["OUTBOUND_SEED"] ?? Math.floor(Math.random() * 1_000_000))
const PRODUCTS = 60
const EDITORS = 6
/** Between two kills so many pushes arrive at most, and then it strikes within so many ms. */
const PUSHES_MAX = 40
const STRIKE_MS_MAX = 20
const LIFE_MS_MAX = 2_000
const LATE_MS = 4_000
const CALM_WITHIN = "30 seconds"
const TIMEOUT_MS = 60_000 + KILLS * 6_000

describe("a SIGKILL of the service while it tells Bitrix what changed", () => {
  it.live(
    `leaves both sides the same, nothing untold and no value that was never ours (${KILLS} times)`,
    () =>
      Effect.gen(function* () {
        process.stdout.write(`outbound kills: ${KILLS}, OUTBOUND_SEED=${SEED}\n`)
        const random = Edits.random(SEED)
        const { url, witness } = yield* TestDatabase
        const director = yield* insertShop(witness)
        const simulator = yield* makeSimulator({ latencyMs: 3 })
        simulator.script(
          { method: "PUT" },
          Array.from({ length: KILLS * 1_000 }, () => outcomeOf(random())),
        )
        simulator.webhooks.reorder = true
        const startNext = Effect.tap(
          ServiceProcess.start({
            ...settingsFor(simulator, director.shopId),
            BITRIX_TOKEN,
            DATABASE_URL: url,
          }),
          (service) =>
            Effect.sync(() => {
              simulator.webhooks.target = { url: `${service.url}/api/v1/webhooks`, secret: SECRET }
            }),
        )
        const ids = Array.from({ length: PRODUCTS }, nextProductId)
        yield* Effect.promise(() => Edits.insertGoods(witness, director.shopId, ids))
        simulator.seed(ids.map((id) => Edits.asBitrixHasIt(id)))

        let service = yield* startNext
        const editing = yield* Edits.start({
          ids,
          editors: EDITORS,
          token: director.token,
          url: () => service.url,
          random,
        })
        let heldAtKills = 0
        for (let kill = 0; kill < KILLS; kill += 1) {
          const dying = service
          const isRelieved = random() < 0.5
          const successor = isRelieved ? yield* startNext : undefined
          if (successor !== undefined) service = successor
          yield* untilPushes(simulator, Math.ceil(random() * PUSHES_MAX))
          yield* Effect.sleep(random() * STRIKE_MS_MAX)
          yield* dying.send("SIGKILL")
          assert.strictEqual((yield* dying.exited).signal, "SIGKILL")
          heldAtKills += yield* countHeld(witness, director.shopId)
          if (successor === undefined) service = yield* startNext
        }
        const edits = yield* editing.stop
        simulator.heal()

        yield* eventually(isTold(witness, director.shopId), CALM_WITHIN)
        yield* Effect.promise(() => simulator.webhooks.idle())
        yield* eventually(isTold(witness, director.shopId), CALM_WITHIN)
        const history = yield* Effect.promise(() => Edits.findHistory(witness, director.shopId))
        Edits.expectGrowth(history)
        Edits.expectConfirmed(history, edits)
        Edits.expectOnlyOurs(history, simulator.writes)
        for (const id of ids) {
          assert.deepStrictEqual(
            Edits.told(simulator.products.get(id)),
            history.get(id)?.at(-1),
            `product ${id}`,
          )
        }
        assert.isAbove(heldAtKills, 0, "no kill hit a delivery")
        const { length: pushes } = simulator.writes
        process.stdout.write(
          `${pushes} pushes were taken, ${heldAtKills} facts were held when somebody died\n`,
        )
        assert.deepStrictEqual(yield* countOdd(witness, director.shopId), {
          conflicts: 0,
          parked: 0,
          kept: 0,
        })
      }).pipe(Effect.provide(TestDatabase.layer)),
    TIMEOUT_MS,
  )
})

/**
 * Most pushes are taken; some are taken and never answered, answered by half, or not taken at all. Some are taken late,
 * when whoever sent them may be dead, but within the lease.
 */
const outcomeOf = (share: number) => {
  if (share < 0.08) return { kind: "committed_then_hang" } as const
  if (share < 0.11) return { kind: "hang" } as const
  if (share < 0.14) return { kind: "reset_mid" } as const
  if (share < 0.16) return { kind: "reset" } as const
  if (share < 0.19) return { kind: "slow_headers", ms: LATE_MS } as const
  return { kind: "ok" } as const
}

const untilPushes = (simulator: { readonly writes: ReadonlyArray<unknown> }, count: number) =>
  Effect.gen(function* () {
    const enough = simulator.writes.length + count
    const latestMs = performance.now() + LIFE_MS_MAX
    while (simulator.writes.length < enough && performance.now() < latestMs) yield* Effect.sleep(1)
  })

const countHeld = (witness: postgres.Sql, shopId: number) =>
  Effect.promise(async () => {
    const [row] = await witness<Array<{ count: number }>>`
      SELECT count(*)::integer AS count FROM outbox WHERE shop_id = ${shopId} AND lease IS NOT NULL`
    return row?.count ?? 0
  })

const isTold = (witness: postgres.Sql, shopId: number) =>
  Effect.promise(async () => {
    const rows =
      await witness`SELECT FROM outbox WHERE shop_id = ${shopId} AND target = 'bitrix' AND state = 'pending'`
    return rows.length === 0
  })

const countOdd = (witness: postgres.Sql, shopId: number) =>
  Effect.promise(async () => {
    const [row] = await witness`
      SELECT (SELECT count(*)::integer FROM sync_conflict WHERE shop_id = ${shopId}) AS conflicts,
             (SELECT count(*)::integer FROM outbox WHERE shop_id = ${shopId} AND state = 'parked') AS parked,
             (SELECT count(*)::integer FROM inbox WHERE shop_id = ${shopId} AND state = 'parked') AS kept`
    return { ...row }
  })
