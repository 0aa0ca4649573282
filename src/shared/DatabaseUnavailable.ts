import * as Schema from "effect/Schema"
import { fault } from "./Fault.ts"

/** PostgreSQL cannot answer now: gone, starting, out of connections, or too slow. The caller may try again. */
export class DatabaseUnavailable extends Schema.Error<DatabaseUnavailable>("DatabaseUnavailable")(
  fault("DatabaseUnavailable", "Service temporarily unavailable"),
  { httpApiStatus: 503 },
) {}
