import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as ShopHours from "../../src/shops/ShopHours.ts"

const DAY_MINUTES = 24 * 60
const WEEK_MINUTES = 7 * DAY_MINUTES

const textOf = (minute: number): string =>
  `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`

const minuteOf = fc.integer({ min: 0, max: DAY_MINUTES - 1 })

/** Monday 00:00 of a week in which Almaty is five hours ahead of UTC. */
const MONDAY = Date.parse("2026-03-02T00:00:00Z")
const ALMATY_AHEAD = 5 * 60

const almaty = (minuteOfWeek: number): Date => new Date(MONDAY + (minuteOfWeek - ALMATY_AHEAD) * 60_000)

const hours = {
  weekday_start: "09:00",
  weekday_end: "18:00",
  weekday_closed: false,
  weekend_start: "10:00",
  weekend_end: "17:00",
  weekend_closed: false,
  time_zone: "Asia/Almaty",
}

const at = (day: ShopHours.Day, time: string): Date => {
  const [hour = 0, minute = 0] = time.split(":").map(Number)
  return almaty(ShopHours.days.indexOf(day) * DAY_MINUTES + hour * 60 + minute)
}

describe("a time of a day", () => {
  it.each([
    ["9:5", "09:05"],
    ["09:05", "09:05"],
    ["0:0", "00:00"],
    ["23:59", "23:59"],
    [" 7:30 ", "07:30"],
  ])("reads %j as %s", (given, expected) => {
    assert.strictEqual(ShopHours.parse(given), expected)
  })

  it.each([
    "",
    ":",
    "9",
    "9:",
    ":30",
    "24:00",
    "12:60",
    "-1:00",
    "9:5:0",
    "9.30",
    "９:00",
    "09:005",
    "noon",
    "9:5\n9:6",
  ])("refuses %j", (given) => {
    assert.isNull(ShopHours.parse(given))
  })

  it("is the same whether written with its zeros or without", () => {
    fc.assert(
      fc.property(minuteOf, (minute) => {
        const bare = `${Math.floor(minute / 60)}:${minute % 60}`
        assert.strictEqual(ShopHours.parse(bare), textOf(minute))
        assert.strictEqual(ShopHours.parse(textOf(minute)), textOf(minute))
      }),
    )
  })

  it("never comes out of other text", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 8 }), (text) => {
        const parsed = ShopHours.parse(text)
        if (parsed !== null) assert.match(parsed, /^([01][0-9]|2[0-3]):[0-5][0-9]$/)
      }),
    )
  })
})

describe("open now", () => {
  it.each<[ShopHours.Day, string, boolean]>([
    ["Monday", "08:59", false],
    ["Monday", "09:00", true],
    ["Monday", "18:00", true],
    ["Monday", "18:01", false],
    ["Friday", "17:30", true],
    ["Saturday", "09:30", false],
    ["Saturday", "10:00", true],
    ["Sunday", "17:00", true],
    ["Sunday", "17:01", false],
  ])("on %s at %s is %s", (day, time, isOpen) => {
    assert.strictEqual(ShopHours.isOpenAt(hours, at(day, time)), isOpen)
  })

  const overnight = { ...hours, weekday_start: "18:00", weekday_end: "02:00" }

  it.each<[string, Partial<typeof hours>, ShopHours.Day, string, boolean]>([
    ["the evening", {}, "Tuesday", "23:59", true],
    ["the tail of yesterday", {}, "Wednesday", "01:59", true],
    ["the end of the tail", {}, "Wednesday", "02:00", true],
    ["after the tail", {}, "Wednesday", "02:01", false],
    ["before the evening", {}, "Wednesday", "17:59", false],
    ["the tail of Friday on a closed Saturday", { weekend_closed: true }, "Saturday", "01:00", true],
    ["the rest of a closed Saturday", { weekend_closed: true }, "Saturday", "12:00", false],
    ["Monday has no tail of a Sunday that ended", {}, "Monday", "01:00", false],
    ["a closed Friday leaves no tail", { weekday_closed: true }, "Saturday", "01:00", false],
  ])("with hours past midnight: %s", (_title, change, day, time, isOpen) => {
    assert.strictEqual(ShopHours.isOpenAt({ ...overnight, ...change }, at(day, time)), isOpen)
  })

  it("is decided by the zone of the shop", () => {
    const noonInAlmaty = at("Monday", "09:30")
    assert.isTrue(ShopHours.isOpenAt(hours, noonInAlmaty))
    assert.isFalse(ShopHours.isOpenAt({ ...hours, time_zone: "UTC" }, noonInAlmaty))
    // Still Sunday evening there.
    assert.deepStrictEqual(ShopHours.localTime("America/New_York", noonInAlmaty), {
      day: "Sunday",
      time: "23:30",
    })
  })

  it("agrees with a week laid out minute by minute", () => {
    fc.assert(
      fc.property(
        fc.tuple(minuteOf, minuteOf).filter(([start, end]) => start !== end),
        fc.tuple(minuteOf, minuteOf).filter(([start, end]) => start !== end),
        fc.boolean(),
        fc.boolean(),
        fc.integer({ min: 0, max: WEEK_MINUTES - 1 }),
        (weekday, weekend, isWeekdayClosed, isWeekendClosed, minute) => {
          const open = new Set<number>()
          ShopHours.days.forEach((_day, index) => {
            const [start, end] = index < 5 ? weekday : weekend
            if (index < 5 ? isWeekdayClosed : isWeekendClosed) return
            const length = (end - start + DAY_MINUTES) % DAY_MINUTES
            for (let step = 0; step <= length; step++) {
              open.add((index * DAY_MINUTES + start + step) % WEEK_MINUTES)
            }
          })
          const shop = {
            weekday_start: textOf(weekday[0]),
            weekday_end: textOf(weekday[1]),
            weekday_closed: isWeekdayClosed,
            weekend_start: textOf(weekend[0]),
            weekend_end: textOf(weekend[1]),
            weekend_closed: isWeekendClosed,
            time_zone: "Asia/Almaty",
          }
          assert.strictEqual(ShopHours.isOpenAt(shop, almaty(minute)), open.has(minute))
        },
      ),
    )
  })
})
