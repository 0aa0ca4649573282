import { spawnSync } from "node:child_process"
import { readdir, readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "vitest"
import { parse } from "yaml"

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url))
const FOLDER = `${ROOT}ops/prometheus/`
const text = await readFile(`${FOLDER}cvety.rules.yml`, "utf8")
const rules: ReadonlyArray<Rule> = parse(text).groups.flatMap(
  (group: { readonly rules: ReadonlyArray<Rule> }) => group.rules,
)

// What Prometheus itself knows of whatever it scrapes.
const OF_PROMETHEUS = new Set(["up"])
const WORDS = new Set(["and", "or", "unless", "by", "without", "on", "ignoring", "offset", "bool"])

/** Names of metrics in an expression: what is left of its words without labels, durations, functions and operators. */
const metricsOf = (expr: string): ReadonlyArray<string> => {
  const bare = expr
    .replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, " ")
    .replaceAll(/\b(?:by|without|on|ignoring)\s*\([^)]*\)/g, " ")
    .replaceAll(/\b\d[\w.]*/g, " ")
  return [...bare.matchAll(/[a-zA-Z_:][\w:]*(?!\w)(?!\s*\()/g)]
    .map(([name]) => name)
    .filter((name) => !WORDS.has(name))
}

/** Names that the source gives to metrics, with the series that a histogram makes. */
const metricsOfSource = async (): Promise<ReadonlySet<string>> => {
  const files = (await readdir(`${ROOT}src`, { recursive: true })).filter((name) => name.endsWith(".ts"))
  const sources = await Promise.all(files.map((name) => readFile(`${ROOT}src/${name}`, "utf8")))
  const declared = [...sources.join("\n").matchAll(/Metric\.(counter|gauge|histogram)\(\s*"([^"]+)"/g)]
  return new Set(
    declared.flatMap(([, type, name = ""]) =>
      type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  )
}

const hasPromtool = spawnSync("promtool", ["--version"]).status === 0

describe("the alerting rules", () => {
  it("have names of their own, a severity, and words for whoever is woken", () => {
    assert.isNotEmpty(rules)
    assert.strictEqual(new Set(rules.map(({ alert }) => alert)).size, rules.length)
    for (const { alert, labels, annotations, ...rule } of rules) {
      assert.match(alert, /^Cvety[A-Z]\w+$/)
      assert.include(["warning", "critical"], labels["severity"], alert)
      assert.isNotEmpty(annotations["summary"], alert)
      assert.isNotEmpty(annotations["description"], alert)
      if (rule.for !== undefined) assert.match(rule.for, /^\d+[mh]$/, alert)
    }
  })

  it("name metrics that the service has, and no others", async () => {
    const known = await metricsOfSource()
    const unknown = rules.flatMap(({ alert, expr }) =>
      metricsOf(expr)
        .filter((name) => !known.has(name) && !OF_PROMETHEUS.has(name))
        .map((name) => `${alert}: ${name}`),
    )
    assert.deepStrictEqual(unknown, [])
    assert.isAbove(new Set(rules.flatMap(({ expr }) => metricsOf(expr))).size, 10)
  })

  it("are what Prometheus in compose.yaml reads", async () => {
    const { services, configs } = parse(await readFile(`${ROOT}compose.yaml`, "utf8"))
    const [mount = ""] = services.prometheus.volumes
    const [from, to] = mount.split(":")
    assert.strictEqual(from, "./ops/prometheus/cvety.rules.yml")
    assert.deepStrictEqual(parse(configs.prometheus.content).rule_files, [to])
  })

  it.skipIf(!hasPromtool)(
    hasPromtool ? "pass promtool and their own tests" : "pass promtool (skipped: it is not on the PATH)",
    () => {
      for (const args of [
        ["check", "rules", "cvety.rules.yml"],
        ["test", "rules", "cvety.rules.test.yml"],
      ]) {
        const { status, stdout, stderr } = spawnSync("promtool", args, { cwd: FOLDER, encoding: "utf8" })
        assert.strictEqual(status, 0, `${stdout}${stderr}`)
      }
    },
  )
})
