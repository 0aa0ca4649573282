import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { Tiyn } from "./Tiyn.ts"

const toNumber = SchemaTransformation.transform({ decode: Number, encode: BigInt })

/** A bigint column as it comes from the driver, of numbers that JavaScript holds exactly. */
export const BigIntColumn = Schema.BigInt.pipe(Schema.decodeTo(Schema.Int, toNumber))

/** The same of money. */
export const TiynColumn = Schema.BigInt.pipe(Schema.decodeTo(Tiyn, toNumber))
