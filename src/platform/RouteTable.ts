/**
 * Which template a path belongs to and which methods it has, read from the contract. Metrics and spans are named by
 * template, and a wrong method on a known path is told apart from an unknown path.
 */
import * as FindMyWay from "effect/http/FindMyWay"
import type { HttpMethod } from "effect/http/HttpMethod"

export interface RouteTable {
  /** `/api/v1/orders/{order_id}`, or `UNMATCHED`. */
  readonly template: (url: string) => string
  readonly methods: (url: string) => ReadonlyArray<HttpMethod>
}

/** Label of every path that is not ours, so that strangers cannot make labels. */
export const UNMATCHED = "unmatched"

/** As much of an `HttpApi` as is read here. */
interface Contract {
  readonly groups: Readonly<Record<string, { readonly endpoints: Readonly<Record<string, Endpoint>> }>>
}
interface Endpoint {
  readonly path: string
  readonly method: HttpMethod
}

/** `others` are GET routes beside the contract. */
export const make = (api: Contract, others: ReadonlyArray<string>): RouteTable => {
  const methodsByPath = new Map<string, Array<HttpMethod>>(others.map((path) => [path, ["GET"]]))
  for (const group of Object.values(api.groups)) {
    for (const endpoint of Object.values(group.endpoints)) {
      methodsByPath.set(endpoint.path, [...(methodsByPath.get(endpoint.path) ?? []), endpoint.method])
    }
  }
  const router = FindMyWay.make<Entry>({ ignoreTrailingSlash: true, caseSensitive: true })
  const exact = new Map<string, Entry>()
  for (const [path, methods] of methodsByPath) {
    const entry = { template: path.replace(/:(\w+)/g, "{$1}"), methods }
    router.on("GET", path as `/${string}`, entry)
    exact.set(path, entry)
  }
  const find = (url: string): Entry | undefined => exact.get(url) ?? router.find("GET", url)?.handler
  return {
    template: (url) => find(url)?.template ?? UNMATCHED,
    methods: (url) => find(url)?.methods ?? [],
  }
}

interface Entry {
  readonly template: string
  readonly methods: ReadonlyArray<HttpMethod>
}
