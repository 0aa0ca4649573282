/** What Bitrix's API v2 answers, as far as we read it (externals 1.2, 1.3, 1.5). */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

/** Success and failure sit in the body, under one of two names, whatever the status of the answer. */
const Envelope = Schema.Struct({
  status: Schema.optionalKey(Schema.Unknown),
  success: Schema.optionalKey(Schema.Unknown),
  error: Schema.optionalKey(Schema.Unknown),
})

/** Undefined for what is no answer of the API. */
export const readVerdict = (body: string): { readonly isOk: boolean; readonly error: string } | undefined => {
  const parsed = Option.flatMap(parseJson(body), Schema.decodeUnknownOption(Envelope))
  if (Option.isNone(parsed)) return undefined
  const { status, success, error } = parsed.value
  const isOk = [status, success].some((said) => said === true || said === "success" || said === "ok")
  const isFailure = status === false || success === false || status === "error"
  if (!isOk && !isFailure) return undefined
  return { isOk: isOk && !isFailure, error: errorText(error) }
}

const errorText = (error: unknown): string => {
  if (typeof error === "string") return error
  const message =
    typeof error === "object" && error !== null && "message" in error ? error.message : undefined
  return typeof message === "string" ? message : "no reason given"
}

/** Products as they are listed; what is said of one is read by `ProductMapping`. */
const ProductPage = Schema.Struct({
  success: Schema.Literal(true),
  data: Schema.Array(Schema.Unknown),
  pagination: Schema.optionalKey(
    Schema.Struct({
      total: Schema.optionalKey(Schema.Int),
      hasMore: Schema.optionalKey(Schema.Boolean),
    }),
  ),
})
type Item = Readonly<Record<string, unknown>>
export type ProductPage = Omit<typeof ProductPage.Type, "data"> & { readonly data: ReadonlyArray<Item> }

/** An item that is no object becomes one that says nothing, so that it does not take the page with it. */
export const readPage = (body: string): ProductPage | undefined =>
  Option.match(Option.flatMap(parseJson(body), Schema.decodeUnknownOption(ProductPage)), {
    onNone: () => undefined,
    onSome: (page) => ({ ...page, data: page.data.map((item) => (isObject(item) ? item : {})) }),
  })

const isObject = (item: unknown): item is Item =>
  typeof item === "object" && item !== null && !Array.isArray(item)

const parseJson = (text: string): Option.Option<unknown> => {
  try {
    return Option.some(JSON.parse(text.replace(/^\uFEFF/, "")))
  } catch {
    return Option.none()
  }
}
