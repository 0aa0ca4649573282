/** Moments as old clients read them: ISO 8601 in UTC without an offset. */
import * as Schema from "effect/Schema"

export const WireTime = Schema.String.annotate({ description: "ISO 8601 without an offset, in UTC" })

export const toWireTime = (date: Date): string => date.toISOString().slice(0, -1)
