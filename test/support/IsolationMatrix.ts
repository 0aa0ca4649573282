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
import type { Decision } from "../../src/auth/Access.ts"
import { grantable } from "../../src/auth/Permission.ts"
import type { Call, Place } from "../isolation/places.ts"
import type { Fingerprint } from "./Fingerprint.ts"
import type { Caller, Shops } from "./IsolationCallers.ts"
import { callersOf, refusalOf } from "./IsolationCallers.ts"
import { idOf, insertMarkedShop, insertUser, marksOf, OWNER, run, SECRETS } from "./MarkedShop.ts"
import type { RawHttp, Received } from "./RawHttp.ts"

export interface Operation {
  readonly method: string
  readonly path: string
  readonly decision: Decision
  readonly place: Place
}

export interface Means {
  readonly http: RawHttp
  readonly witness: postgres.Sql
  readonly fingerprint: Fingerprint
}

/** No shop has this number. */
const NOWHERE = 79_999
const CONCURRENCY = 8

export const makeShops = async (witness: postgres.Sql, first: number): Promise<Shops> => {
  const shops = { first, second: first + 1, blocked: first + 2, operatorId: idOf(first + 3, OWNER) }
  await run(
    witness,
    [shops.first, shops.second, shops.blocked].map((shop) => insertMarkedShop(shop, grantable)).join("") +
      `UPDATE shop SET is_active = false WHERE id = ${shops.blocked};` +
      insertUser(first + 3, OWNER, "SUPERADMIN", { shop_id: null }),
  )
  return shops
}

type Naming = "own" | "own, with the other shop besides" | "foreign" | "missing"

interface Case {
  readonly caller: Caller
  readonly naming: Naming
  /** Whose record is named. */
  readonly shop: number
  readonly id: string
  readonly call: Call
}

