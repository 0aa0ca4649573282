/** How the lists of the operators are asked for. */
import * as Schema from "effect/Schema"
import { intBetween } from "../shared/QueryValue.ts"
import { textUpTo } from "../shared/Text.ts"

const SKIP_MAX = 100_000
const PAGE = 100
const PAGE_MAX = 1_000
const SEARCH_CHARS_MAX = 100

export const pageQuery = {
  skip: Schema.optionalKey(intBetween(0, SKIP_MAX)),
  limit: Schema.optionalKey(intBetween(1, PAGE_MAX)),
}

export const SearchWords = Schema.optionalKey(textUpTo(SEARCH_CHARS_MAX))

export interface Page {
  readonly skip: number
  readonly limit: number
}

export const toPage = (query: { readonly skip?: number; readonly limit?: number }): Page => ({
  skip: query.skip ?? 0,
  limit: query.limit ?? PAGE,
})

/** Nothing to search for is no search. */
export const toSearch = (words: string | undefined): string | null =>
  words === undefined || words === "" ? null : words
