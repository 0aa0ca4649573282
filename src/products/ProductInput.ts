/** What people may say of a product, in the spelling of old clients. Fields that nobody knows are ignored. */
import * as Schema from "effect/Schema"
import { filledTextUpTo, textUpTo } from "../shared/Text.ts"
import { Tiyn } from "../shared/Tiyn.ts"
import type { ProductChange, ProductDraft } from "./Product.ts"
import {
  DESCRIPTION_CHARS_MAX,
  NAME_CHARS_MAX,
  Price,
  ProductId,
  ProductType,
  URL_CHARS_MAX,
} from "./Product.ts"

/** Minutes or centimetres, whichever. */
const MEASURE_MAX = 1_000_000
const WORDS_MAX = 50
const WORD_CHARS_MAX = 100
const PLACE_MAX = 1_000_000

const GivenPrice = Price.check(Schema.isGreaterThan(0)).annotate({
  description: "Tiyn, 1/100 tenge; nothing is free",
})
const Measure = Schema.NullOr(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: MEASURE_MAX })))
const Words = Schema.NullOr(
  Schema.Array(textUpTo(WORD_CHARS_MAX)).check(Schema.isMaxLength(WORDS_MAX)),
).annotate({ description: "Each once; empty ones are left out" })

const isAddress = (text: string): boolean =>
  /^\/(?!\/)[^\s\\]+$/.test(text) || (/^https?:\/\/[^\s\\]+$/i.test(text) && isPlainUrl(URL.parse(text)))

const isPlainUrl = (url: URL | null): boolean => url !== null && url.username === "" && url.password === ""

const Address = filledTextUpTo(URL_CHARS_MAX).check(
  Schema.makeFilter(
    (text: string) => isAddress(text) || "Input should be an http(s) URL or a path of this service",
  ),
)

const fields = {
  name: filledTextUpTo(NAME_CHARS_MAX),
  price: GivenPrice,
  type: Schema.optionalKey(ProductType),
  description: Schema.optionalKey(Schema.NullOr(textUpTo(DESCRIPTION_CHARS_MAX))),
  manufacturingTime: Schema.optionalKey(Measure).annotate({ description: "Minutes" }),
  width: Schema.optionalKey(Measure).annotate({ description: "Centimetres" }),
  height: Schema.optionalKey(Measure).annotate({ description: "Centimetres" }),
  shelfLife: Schema.optionalKey(Measure),
  enabled: Schema.optionalKey(Schema.Boolean),
  is_featured: Schema.optionalKey(Schema.Boolean),
  colors: Schema.optionalKey(Words),
  occasions: Schema.optionalKey(Words),
  cities: Schema.optionalKey(Words),
  tags: Schema.optionalKey(Words),
  image: Schema.optionalKey(Schema.NullOr(Schema.Union([Schema.Literal(""), Address]))).annotate({
    description: "URL of the main image",
  }),
}

export const ProductCreate = Schema.Struct(fields).annotate({
  examples: [
    {
      name: "Букет роз",
      price: Tiyn.make(1_200_000),
      type: "flowers",
      description: "51 красная роза",
      manufacturingTime: 30,
      height: 60,
      colors: ["Красный"],
      occasions: ["День рождения"],
      cities: ["Almaty"],
      tags: ["розы"],
      image: "https://images.example/roses.webp",
    },
  ],
})

export const ProductUpdate = Schema.Struct({
  ...fields,
  name: Schema.optionalKey(fields.name),
  price: Schema.optionalKey(fields.price),
}).annotate({
  examples: [{ price: Tiyn.make(1_300_000), description: null, tags: ["розы", "акция"] }],
})

export const StatusChange = Schema.Struct({ enabled: Schema.optionalKey(Schema.Boolean) }).annotate({
  examples: [{ enabled: false }],
})

export const ImageCreate = Schema.Struct({
  product_id: Schema.optionalKey(ProductId).annotate({ description: "That of the path" }),
  url: Address,
  order: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: PLACE_MAX }))),
  is_primary: Schema.optionalKey(Schema.Boolean).annotate({ description: "Takes the place of the former" }),
}).annotate({
  examples: [{ url: "https://images.example/roses-2.webp", order: 1, is_primary: false }],
})

export const toProductDraft = (given: typeof ProductCreate.Type): ProductDraft => ({
  ...blank,
  ...toProductChange(given),
  name: given.name,
  price: given.price,
})

export const toProductChange = (given: typeof ProductUpdate.Type): Defined<ProductChange> => {
  const { manufacturingTime, shelfLife, colors, occasions, cities, tags, image, ...same } = given
  return withoutUndefined({
    ...same,
    manufacturing_time: manufacturingTime,
    shelf_life: shelfLife,
    colors: distinct(colors),
    occasions: distinct(occasions),
    cities: distinct(cities),
    tags: distinct(tags),
    image: image === "" ? null : image,
  })
}

const blank = {
  type: "flowers",
  description: null,
  manufacturing_time: null,
  width: null,
  height: null,
  shelf_life: null,
  enabled: true,
  is_featured: false,
  colors: [],
  occasions: [],
  cities: [],
  tags: [],
  image: null,
} as const satisfies Partial<ProductDraft>

const distinct = <A extends ReadonlyArray<string> | null | undefined>(words: A) =>
  words == null ? words : [...new Set(words.filter((word) => word !== ""))]

type Defined<A> = { readonly [K in keyof A]?: Exclude<A[K], undefined> }

const withoutUndefined = <A extends object>(given: A): Defined<A> =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Defined<A>