/** Resolves to the number of cases. */
export const cross = async (means: Means, shops: Shops, operation: Operation): Promise<number> => {
  const { decision, place } = operation
  const isOutside = decision.kind === "outside"
  const isPublic = isOutside || decision.kind === "everyone"
  const callers = await callersOf(shops)
  // What comes from outside shows a secret of its own; without it every caller is refused.
  const refusal = (caller: Caller) =>
    isOutside ? 401 : refusalOf(decision, place.isForMachines === true, caller)
  const refused = callers.filter((caller) => refusal(caller) !== null)
  const allowed = callers.filter((caller) => isOutside || refusal(caller) === null)
  const homeOf = ({ shop }: Caller) => (shop === shops.second && !isOutside ? shops.second : shops.first)
  let turn = 100

  const prepare = async (wanted: ReadonlyArray<[Caller, Naming]>): Promise<ReadonlyArray<Case>> => {
    const statements: Array<string> = []
    const cases = wanted.map(([caller, naming]): Case => {
      turn += 1
      const own = homeOf(caller)
      const shop = naming === "foreign" ? otherOf(shops, own) : own
      const of = place.record?.of
      if (typeof of === "function" && naming !== "missing") statements.push(of(shop, turn))
      const holder = naming === "missing" ? NOWHERE : of === "blocked shop" ? shops.blocked : shop
      const id = String(
        of === "shop" || of === "blocked shop" ? holder : idOf(holder, typeof of === "number" ? of : turn),
      )
      const call = place.call({ id, caller, shop, shops, turn })
      return {
        caller,
        naming,
        shop,
        id,
        call: naming === "own, with the other shop besides" ? smuggling(call, otherOf(shops, own)) : call,
      }
    })
    if (statements.length > 0) await run(means.witness, statements.join(""))
    return cases
  }

  const ask = async ({ call, id }: Case): Promise<Received> => {
    if (place.isLimited === true) await means.witness`DELETE FROM failed_attempt`
    return means.http.exchange(requestOf(operation, id, call))
  }

  const askAll = async (cases: ReadonlyArray<Case>): Promise<ReadonlyArray<[Case, Received]>> => {
    const answers: Array<[Case, Received]> = []
    const queue = [...cases.entries()]
    const work = async () => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const [index, one] = next
        answers[index] = [one, await ask(withToken(one))]
      }
    }
    const workers = place.isLimited === true ? 1 : CONCURRENCY
    await Promise.all(Array.from({ length: workers }, work))
    return answers
  }

  /** Runs the cases; the rows of these shops must be as they were. */
  const askUnchanged = async (cases: ReadonlyArray<Case>, ...unchanged: ReadonlyArray<number>) => {
    const before = await means.fingerprint.of(...unchanged)
    const linesBefore = await Promise.all(unchanged.map(means.fingerprint.lines))
    const answers = await askAll(cases)
    const after = await means.fingerprint.of(...unchanged)
    for (const [index, shop] of unchanged.entries()) {
      if (before.get(shop) === after.get(shop)) continue
      const known = new Set(linesBefore[index])
      const changed = (await means.fingerprint.lines(shop)).filter((line) => !known.has(line))
      assert.fail(`${nameOf(operation)}: rows of shop ${shop} changed: ${changed.slice(0, 3).join("\n")}`)
    }
    for (const [one, answer] of answers) {
      assert.ok(!SECRETS.test(everythingIn(answer)), `${tell(operation, one, answer)}: a secret is told`)
    }
    return answers
  }

  const namesOneRecord =
    place.record !== undefined && decision.kind !== "everyone" && decision.kind !== "superadmin"
  const namings: ReadonlyArray<Naming> = place.record === undefined ? ["own"] : ["own", "foreign", "missing"]

  const refusedCases = await prepare(
    refused.flatMap((caller) => namings.map((naming): [Caller, Naming] => [caller, naming])),
  )
  const refusals = await askUnchanged(
    isOutside ? refusedCases.map(withoutHeaders) : refusedCases,
    shops.first,
    shops.second,
    shops.blocked,
  )
  for (const [one, answer] of refusals) {
    const expected = refusal(one.caller)
    assert.strictEqual(answer.status, expected, tell(operation, one, answer))
    const challenge = expected === 401 && !isOutside ? "Bearer" : undefined
    assert.strictEqual(answer.headers["www-authenticate"], challenge, tell(operation, one, answer))
    for (const shop of Object.values(shops)) assertSilent(operation, one, answer, shop)
  }
  assertAlike(operation, refusals)

  const unknowns = await askUnchanged(
    await prepare(
      allowed.flatMap((caller) => [
        ...(namesOneRecord ? ([[caller, "foreign"]] as Array<[Caller, Naming]>) : []),
        ...(place.record === undefined ? [] : ([[caller, "missing"]] as Array<[Caller, Naming]>)),
      ]),
    ),
    ...(place.keepsUnknown === true ? [shops.second] : [shops.first, shops.second]),
  )
  for (const [one, answer] of unknowns) {
    assert.strictEqual(answer.status, place.unknown ?? 404, tell(operation, one, answer))
    for (const shop of [shops.first, shops.second]) {
      if (namesOneRecord && shop !== homeOf(one.caller)) assertSilent(operation, one, answer, shop)
    }
  }
  assertAlike(operation, unknowns)

  const ownNamings: ReadonlyArray<Naming> = isPublic
    ? ["own"]
    : place.endsSession === true
      ? ["own, with the other shop besides"]
      : ["own", "own, with the other shop besides"]
  let own = 0
  for (const shop of [shops.first, shops.second]) {
    const theirs = allowed.filter((caller) => homeOf(caller) === shop)
    const other = otherOf(shops, shop)
    const answers = await askUnchanged(
      await prepare(
        theirs.flatMap((caller) => ownNamings.map((naming): [Caller, Naming] => [caller, naming])),
      ),
      other,
    )
    for (const [one, answer] of answers) {
      assert.strictEqual(answer.status, place.success, tell(operation, one, answer))
      if (isPublic) assertPublic(operation, one, answer, shops, other)
      else if (decision.kind !== "superadmin") assertSilent(operation, one, answer, other)
    }
    own += answers.length
  }
  return refusals.length + unknowns.length + own
}

const otherOf = (shops: Shops, shop: number): number => (shop === shops.first ? shops.second : shops.first)

const withToken = (one: Case): Case =>
  one.caller.bearer === null
    ? one
    : {
        ...one,
        call: { ...one.call, headers: { authorization: `Bearer ${one.caller.bearer}`, ...one.call.headers } },
      }

const withoutHeaders = (one: Case): Case => ({ ...one, call: { ...one.call, headers: {} } })

