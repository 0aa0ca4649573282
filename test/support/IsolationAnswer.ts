/** What an answer may not tell, wherever it stands: status, headers, body, claims of a token. */
import * as assert from "node:assert"
import type { Shops } from "./IsolationCallers.ts"
import type { Case, Operation } from "./IsolationCase.ts"
import { tell } from "./IsolationCase.ts"
import { marksOf, SECRETS } from "./MarkedShop.ts"
import type { Received } from "./RawHttp.ts"

/** Headers that tell requests apart and nothing else. */
const OWN_HEADERS = new Set(["x-request-id", "traceparent", "date"])

const toldIn = ({ headers }: Received) => Object.entries(headers).filter(([name]) => !OWN_HEADERS.has(name))

const everythingIn = (answer: Received): string =>
  `${JSON.stringify(toldIn(answer))}\n${withOpenTokens(answer.text)}`

const withOpenTokens = (text: string): string =>
  text.replace(/eyJ[\w-]+\.(eyJ[\w-]+)\.[\w-]*/g, (_token, claims) =>
    Buffer.from(claims, "base64url").toString(),
  )

/** Nothing of the shop is told. */
export const assertSilent = (operation: Operation, one: Case, answer: Received, shop: number) => {
  const told = everythingIn(answer)
  const found = marksOf(shop).exec(operation.place.echoes === true ? told.replaceAll(one.id, "") : told)
  assert.strictEqual(found?.[0], undefined, `${tell(operation, one, answer)}: tells of shop ${shop}`)
}

/** The fields of an answer that the place publishes, and no others, hold something of a shop. */
export const assertPublic = (
  operation: Operation,
  one: Case,
  answer: Received,
  shops: Shops,
  other: number,
) => {
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
export const assertAlike = (operation: Operation, answers: ReadonlyArray<readonly [Case, Received]>) => {
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

export const assertNoSecret = (operation: Operation, one: Case, answer: Received) =>
  assert.ok(!SECRETS.test(everythingIn(answer)), `${tell(operation, one, answer)}: a secret is told`)
