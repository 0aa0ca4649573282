/**
 * What Bitrix says of a product, in our units. A field that is absent says nothing; one that cannot be read is left
 * out with a note, so that what stands here is kept. Colours, tags and occasions are people's work here: Bitrix gives
 * none, and none are taken.
 */
import * as Schema from "effect/Schema"
import { ProductType } from "../products/Product.ts"
import * as DimensionText from "./DimensionText.ts"
import { storable } from "./EventFields.ts"
import type { Field, SomeFields } from "./MirroredProduct.ts"
import * as PriceText from "./PriceText.ts"

export interface Mapped {
  readonly said: SomeFields
  /** What could not be read, or not whole. */
  readonly blurred: ReadonlyArray<Field>
  /** What was left out, and why; free of the text that could not be read. */
  readonly notes: ReadonlyArray<string>
}

const NAME_CHARS_MAX = 200
const DESCRIPTION_CHARS_MAX = 1_000
const URL_CHARS_MAX = 500
const IMAGES_MAX = 20
const TIYN_PER_TENGE = 100

/** `origin` is the site whose paths are meant where an address has no host. */
export const map = (data: Readonly<Record<string, unknown>>, origin: string | undefined): Mapped => {
  const said: Record<string, unknown> = {}
  const notes: Array<string> = []
  const blurred: Array<Field> = []
  const read = (key: string, field: Field, reading: Reading | undefined) => {
    if (reading === undefined) return
    if ("note" in reading) notes.push(`${key}: ${reading.note}`)
    else said[field] = reading.value
    if ("note" in reading || reading.isBlurred === true) blurred.push(field)
  }
  const given = (key: string, reader: (value: unknown) => Reading | undefined) =>
    key in data ? reader(data[key]) : undefined

  read("title", "name", given("title", name))
  read("price", "price", given("price", price))
  read("isAvailable", "enabled", given("isAvailable", flag))
  read("description", "description", given("description", description))
  read(
    "image",
    "image",
    given("image", (value) => picture(value, origin)),
  )
  read(
    "images",
    "images",
    given("images", (value) => pictures(value, origin)),
  )
  read("type", "type", given("type", type))
  read("width", "width", length(data, "catalogWidth", "width"))
  read("height", "height", length(data, "catalogHeight", "height"))
  return { said: said as SomeFields, blurred, notes }
}

type Reading = { readonly value: unknown; readonly isBlurred?: boolean } | { readonly note: string }

const name = (value: unknown): Reading => {
  if (typeof value !== "string") return { note: "not a text" }
  const text = storable(value).trim()
  return text === "" ? { note: "empty" } : cut(text, NAME_CHARS_MAX)
}

// Whether a zero is meant is decided where the present price is known. What we tell of prices is whole tenge.
const price = (value: unknown): Reading => {
  const parsed = PriceText.parse(value)
  return "price" in parsed
    ? { value: parsed.price, isBlurred: parsed.price % TIYN_PER_TENGE !== 0 }
    : { note: parsed.reason }
}

const flag = (value: unknown): Reading => {
  if (typeof value === "boolean") return { value }
  const word = String(value).toLowerCase()
  if (["y", "true", "1"].includes(word)) return { value: true }
  return ["n", "false", "0"].includes(word) ? { value: false } : { note: "neither yes nor no" }
}

const description = (value: unknown): Reading => {
  if (value === null) return { value: null }
  if (typeof value !== "string") return { note: "not a text" }
  const text = storable(value)
  return text.trim() === "" ? { value: null } : cut(text, DESCRIPTION_CHARS_MAX)
}

// False and an empty text are how Bitrix says that there is none.
const picture = (value: unknown, origin: string | undefined): Reading => {
  if (value === null || value === "" || value === false) return { value: null }
  const url = toUrl(value, origin)
  return url === undefined ? { note: "not an address" } : { value: url }
}

const pictures = (value: unknown, origin: string | undefined): Reading | undefined => {
  if (value === null || value === false || value === "") return undefined
  if (!Array.isArray(value)) return { note: "not a list" }
  const urls = value.slice(0, IMAGES_MAX).map((one) => toUrl(one, origin))
  return urls.every((url) => url !== undefined)
    ? { value: [...new Set(urls)] }
    : { note: "not a list of addresses" }
}

const toUrl = (value: unknown, origin: string | undefined): string | undefined => {
  if (typeof value !== "string") return undefined
  const url = URL.parse(value.trim(), origin)
  return url !== null && /^https?:$/.test(url.protocol) && url.href.length <= URL_CHARS_MAX
    ? url.href
    : undefined
}

const type = (value: unknown): Reading =>
  Schema.is(ProductType)(value) ? { value } : { note: "not a type of ours" }

/** What is made to order has lengths of the catalogue, what stands in the shop window its own. */
const length = (
  data: Readonly<Record<string, unknown>>,
  ...keys: ReadonlyArray<string>
): Reading | undefined => {
  const present = keys.filter((key) => key in data)
  if (present.length === 0) return undefined
  const readings = present.map((key) => DimensionText.parse(data[key]))
  const known = readings.find((reading) => "lengthCm" in reading && reading.lengthCm !== null)
  if (known !== undefined && "lengthCm" in known) return { value: known.lengthCm }
  const refused = readings.find((reading) => "reason" in reading)
  return refused !== undefined && "reason" in refused ? { note: refused.reason } : { value: null }
}

const cut = (text: string, charsMax: number): Reading =>
  text.length <= charsMax
    ? { value: text }
    : { value: text.slice(0, charsMax).toWellFormed(), isBlurred: true }
