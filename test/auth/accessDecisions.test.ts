import { assert, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Option from "effect/Option"
import { Api } from "../../src/Api.ts"
import { AccessDecision } from "../../src/auth/Access.ts"

const ACCESS = /^cvety\/auth\/(\w+Access)$/

/** Which middleware may enforce a decision; none where nobody's credential is looked at. */
const enforcers: Readonly<Record<string, ReadonlyArray<string>>> = {
  everyone: [],
  outside: [],
  account: ["AccountAccess"],
  colleague: ["StaffAccess"],
  director: ["StaffAccess"],
  permission: ["StaffAccess", "ShopAccess"],
  superadmin: ["SuperadminAccess"],
}

const endpoints = Object.values(Api.groups).flatMap((group) =>
  Object.values(group.endpoints).map((endpoint) => ({
    name: `${group.identifier}.${endpoint.identifier}`,
    decision: Option.getOrUndefined(Context.getOption(endpoint.annotations, AccessDecision)),
    middlewares: [...endpoint.middlewares].map(({ key }) => key),
  })),
)

it("stands at every endpoint of the contract, with the middleware that enforces it", () => {
  assert.isAbove(endpoints.length, 20)
  const misfits = endpoints.filter(({ decision, middlewares }) => {
    const access = middlewares.flatMap((key) => ACCESS.exec(key)?.[1] ?? [])
    const allowed = decision === undefined ? undefined : enforcers[decision.kind]
    if (allowed === undefined) return true
    return allowed.length === 0
      ? access.length > 0
      : access.length !== 1 || !access.some((name) => allowed.includes(name))
  })
  assert.deepStrictEqual(misfits, [])
})

it("of another system comes with the middleware of its secret", () => {
  for (const { name, decision, middlewares } of endpoints) {
    if (decision?.kind === "outside") assert.lengthOf(middlewares, 1, name)
  }
})
