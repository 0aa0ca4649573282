import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as ShopHours from "../../src/shops/ShopHours.ts"

const HOURS = {
  weekday_start: "09:00",
  weekday_end: "18:00",
  weekday_closed: false,
  weekend_start: "10:00",
  weekend_end: "17:00",
  weekend_closed: false,
  time_zone: "Asia/Almaty",
}

/** A moment by the clock of Almaty, UTC+5; 2026-03-02 is a Monday. */
const at = (day: string, time: string) => new Date(`2026-03-${day}T${time}:00+05:00`)
const MONDAY = "02"
const TUESDAY = "03"
const FRIDAY = "06"
const SATURDAY = "07"
const SUNDAY = "08"
const NEXT_MONDAY = "09"

describe("a time of a day", () => {
  it.each([
    ["09:05", "09:05"],
    ["9:5", "09:05"],
    ["9:05", "09:05"],
    [" 9:05 ", "09:05"],
    ["00:00", "00:00"],
    ["0:0", "00:00"],
    ["23:59", "23:59"],
  ])("reads %s as %s", (text, time) => {
    assert.strictEqual(ShopHours.parse(text), time)
  })

  it.each(["", "9", "24:00", "23:60", "-1:00", "9:5:0", "09.05", "9 утра", "009:05", "09:005", "٠٩:٠٥", ":"])(
    "refuses %s",
    (text) => {
      assert.isNull(ShopHours.parse(text))
    },
  )

  it("reads what it wrote, for every minute of a day", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }), (hour, minute) => {
        const time = ShopHours.parse(`${hour}:${minute}`)
        assert.match(time ?? "", /^[0-2][0-9]:[0-5][0-9]$/)
        assert.strictEqual(ShopHours.parse(time ?? ""), time)
      }),
    )
  })
})

describe("a shop", () => {
  const cases: ReadonlyArray<[string, Partial<typeof HOURS>, Date, boolean]> = [
    ["is shut a minute before it opens", {}, at(MONDAY, "08:59"), false],
    ["is open at the minute it opens", {}, at(MONDAY, "09:00"), true],
    ["is open at its last minute", {}, at(MONDAY, "18:00"), true],
    ["is shut a minute later", {}, at(MONDAY, "18:01"), false],
    ["keeps the hours of a weekend on Saturday", {}, at(SATURDAY, "09:30"), false],
    ["keeps the hours of a weekend on Sunday", {}, at(SUNDAY, "17:00"), true],
    ["is shut on closed days", { weekday_closed: true }, at(TUESDAY, "12:00"), false],
    [
      "is open on weekends when only weekdays are closed",
      { weekday_closed: true },
      at(SUNDAY, "12:00"),
      true,
    ],
    ["goes on past midnight", { weekday_start: "18:00", weekday_end: "02:00" }, at(TUESDAY, "01:59"), true],
    ["ends in the night", { weekday_start: "18:00", weekday_end: "02:00" }, at(TUESDAY, "02:01"), false],
    [
      "is shut by day when it works by night",
      { weekday_start: "18:00", weekday_end: "02:00" },
      at(TUESDAY, "12:00"),
      false,
    ],
    [
      "has the tail of Friday on a closed Saturday",
      { weekday_start: "18:00", weekday_end: "02:00", weekend_closed: true },
      at(SATURDAY, "01:00"),
      true,
    ],
    [
      "has nothing but the tail on a closed Saturday",
      { weekday_start: "18:00", weekday_end: "02:00", weekend_closed: true },
      at(SATURDAY, "19:00"),
      false,
    ],
    [
      "has the tail of Sunday on Monday",
      { weekend_start: "20:00", weekend_end: "03:00" },
      at(NEXT_MONDAY, "02:00"),
      true,
    ],
    [
      "has no tail of a closed day",
      { weekend_start: "20:00", weekend_end: "03:00", weekend_closed: true },
      at(NEXT_MONDAY, "02:00"),
      false,
    ],
    [
      "has no tail of the weekend on Saturday morning",
      { weekend_start: "20:00", weekend_end: "03:00" },
      at(SATURDAY, "02:00"),
      false,
    ],
    ["is open until midnight", { weekday_end: "00:00" }, at(FRIDAY, "23:59"), true],
  ]
  it.each(cases)("%s", (_title, changes, moment, isOpen) => {
    assert.strictEqual(ShopHours.isOpenAt({ ...HOURS, ...changes }, moment), isOpen)
  })

  it("goes by the clock of its own zone", () => {
    // Before 2024-03-01 Aqtobe was an hour behind Almaty.
    const moment = new Date("2024-01-10T03:30:00Z")
    assert.isTrue(ShopHours.isOpenAt(HOURS, moment))
    assert.isFalse(ShopHours.isOpenAt({ ...HOURS, time_zone: "Asia/Aqtobe" }, moment))
  })
})

describe("laws of opening hours", () => {
  const minutes = fc.integer({ min: 0, max: 1_439 })
  const text = (minute: number) =>
    `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`
  const moments = fc.integer({ min: 0, max: 7 * 1_440 - 1 })
  const dateAt = (minute: number) => new Date(at(MONDAY, "00:00").getTime() + minute * 60_000)

  it("is open exactly in the minutes of its intervals, whichever way the week is cut", () => {
    fc.assert(
      fc.property(
        minutes,
        minutes,
        minutes,
        minutes,
        fc.boolean(),
        fc.boolean(),
        moments,
        (start, end, weekendStart, weekendEnd, isWeekdayClosed, isWeekendClosed, moment) => {
          fc.pre(start !== end && weekendStart !== weekendEnd)
          const hours = {
            weekday_start: text(start),
            weekday_end: text(end),
            weekday_closed: isWeekdayClosed,
            weekend_start: text(weekendStart),
            weekend_end: text(weekendEnd),
            weekend_closed: isWeekendClosed,
            time_zone: "Asia/Almaty",
          }
          // The day before Monday is the Sunday of the week before.
          const expected = [-1, 0, 1, 2, 3, 4, 5, 6].some((day) => {
            const isWeekend = day === -1 || day >= 5
            if (isWeekend ? isWeekendClosed : isWeekdayClosed) return false
            const [from, to] = isWeekend ? [weekendStart, weekendEnd] : [start, end]
            const begins = day * 1_440 + from
            const ends = day * 1_440 + (to < from ? to + 1_440 : to)
            return begins <= moment && moment <= ends
          })
          assert.strictEqual(ShopHours.isOpenAt(hours, dateAt(moment)), expected)
        },
      ),
    )
  })

  it("is never open when both kinds of days are closed", () => {
    fc.assert(
      fc.property(minutes, minutes, moments, (start, end, moment) => {
        const hours = {
          weekday_start: text(start),
          weekday_end: text(end),
          weekday_closed: true,
          weekend_start: text(end),
          weekend_end: text(start),
          weekend_closed: true,
          time_zone: "Asia/Almaty",
        }
        assert.isFalse(ShopHours.isOpenAt(hours, dateAt(moment)))
      }),
    )
  })
})
