import * as Schema from "effect/Schema"
import { fault } from "./Fault.ts"

/** More work is waiting than this node takes on. The caller may try again. */
export class Overloaded extends Schema.Error<Overloaded>("Overloaded")(
  fault("Overloaded", "Too many requests are waiting, try again later"),
  { httpApiStatus: 503 },
) {}
