/** How lists of goods are asked for. */
import * as Schema from "effect/Schema"
import { intBetween } from "../shared/QueryValue.ts"
import { textUpTo } from "../shared/Text.ts"
import type { Page } from "./CatalogueRepo.ts"
import { ProductType } from "./Product.ts"

export const SKIP_MAX = 100_000
export const PAGE_MAX = 100
const SEARCH_CHARS_MAX = 100
const AMOUNT_TIYN_MAX = 1_000_000_000_000

export const skip = Schema.optionalKey(intBetween(0, SKIP_MAX))
export const limit = Schema.optionalKey(intBetween(1, PAGE_MAX))
export const SearchWords = textUpTo(SEARCH_CHARS_MAX)

const Amount = Schema.optionalKey(intBetween(0, AMOUNT_TIYN_MAX)).annotate({
  description: "Tiyn, 1/100 tenge, as prices are",
})

export const listQuery = {
  skip,
  limit,
  type: Schema.optionalKey(ProductType),
  search: Schema.optionalKey(SearchWords).annotate({
    description:
      'Words in any form, `"in quotes"` together, `-not` this one, or a piece of the name; when nothing has them, a wrong letter is forgiven',
  }),
  min_price: Amount,
  max_price: Amount,
}

type Query = { readonly [K in keyof typeof listQuery]?: (typeof listQuery)[K]["Type"] }

export const toSelection = ({ type, min_price, max_price }: Query) => ({
  type: type ?? null,
  priceMin: min_price ?? null,
  priceMax: max_price ?? null,
})

export const toSearch = ({
  skip = 0,
  limit = PAGE_MAX,
  search = "",
}: Query): Page & { readonly words: string | null } => ({
  skip,
  limit,
  words: search === "" ? null : search,
})
