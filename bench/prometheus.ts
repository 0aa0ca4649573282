/** Reads our own `/metrics`, twice, and says what lies between. */

export type Samples = ReadonlyMap<string, number>

export const parse = (text: string): Samples =>
  new Map(
    text.split("\n").flatMap((line) => {
      const end = line.lastIndexOf(" ")
      return line === "" || line.startsWith("#") ? [] : [[line.slice(0, end), Number(line.slice(end + 1))]]
    }),
  )

/** Sum over every series of a counter. */
export const increase = (before: Samples, after: Samples, name: string): number => {
  let sum = 0
  for (const [series, value] of after) {
    if (series === name || series.startsWith(`${name}{`)) sum += value - (before.get(series) ?? 0)
  }
  return sum
}

/** A quantile of a histogram's observations in between, interpolated within its bucket as Prometheus does. */
export const quantile = (
  before: Samples,
  after: Samples,
  histogram: { readonly name: string; readonly label: string },
  q: number,
): number => {
  const buckets = [...after]
    .flatMap(([series, value]) => {
      const le = LE.exec(series)?.[1]
      return le !== undefined &&
        series.startsWith(`${histogram.name}_bucket{`) &&
        series.includes(histogram.label)
        ? [
            {
              le: le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le),
              count: value - (before.get(series) ?? 0),
            },
          ]
        : []
    })
    .sort((a, b) => a.le - b.le)
  const rank = q * (buckets.at(-1)?.count ?? 0)
  let lower = { le: 0, count: 0 }
  for (const bucket of buckets) {
    if (bucket.count >= rank) {
      if (bucket.le === Number.POSITIVE_INFINITY) return lower.le
      const share = bucket.count === lower.count ? 1 : (rank - lower.count) / (bucket.count - lower.count)
      return lower.le + (bucket.le - lower.le) * share
    }
    lower = bucket
  }
  return lower.le
}

const LE = /le="([^"]+)"/