/** The call with the other shop named wherever a careless handler might look for it. */
const smuggling = (call: Call, shop: number): Call => {
  const foreign = {
    shop_id: shop,
    shopId: shop,
    invited_by: idOf(shop, OWNER),
    user_id: idOf(shop, OWNER),
    owner_id: idOf(shop, OWNER),
    created_by: idOf(shop, OWNER),
    id: idOf(shop, OWNER),
  }
  return {
    ...call,
    query: { shop_id: String(shop), user_id: String(idOf(shop, OWNER)), ...call.query },
    ...(call.body === undefined ? {} : { body: { ...foreign, ...(call.body as object) } }),
    headers: { ...call.headers, "x-shop-id": String(shop) },
  }
}

const requestOf = ({ method, path }: Operation, id: string, { query, body, form, headers }: Call) => {
  const search = new URLSearchParams(query).toString()
  const content =
    form === undefined
      ? body === undefined
        ? undefined
        : { text: JSON.stringify(body), type: "application/json" }
      : { text: new URLSearchParams(form).toString(), type: "application/x-www-form-urlencoded" }
  return {
    method,
    path: path.replace(/\{\w+\}/, id) + (search === "" ? "" : `?${search}`),
    headers: { ...headers, ...(content === undefined ? {} : { "content-type": content.type }) },
    ...(content === undefined ? {} : { body: content.text }),
  }
}

/** Headers that tell requests apart and nothing else. */
const OWN_HEADERS = new Set(["x-request-id", "traceparent", "date"])

const toldIn = ({ headers }: Received) => Object.entries(headers).filter(([name]) => !OWN_HEADERS.has(name))

const everythingIn = (answer: Received): string =>
  `${JSON.stringify(toldIn(answer))}\n${withOpenTokens(answer.text)}`

const withOpenTokens = (text: string): string =>
  text.replace(/eyJ[\w-]+\.(eyJ[\w-]+)\.[\w-]*/g, (_token, claims) =>
    Buffer.from(claims, "base64url").toString(),
  )

const assertSilent = (operation: Operation, one: Case, answer: Received, shop: number) => {
  const told = everythingIn(answer)
  const found = marksOf(shop).exec(operation.place.echoes === true ? told.replaceAll(one.id, "") : told)
  assert.strictEqual(found?.[0], undefined, `${tell(operation, one, answer)}: tells of shop ${shop}`)
}

/** The fields of an answer that the place publishes, and no others, hold something of a shop. */
const assertPublic = (operation: Operation, one: Case, answer: Received, shops: Shops, other: number) => {
  const { publishes = [], isDirectory } = operation.place
  for (const shop of [shops.first, shops.second, shops.blocked]) {
    if (isDirectory !== true && shop === other) assertSilent(operation, one, answer, shop)
    assertSilent(operation, one, { ...answer, text: "" }, shop)
    const fields = fieldsWith(marksOf(shop), answer.body ?? answer.text)
    const unexpected = fields.filter((field) => !publishes.includes(field))
    assert.deepStrictEqual(unexpected, [], `${tell(operation, one, answer)}: publishes more of shop ${shop}`)
  }
}

/** Paths such as `items.name` at which something matches. */
const fieldsWith = (marks: RegExp, value: unknown, path = ""): ReadonlyArray<string> => {
  if (typeof value === "object" && value !== null) {
    const found = Object.entries(value).flatMap(([key, inner]) =>
      fieldsWith(marks, inner, Array.isArray(value) ? path : path === "" ? key : `${path}.${key}`),
    )
    return [...new Set(found)]
  }
  return marks.test(withOpenTokens(String(value))) ? [path] : []
}

/** Answers to the same caller differ in nothing, whatever was named. */
const assertAlike = (operation: Operation, answers: ReadonlyArray<[Case, Received]>) => {
  const firstByCaller = new Map<string, [Case, string]>()
  for (const [one, answer] of answers) {
    const plain = JSON.stringify([answer.status, answer.text, toldIn(answer)])
    const told = operation.place.echoes === true ? plain.replaceAll(one.id, "ID") : plain
    const known = firstByCaller.get(one.caller.name)
    if (known === undefined) firstByCaller.set(one.caller.name, [one, told])
    else {
      assert.strictEqual(told, known[1], `${tell(operation, one, answer)}: not as for ${known[0].naming}`)
    }
  }
}

const nameOf = ({ method, path }: Operation) => `${method} ${path}`

const tell = (operation: Operation, { caller, naming, id }: Case, { status, text }: Received): string =>
  `${nameOf(operation)} by ${caller.name}, ${naming} ${id}: ${status} ${text.slice(0, 300)}`
