/** Finds the handler, and refuses what the real API refuses: unknown paths, other methods, wrong tokens. */
import { type Answer, type Exchange, empty, errorA, errorB, type Handler, html } from "./Exchange.ts"

export interface Route {
  readonly path: RegExp
  readonly methods: Readonly<Partial<Record<string, Handler>>>
  readonly wrongMethod?: Answer
  readonly wrongToken?: Answer
  /** OPTIONS is answered with an empty 200. */
  readonly options?: boolean
}

interface Routed {
  readonly answer: Answer | Promise<Answer>
  /** Nobody would send this to the real API on purpose. */
  readonly unexpected: boolean
}

export const route = (
  routes: ReadonlyArray<Route>,
  exchange: Exchange,
  matchedToken: boolean,
  timestamp: number,
): Routed => {
  let known: Route | undefined
  for (const candidate of routes) {
    const match = candidate.path.exec(exchange.path)
    if (match === null) continue
    known ??= candidate
    const handler = candidate.methods[exchange.method]
    if (handler === undefined) continue
    return matchedToken
      ? { answer: handler(exchange, ...match.slice(1)), unexpected: false }
      : { answer: candidate.wrongToken ?? unauthorized(exchange, timestamp), unexpected: false }
  }
  if (known === undefined) return { answer: html(404), unexpected: true }
  if (known.options === true && exchange.method === "OPTIONS")
    return { answer: empty(200), unexpected: false }
  return { answer: known.wrongMethod ?? errorB(405, "Method not allowed", timestamp), unexpected: true }
}

const unauthorized = ({ method }: Exchange, timestamp: number): Answer =>
  method === "GET"
    ? errorA(401, "unauthorized", "Invalid access token")
    : errorB(401, "Invalid access token", timestamp)

/** The query is looked at first, and a wrong token there is not saved by a right one in the header. */
export const hasToken = (
  token: string,
  query: URLSearchParams,
  authorization: string | undefined,
): boolean => {
  const given = query.get("access_token")
  return given === null ? authorization === `Bearer ${token}` : given === token
}
