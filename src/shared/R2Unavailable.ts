import * as Schema from "effect/Schema"
import { fault } from "./Fault.ts"

/** The store of pictures cannot answer now. The caller may try again. */
export class R2Unavailable extends Schema.Error<R2Unavailable>("R2Unavailable")(
  fault("R2Unavailable", "Image storage is unavailable, try again later"),
  { httpApiStatus: 503 },
) {}
