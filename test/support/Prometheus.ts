/**
 * Reads the Prometheus text format 0.0.4 as strictly as its description allows, and throws at whatever a scraper
 * could refuse: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly type: "counter" | "gauge" | "histogram" | "summary" | "untyped"
  readonly help: string
  readonly samples: ReadonlyArray<Sample>
}

const TYPES = new Set(["counter", "gauge", "histogram", "summary", "untyped"])
const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: (-?[0-9]+))?$/
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:\\\\|\\"|\\n|[^"\\\n])*)"(?:,|$)/y
const VALUE = /^(?:[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]Inf|NaN)$/

export const parse = (text: string): ReadonlyMap<string, Family> => {
  if (!text.endsWith("\n")) throw new Error("the last line does not end")
  const families = new Map<string, { type: Family["type"]; help: string; samples: Array<Sample> }>()
  let current = ""
  const refuse = (line: string, why: string): never => {
    throw new Error(`${why}: ${line}`)
  }
  for (const line of text.split("\n").slice(0, -1)) {
    if (line === "") continue
    const [, keyword, name = "", rest = ""] = /^# (HELP|TYPE) (\S+)(?: (.*))?$/.exec(line) ?? []
    if (keyword !== undefined) {
      if (!NAME.test(name)) refuse(line, "not a name")
      if (name !== current) {
        if (families.has(name)) refuse(line, "a family in two places")
        families.set(name, { type: "untyped", help: "", samples: [] })
        current = name
      }
      const family = families.get(name) ?? refuse(line, "no family")
      if (family.samples.length > 0) refuse(line, "described after its samples")
      if (keyword === "HELP") family.help = rest
      else if (TYPES.has(rest)) family.type = rest as Family["type"]
      else refuse(line, "not a type")
      continue
    }
    if (line.startsWith("#")) continue
    const [, metric = refuse(line, "not a sample"), labels = "", value = ""] = SAMPLE.exec(line) ?? []
    if (!VALUE.test(value)) refuse(line, "not a value")
    const family = families.get(current)
    if (family === undefined || !belongs(metric, current, family.type)) {
      return refuse(line, "a sample outside its family")
    }
    family.samples.push({ name: metric, labels: readLabels(labels, line), value: toNumber(value) })
  }
  for (const [name, family] of families) check(name, family)
  return families
}

const belongs = (metric: string, family: string, type: Family["type"]): boolean =>
  type === "histogram"
    ? ["_bucket", "_sum", "_count"].some((suffix) => metric === family + suffix)
    : type === "summary"
      ? ["", "_sum", "_count"].some((suffix) => metric === family + suffix)
      : metric === family

const readLabels = (text: string, line: string): Record<string, string> => {
  const labels: Record<string, string> = {}
  LABEL.lastIndex = 0
  while (LABEL.lastIndex < text.length) {
    const [, name, value = ""] = LABEL.exec(text) ?? []
    if (name === undefined) throw new Error(`not a label: ${line}`)
    if (Object.hasOwn(labels, name)) throw new Error(`a label twice: ${line}`)
    labels[name] = value.replace(/\\(.)/g, (_, code: string) => (code === "n" ? "\n" : code))
  }
  return labels
}

const toNumber = (value: string): number =>
  value.endsWith("Inf") ? (value.startsWith("-") ? -Infinity : Infinity) : Number(value)

const check = (name: string, { type, samples }: Family): void => {
  const series = samples.map((sample) => `${sample.name} ${seriesKey(sample.labels)}`)
  if (new Set(series).size !== series.length) throw new Error(`a series of ${name} twice`)
  if (type === "counter" && samples.some(({ value }) => !(value >= 0))) {
    throw new Error(`the counter ${name} is below zero`)
  }
  if (type === "histogram") {
    const histograms = Map.groupBy(samples, ({ labels: { le: _, ...labels } }) => seriesKey(labels))
    for (const parts of histograms.values()) checkHistogram(name, parts)
  }
}

const checkHistogram = (name: string, parts: ReadonlyArray<Sample>): void => {
  const buckets = parts.filter((part) => part.name === `${name}_bucket`)
  const count = parts.filter((part) => part.name === `${name}_count`)
  const sum = parts.filter((part) => part.name === `${name}_sum`)
  const bounds = buckets.map(({ labels }) => toNumber(labels["le"] ?? "NaN"))
  const isRising = (numbers: ReadonlyArray<number>, isStrict: boolean) =>
    numbers.every((number, index) => {
      const last = numbers[index - 1] ?? -Infinity
      return isStrict ? number > last : number >= last
    })
  const isWhole =
    count.length === 1 &&
    sum.length === 1 &&
    bounds.at(-1) === Infinity &&
    isRising(bounds, true) &&
    isRising(
      buckets.map(({ value }) => value),
      false,
    ) &&
    buckets.at(-1)?.value === count[0]?.value
  if (!isWhole) throw new Error(`the histogram ${name} is not whole: ${JSON.stringify(parts)}`)
}

const seriesKey = (labels: Readonly<Record<string, string>>): string =>
  JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))

/** The sum of the samples of this name that carry these labels; undefined when there is none. */
export const total = (
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined => {
  const samples = [...families.values()]
    .flatMap((family) => family.samples)
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
  return samples.length === 0 ? undefined : samples.reduce((sum, { value }) => sum + value, 0)
}
