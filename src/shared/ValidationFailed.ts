/**
 * 422 in the list form that clients know: one entry per problem, each with where it is, what is wrong and what came.
 */
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

const Problem = Schema.Struct({
  type: Schema.String,
  loc: Schema.Array(Schema.Union([Schema.String, Schema.Int])),
  msg: Schema.String,
  input: Schema.Unknown,
})
type Problem = typeof Problem.Type

export class ValidationFailed extends Schema.Error<ValidationFailed>("ValidationFailed")(
  { _tag: Schema.tagDefaultOmit("ValidationFailed"), detail: Schema.Array(Problem) },
  { httpApiStatus: 422 },
) {
  /** `part` is where the input came from: `body`, `path`, `query` or `header`. */
  static from(part: string, error: Schema.SchemaError, input: unknown): ValidationFailed {
    const detail = format(error.issue).issues.map((issue): Problem => {
      const path = (issue.path ?? []).map((key) => (typeof key === "object" ? key.key : key))
      const value = path.reduce<unknown>(valueAt, input)
      return {
        type: value === undefined ? "missing" : "invalid",
        loc: [part, ...path.map((key) => (typeof key === "number" ? key : String(key)))],
        msg: value === undefined ? "Field required" : issue.message,
        input: value === undefined ? null : brief(value),
      }
    })
    return new ValidationFailed({ detail })
  }

  static missing(part: string, name: string): ValidationFailed {
    return new ValidationFailed({
      detail: [{ type: "missing", loc: [part, name], msg: "Field required", input: null }],
    })
  }

  static invalid(part: string, name: string, message: string, input: unknown): ValidationFailed {
    return new ValidationFailed({
      detail: [{ type: "invalid", loc: [part, name], msg: message, input: brief(input) }],
    })
  }

  static json(message: string): ValidationFailed {
    return new ValidationFailed({
      detail: [{ type: "json_invalid", loc: ["body"], msg: `JSON decode error: ${message}`, input: {} }],
    })
  }
}

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const valueAt = (value: unknown, key: PropertyKey): unknown =>
  typeof value === "object" && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined

// Enough to recognise what was sent; never a second copy of a large or deep body, and nothing JSON cannot carry.
const brief = (value: unknown): unknown => {
  switch (typeof value) {
    case "string":
      return value.length > INPUT_CHARS_MAX ? `${value.slice(0, INPUT_CHARS_MAX)}…` : value
    case "number":
      return Number.isFinite(value) ? value : String(value)
    case "bigint":
      return value.toString().slice(0, INPUT_CHARS_MAX)
    case "object":
      return value === null ? null : Array.isArray(value) ? [] : {}
    default:
      return value
  }
}

const INPUT_CHARS_MAX = 100
