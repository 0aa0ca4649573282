/** Round trips to PostgreSQL per request, counted on the wire between it and a node that does nothing else. */
import * as Effect from "effect/Effect"
import { TcpProxy } from "../../test/support/TcpProxy.ts"
import type { World } from "../world.ts"
import type { Goods } from "./goods.ts"
import * as Servers from "./servers.ts"

const WARM_UP = 12
const SAMPLES = 21

export interface RoundTrips {
  readonly list: number
  readonly edit: number
}

export const count = (world: World, token: string, listPath: string, goods: Goods) =>
  Effect.scoped(
    Effect.gen(function* () {
      const proxy = yield* TcpProxy.to(world.ownerUrl)
      const node = yield* Servers.startNode(proxy.url, null, null)
      const list = () => fetch(node.url + listPath)
      const edit = (turn: number) =>
        fetch(`${node.url}/api/v1/products/${goods.from}`, {
          method: "PUT",
          headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
          body: JSON.stringify({ price: 1_000_000 + turn * 100 }),
        })
      return {
        list: yield* Effect.promise(() => medianOf(proxy, list)),
        edit: yield* Effect.promise(() => medianOf(proxy, edit)),
      } satisfies RoundTrips
    }),
  )

const medianOf = async (proxy: TcpProxy, ask: (turn: number) => Promise<Response>): Promise<number> => {
  const counts: Array<number> = []
  for (let turn = 0; turn < WARM_UP + SAMPLES; turn += 1) {
    const before = proxy.roundTrips
    const response = await ask(turn)
    await response.text()
    if (response.status !== 200) throw new Error(`void: answered ${response.status}`)
    if (turn >= WARM_UP) counts.push(proxy.roundTrips - before)
  }
  return counts.toSorted((a, b) => a - b)[counts.length >> 1] ?? 0
}
