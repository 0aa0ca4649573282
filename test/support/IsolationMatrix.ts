/**
 * Crosses one operation with everybody who may call it, in a world of its own: two shops and a blocked one.
 *
 *   refused      no row changes, nothing of any shop is said, whichever record was named
 *   foreign id   the same answer as an id that no record has, no row changes, nothing of the other shop is said
 *   own          success, no row of the other shop changes, nothing of the other shop is said
 *
 * Every own case is asked twice, the second time with the other shop named in query, body and header besides.
 */
import * as assert from "node:assert"
import type postgres from "postgres"
import { grantable } from "../../src/auth/Permission.ts"
import { assertAlike, assertNoSecret, assertPublic, assertSilent } from "./IsolationAnswer.ts"
import type { Caller, Shops } from "./IsolationCallers.ts"
import { callersOf, refusalOf } from "./IsolationCallers.ts"
import type { Case, Naming, Operation } from "./IsolationCase.ts"
import * as IsolationCase from "./IsolationCase.ts"
import { otherOf, requestOf, tell } from "./IsolationCase.ts"
import { idOf, insertConnection, insertMarkedShop, insertUser, OWNER, run } from "./MarkedShop.ts"
import type { RawHttp, Received } from "./RawHttp.ts"
import type { ShopRows } from "./ShopRows.ts"

export interface Means {
  readonly http: RawHttp
  readonly witness: postgres.Sql
  readonly rows: ShopRows
}

const CONCURRENCY = 8

/** Settings that describe a shop's Bitrix count only while no row does. */
export const makeShops = async (
  witness: postgres.Sql,
  first: number,
  isConnectedBySettings = false,
): Promise<Shops> => {
  const shops = { first, second: first + 1, blocked: first + 2, operatorId: idOf(first + 3, OWNER) }
  await run(
    witness,
    [shops.first, shops.second, shops.blocked].map((shop) => insertMarkedShop(shop, grantable)).join("") +
      `UPDATE shop SET is_active = false WHERE id = ${shops.blocked};` +
      insertUser(first + 3, OWNER, "SUPERADMIN", { shop_id: null }) +
      [...(isConnectedBySettings ? [] : [first]), shops.second, shops.blocked].map(insertConnection).join(""),
  )
  return shops
}

/** Resolves to the number of cases. */
export const cross = async (means: Means, shops: Shops, operation: Operation): Promise<number> => {
  const { decision, place } = operation
  const isOutside = decision.kind === "outside"
  const callers = await callersOf(shops)
  // What comes from outside shows a secret of its own; without it every caller is refused.
  const refusal = (caller: Caller) =>
    isOutside ? 401 : refusalOf(decision, place.isForMachines === true, caller)
  const homeOf = ({ shop }: Caller) => (shop === shops.second && !isOutside ? shops.second : shops.first)
  const crossing: Crossing = {
    operation,
    shops,
    refused: callers.filter((caller) => refusal(caller) !== null),
    allowed: callers.filter((caller) => isOutside || refusal(caller) === null),
    refusal,
    homeOf,
    ask: asker(means, shops, operation, homeOf),
  }
  return (await crossRefused(crossing)) + (await crossUnknown(crossing)) + (await crossOwn(crossing))
}

interface Crossing {
  readonly operation: Operation
  readonly shops: Shops
  readonly refused: ReadonlyArray<Caller>
  readonly allowed: ReadonlyArray<Caller>
  readonly refusal: (caller: Caller) => number | null
  readonly homeOf: (caller: Caller) => number
  /** Asks once for each caller and naming; the rows of the given shops must be as they were. */
  readonly ask: (
    callers: ReadonlyArray<Caller>,
    namings: ReadonlyArray<Naming>,
    unchanged: ReadonlyArray<number>,
    change?: (one: Case) => Case,
  ) => Promise<ReadonlyArray<readonly [Case, Received]>>
}

const crossRefused = async ({ operation, shops, refused, refusal, ask }: Crossing): Promise<number> => {
  const { decision, place } = operation
  const isOutside = decision.kind === "outside"
  const everyShop = [shops.first, shops.second, shops.blocked]
  const answers = await ask(
    refused,
    place.record === undefined ? ["own"] : ["own", "foreign", "missing"],
    everyShop,
    isOutside ? withoutHeaders : undefined,
  )
  for (const [one, answer] of answers) {
    const expected = refusal(one.caller)
    assert.strictEqual(answer.status, expected, tell(operation, one, answer))
    const challenge = expected === 401 && !isOutside ? "Bearer" : undefined
    assert.strictEqual(answer.headers["www-authenticate"], challenge, tell(operation, one, answer))
    for (const shop of everyShop) assertSilent(operation, one, answer, shop)
  }
  assertAlike(operation, answers)
  return answers.length
}

