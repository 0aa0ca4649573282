/**
 * Goods that are edited over HTTP without a pause, and every state that they ever had here.
 *
 * Each edit of a product has the next number and writes it into the fields that it changes, so any value tells when it
 * was ours. The states are written down by the database itself, in the transaction that makes them.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type postgres from "postgres"
import type { SimProduct } from "../simulators/bitrix/SimProduct.ts"
import { call } from "./TestPeople.ts"

const IN_A_ROW_MAX = 4
const PAUSE_MS = 15
const RETRY_MS = 50
const FIRST_PRICE_TENGE = 10_000

/** The number of the edit that gave each field its value. */
export interface State {
  readonly name: number
  readonly price: number
  readonly description: number
}
type FieldName = keyof State
const fieldNames: ReadonlyArray<FieldName> = ["name", "price", "description"]
type History = ReadonlyMap<number, ReadonlyArray<State>>

/** Mulberry32: the same numbers for the same seed. */
export const random = (seed: number) => {
  let state = seed >>> 0
  return (): number => {
    state = (state + 0x6d_2b_79_f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const nameOf = (n: number) => `Букет № ${n}`
const priceTengeOf = (n: number) => FIRST_PRICE_TENGE + n
const descriptionOf = (n: number) => `Состав № ${n}`
const priceText = (n: number) => `${String(priceTengeOf(n)).replace(/\B(?=(\d{3})+$)/g, " ")} ₸`

export const asBitrixHasIt = (id: number) => ({
  id,
  title: nameOf(0),
  price: priceText(0),
  description: descriptionOf(0),
  image: null,
  type: "catalog" as const,
})

export const insertGoods = async (
  witness: postgres.Sql,
  shopId: number,
  ids: ReadonlyArray<number>,
): Promise<void> => {
  await witness`
    CREATE TABLE state_of_product (
      n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id integer, shop_id integer, name text, price bigint, description text)`
  await witness`
    CREATE FUNCTION note_state() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN
      INSERT INTO public.state_of_product (id, shop_id, name, price, description)
      VALUES (NEW.id, NEW.shop_id, NEW.name, NEW.price, NEW.description);
      RETURN NULL;
    END
    $$`
  await witness`
    CREATE TRIGGER notes_state AFTER INSERT OR UPDATE ON product FOR EACH ROW EXECUTE FUNCTION note_state()`
  await witness`
    INSERT INTO product (id, shop_id, name, price, description, type)
    SELECT id, ${shopId}, ${nameOf(0)}, ${priceTengeOf(0) * 100}, ${descriptionOf(0)}, 'catalog'
    FROM unnest(${ids as Array<number>}::integer[]) AS id`
}

/** Runs until it is stopped, and then says which edits were confirmed: by product, the newest number per field. */
export const start = Effect.fnUntraced(function* (options: {
  readonly ids: ReadonlyArray<number>
  readonly editors: number
  readonly token: string
  readonly url: () => string
  readonly random: () => number
}) {
  const { ids, editors, token, url, random } = options
  const confirmed = new Map(ids.map((id) => [id, { name: 0, price: 0, description: 0 }]))
  let isStopped = false

  const edit = (id: number, n: number) => {
    const chosen = fieldNames.filter(() => random() < 0.5)
    const fields = chosen.length === 0 ? fieldNames : chosen
    const body = Object.fromEntries(fields.map((field) => [field, valueOf[field](n)]))
    return Effect.map(call(url(), "PUT", `/products/${id}`, { token, body }), (answer) => {
      assert.include([200, 503], answer.status, JSON.stringify(answer.body))
      if (answer.status !== 200) return false
      for (const field of fields) Object.assign(confirmed.get(id) ?? {}, { [field]: n })
      return true
    }).pipe(
      Effect.catchDefect((defect) => (isUnanswered(defect) ? Effect.succeed(false) : Effect.die(defect))),
    )
  }
  // Several in a row, so that the later ones meet the delivery of the first.
  const editor = Effect.fnUntraced(function* (own: ReadonlyArray<number>) {
    for (let n = 0; !isStopped; ) {
      for (const id of own) {
        if (isStopped) return
        const last = n + Math.ceil(random() * IN_A_ROW_MAX)
        let isConfirmed = true
        while (n < last) isConfirmed = yield* edit(id, ++n)
        yield* Effect.sleep(isConfirmed ? PAUSE_MS : RETRY_MS)
      }
    }
  })
  const running = yield* Effect.forkScoped(
    Effect.forEach(
      Array.from({ length: editors }, (_, k) => ids.filter((_id, index) => index % editors === k)),
      editor,
      { concurrency: "unbounded", discard: true },
    ),
  )
  return {
    stop: Effect.suspend(() => {
      isStopped = true
      return Effect.as(Fiber.join(running), confirmed as ReadonlyMap<number, State>)
    }),
  }
})

/** `fetch` was refused, or its connection ended before the answer. */
const isUnanswered = (defect: unknown): boolean =>
  defect instanceof TypeError || defect instanceof SyntaxError

const valueOf = {
  name: nameOf,
  price: (n: number) => priceTengeOf(n) * 100,
  description: descriptionOf,
}

const numberIn = (text: unknown): number => Number(/№ (\d+)$/.exec(String(text))?.[1])

const toState = (name: unknown, priceTenge: number, description: unknown): State => ({
  name: numberIn(name),
  price: priceTenge - FIRST_PRICE_TENGE,
  description: numberIn(description),
})

/** Every state that was committed here, oldest first. */
export const findHistory = async (witness: postgres.Sql, shopId: number): Promise<History> => {
  const rows =
    await witness`SELECT id, name, price, description FROM state_of_product WHERE shop_id = ${shopId} ORDER BY n`
  const history = new Map<number, Array<State>>()
  for (const { id, name, price, description } of rows) {
    const states = history.get(id) ?? []
    states.push(toState(name, Number(price) / 100, description))
    history.set(id, states)
  }
  return history
}

/** What Bitrix has, or was told. */
export const told = (
  product: Partial<Pick<SimProduct, "title" | "price" | "description">> | undefined,
): State =>
  toState(product?.title, Number(String(product?.price).replaceAll(/\D/g, "")), product?.description)

/** No field ever goes back to what an earlier edit said. */
export const expectGrowth = (history: History): void => {
  for (const [id, states] of history) expectGrowing(states, `here, product ${id}`)
}

export const expectConfirmed = (history: History, confirmed: ReadonlyMap<number, State>): void => {
  for (const [id, edits] of confirmed) {
    const last = history.get(id)?.at(-1)
    for (const field of fieldNames)
      assert.isAtLeast(last?.[field] ?? -1, edits[field], `product ${id} lost an edit of its ${field}`)
  }
}

/** Every write is a state that was ours at some time, and none follows a newer one. */
export const expectOnlyOurs = (
  history: History,
  writes: ReadonlyArray<{ readonly id: number; readonly body: unknown }>,
): void => {
  const byId = Map.groupBy(writes, ({ id }) => id)
  for (const [id, own] of byId) {
    const states = own.map(({ body }) => told(body as Partial<SimProduct>))
    const ours = new Set(history.get(id)?.map((state) => JSON.stringify(state)))
    for (const state of states)
      assert.isTrue(ours.has(JSON.stringify(state)), `product ${id} was never ${JSON.stringify(state)} here`)
    expectGrowing(states, `in Bitrix, product ${id}`)
  }
}

const expectGrowing = (states: ReadonlyArray<State>, where: string): void => {
  states.slice(1).forEach((state, index) => {
    for (const field of fieldNames)
      assert.isAtLeast(
        state[field],
        states[index]?.[field] ?? 0,
        `${where}: ${field} went back to an older edit`,
      )
  })
}
