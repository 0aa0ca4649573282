/** What is printed while the demo plays: a line per event, with the time since the start. Colours on a terminal only. */
const isColoured = process.stdout.isTTY && process.env["NO_COLOR"] === undefined

const paint = (code: number, text: string): string => (isColoured ? `\u001B[${code}m${text}\u001B[0m` : text)
const bold = 1
const dim = 2
const red = 31
const green = 32
const yellow = 33
const cyan = 36

export type Side = "here" | "Bitrix" | "both" | ""
const colourOf: Readonly<Record<Side, number>> = { here: cyan, Bitrix: yellow, both: green, "": dim }
const SIDE_CHARS = 7

export class Timeline {
  private readonly startMs = performance.now()

  say(side: Side, text: string): void {
    this.line(paint(colourOf[side], side.padEnd(SIDE_CHARS)), text)
  }

  fail(text: string): void {
    this.line(paint(red, "FAILED".padEnd(SIDE_CHARS)), text)
  }

  title(text: string): void {
    process.stdout.write(`\n${paint(bold, text)}\n`)
  }

  table(heading: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): void {
    const widths = heading.map((name, column) =>
      Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)),
    )
    const text = (cells: ReadonlyArray<string>) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd()
    process.stdout.write(`\n${paint(bold, text(heading))}\n${rows.map((row) => `${text(row)}\n`).join("")}`)
  }

  end(text: string, isGood: boolean): void {
    const seconds = ((performance.now() - this.startMs) / 1e3).toFixed(1)
    process.stdout.write(`\n${paint(isGood ? green : red, text)} ${seconds} s in all.\n`)
  }

  private line(side: string, text: string): void {
    const seconds = ((performance.now() - this.startMs) / 1e3).toFixed(2).padStart(6)
    process.stdout.write(`${paint(dim, `${seconds} s`)}  ${side}  ${text}\n`)
  }
}
