/**
 * When a shop is open, by the clock of its own zone.
 *
 * A week has two kinds of days, each with a beginning, an end and perhaps closed altogether. Both ends belong to the
 * hours, to the minute. Hours that end before they begin go on past midnight:
 *
 *   Friday   18:00 ----------- 24:00
 *   Saturday 00:00 --- 02:00            still the hours of Friday, also when Saturday itself is closed
 */
import type { Shop } from "./Shop.ts"

type Hours = Pick<
  Shop,
  | "weekday_start"
  | "weekday_end"
  | "weekday_closed"
  | "weekend_start"
  | "weekend_end"
  | "weekend_closed"
  | "time_zone"
>

export const days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] as const
export type Day = (typeof days)[number]

/** `9:5` and `09:05` are `09:05`; null when it is no time of a day. */
export const parse = (text: string): string | null => {
  const [, hour, minute] = /^([01]?[0-9]|2[0-3]):([0-5]?[0-9])$/.exec(text.trim()) ?? []
  return hour === undefined || minute === undefined
    ? null
    : `${hour.padStart(2, "0")}:${minute.padStart(2, "0")}`
}

/** Whether each kind of day has hours that begin and end at different times. */
export const areHours = (hours: Omit<Hours, "time_zone">): boolean =>
  hours.weekday_start !== hours.weekday_end && hours.weekend_start !== hours.weekend_end

export const dayTypeOf = (day: Day): "weekday" | "weekend" =>
  day === "Saturday" || day === "Sunday" ? "weekend" : "weekday"

/** `09:00 - 18:00`, which clients split, or `Closed`. */
export const textOf = (hours: Omit<Hours, "time_zone">, dayType: "weekday" | "weekend"): string => {
  const { start, end, isClosed } = hoursOf(hours, dayType)
  return isClosed ? "Closed" : `${start} - ${end}`
}

export const isOpenAt = (hours: Hours, at: Date): boolean => {
  const { day, time } = localTime(hours.time_zone, at)
  const today = hoursOf(hours, dayTypeOf(day))
  const yesterday = hoursOf(hours, dayTypeOf(dayBefore(day)))
  return (
    (!today.isClosed && today.start <= time && (isOvernight(today) ? true : time <= today.end)) ||
    (!yesterday.isClosed && isOvernight(yesterday) && time <= yesterday.end)
  )
}

/** What a clock and a calendar in the zone show. */
export const localTime = (timeZone: string, at: Date): { readonly day: Day; readonly time: string } => {
  const parts = Object.fromEntries(
    formatOf(timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  )
  return { day: parts["weekday"] as Day, time: `${parts["hour"]}:${parts["minute"]}` }
}

interface DayHours {
  readonly start: string
  readonly end: string
  readonly isClosed: boolean
}

const hoursOf = (hours: Omit<Hours, "time_zone">, dayType: "weekday" | "weekend"): DayHours =>
  dayType === "weekday"
    ? { start: hours.weekday_start, end: hours.weekday_end, isClosed: hours.weekday_closed }
    : { start: hours.weekend_start, end: hours.weekend_end, isClosed: hours.weekend_closed }

const isOvernight = ({ start, end }: DayHours): boolean => start > end

const dayBefore = (day: Day): Day => days[(days.indexOf(day) + 6) % 7] ?? day

const formats = new Map<string, Intl.DateTimeFormat>()

// Making one costs more than all that is done with it.
const formatOf = (timeZone: string): Intl.DateTimeFormat => {
  const known = formats.get(timeZone)
  if (known !== undefined) return known
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone,
    weekday: "long",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  })
  formats.set(timeZone, format)
  return format
}
