/** What a reader of /docs may rely on, for every operation there is. */
import { assert, it } from "@effect/vitest"
import * as OpenApi from "effect/http-api/OpenApi"
import { Api } from "../src/Api.ts"

interface Operation {
  readonly summary?: string
  readonly description?: string
  readonly security: ReadonlyArray<object>
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { readonly schema: Schema }>>
  }
}
interface Schema {
  readonly $ref?: string
  readonly examples?: ReadonlyArray<unknown>
}

const contract = OpenApi.fromApi(Api)
const operations = Object.entries(contract.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    name: `${method} ${path}`,
    operation: operation as unknown as Operation,
  })),
)

const namesOf = (isWanting: (operation: Operation) => boolean) =>
  operations.filter(({ operation }) => isWanting(operation)).map(({ name }) => name)

it("says of every operation what it does and who may call it", () => {
  assert.isAbove(operations.length, 50)
  assert.deepStrictEqual(
    namesOf(({ summary, description }) => !summary || !description?.includes("**Who may:**")),
    [],
  )
})

it("gives every body an example", () => {
  const schemaOf = ({ $ref, ...schema }: Schema): Schema =>
    $ref === undefined ? schema : (contract.components.schemas[$ref.split("/").at(-1) ?? ""] as Schema)
  assert.deepStrictEqual(
    namesOf(
      ({ requestBody }) =>
        requestBody !== undefined &&
        Object.values(requestBody.content).some(({ schema }) => !schemaOf(schema).examples?.length),
    ),
    [],
  )
})

it("lets a reader log in by a form wherever a bearer token is asked for", () => {
  const asks = (operation: Operation, scheme: string) =>
    operation.security.some((requirement) => scheme in requirement)
  assert.isNotEmpty(namesOf((operation) => asks(operation, "bearer")))
  assert.deepStrictEqual(
    namesOf((operation) => asks(operation, "bearer") !== asks(operation, "login")),
    [],
  )
})
