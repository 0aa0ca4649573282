/** Moments and dates as old clients read them: ISO 8601 without an offset, in UTC or on the clock of the shops. */
import * as Schema from "effect/Schema"

export const SHOP_ZONE = "Asia/Almaty"

export const WireTime = Schema.String.annotate({ description: "ISO 8601 without an offset, in UTC" })

export const toWireTime = (date: Date): string => date.toISOString().slice(0, -1)

/** What the clock and the calendar of the shops show. */
export const toWallClock = (date: Date): string => shopClock.format(date).replace(" ", "T")

const shopClock = new Intl.DateTimeFormat("sv-SE", {
  dateStyle: "short",
  timeStyle: "medium",
  timeZone: SHOP_ZONE,
})
