import * as Schema from "effect/Schema"

/** Money in whole tiyn, 1/100 tenge. On the wire an integer, in SQL a bigint, never a float. */
export const Tiyn = Schema.Int.pipe(Schema.brand("Tiyn"))
export type Tiyn = typeof Tiyn.Type
