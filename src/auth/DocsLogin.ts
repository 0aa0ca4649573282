/**
 * Lets a reader of /docs log in and try: the contract says bearer token, and this adds to its document the form that
 * gets one (OAuth 2 password flow at `/api/v1/auth/token`) wherever a bearer token is asked for.
 */
import * as OpenApi from "effect/http-api/OpenApi"

const TOKEN_URL = "/api/v1/auth/token"

export const DocsLogin = OpenApi.annotations({
  transform: (document) => ({
    ...document,
    paths: Object.fromEntries(
      Object.entries(document["paths"] as Paths).map(([path, operations]) => [
        path,
        Object.fromEntries(
          Object.entries(operations).map(([method, operation]) => [method, withForm(operation)]),
        ),
      ]),
    ),
    components: {
      ...document["components"],
      securitySchemes: {
        ...document["components"].securitySchemes,
        login: {
          type: "oauth2",
          description: "Phone as user name, and password",
          flows: { password: { tokenUrl: TOKEN_URL, scopes: {} } },
        },
      },
    },
  }),
})

type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>
interface Operation {
  readonly security: ReadonlyArray<Readonly<Record<string, ReadonlyArray<string>>>>
}

const withForm = (operation: Operation): Operation =>
  operation.security.some((requirement) => "bearer" in requirement)
    ? { ...operation, security: [{ login: [] }, ...operation.security] }
    : operation