const crossUnknown = async ({ operation, shops, allowed, homeOf, ask }: Crossing): Promise<number> => {
  const { decision, place } = operation
  if (place.record === undefined) return 0
  // Everybody and the operators of the platform may name records of any shop.
  const isOfOneShop = decision.kind !== "everyone" && decision.kind !== "superadmin"
  const answers = await ask(
    allowed,
    isOfOneShop ? ["foreign", "missing"] : ["missing"],
    place.keepsUnknown === true ? [shops.second] : [shops.first, shops.second],
  )
  for (const [one, answer] of answers) {
    assert.strictEqual(answer.status, place.unknown ?? 404, tell(operation, one, answer))
    if (isOfOneShop) assertSilent(operation, one, answer, otherOf(shops, homeOf(one.caller)))
  }
  assertAlike(operation, answers)
  return answers.length
}

const crossOwn = async ({ operation, shops, allowed, homeOf, ask }: Crossing): Promise<number> => {
  const { decision, place } = operation
  const isPublic = decision.kind === "outside" || decision.kind === "everyone"
  const smuggled: Naming = "own, with the other shop besides"
  const namings: ReadonlyArray<Naming> = isPublic
    ? ["own"]
    : place.endsSession === true
      ? [smuggled]
      : ["own", smuggled]
  let cases = 0
  for (const shop of [shops.first, shops.second]) {
    const other = otherOf(shops, shop)
    const theirs = allowed.filter((caller) => homeOf(caller) === shop)
    const answers = await ask(theirs, namings, [other])
    for (const [one, answer] of answers) {
      assert.strictEqual(answer.status, place.success, tell(operation, one, answer))
      if (isPublic) assertPublic(operation, one, answer, shops, other)
      else if (decision.kind !== "superadmin") assertSilent(operation, one, answer, other)
    }
    cases += answers.length
  }
  return cases
}

const asker = (
  { http, witness, rows }: Means,
  shops: Shops,
  operation: Operation,
  homeOf: (caller: Caller) => number,
): Crossing["ask"] => {
  let turn = 100
  const prepare = async (callers: ReadonlyArray<Caller>, namings: ReadonlyArray<Naming>) => {
    const made = callers.flatMap((caller) =>
      namings.map((naming) => {
        turn += 1
        return IsolationCase.make(operation, shops, { caller, naming, own: homeOf(caller), turn })
      }),
    )
    const statements = made.map(([, statement]) => statement).join("")
    if (statements !== "") await run(witness, statements)
    return made.map(([one]) => one)
  }
  const exchange = async (one: Case): Promise<readonly [Case, Received]> => {
    if (operation.place.isLimited === true) await witness`DELETE FROM failed_attempt`
    return [one, await http.exchange(requestOf(operation, one))]
  }
  return async (callers, namings, unchanged, change = (one) => one) => {
    const cases = (await prepare(callers, namings)).map(change)
    const before = await rows.read(...unchanged)
    const answers = await eachOf(cases, operation.place.isLimited === true ? 1 : CONCURRENCY, exchange)
    const after = await rows.read(...unchanged)
    const difference = [
      ...[...before].filter((row) => !after.has(row)),
      ...[...after].filter((row) => !before.has(row)),
    ]
    assert.deepStrictEqual(difference, [], `${operation.method} ${operation.path} changed rows`)
    for (const [one, answer] of answers) assertNoSecret(operation, one, answer)
    return answers
  }
}

/** The results in the order of the items, a few of which are under way at once. */
const eachOf = async <A, B>(
  items: ReadonlyArray<A>,
  atOnce: number,
  work: (item: A) => Promise<B>,
): Promise<ReadonlyArray<B>> => {
  const results: Array<B> = []
  const queue = [...items.entries()]
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, item] = next
      results[index] = await work(item)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return results
}

const withoutHeaders = (one: Case): Case => ({ ...one, call: { ...one.call, headers: {} } })
