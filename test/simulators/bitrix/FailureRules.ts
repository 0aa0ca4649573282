/** Which requests fail, and how: scripted outcomes first, then the rules in the order in which they were made. */
import { idOf, objectOf } from "./Exchange.ts"
import type { FailureMode } from "./FailureMode.ts"

export interface FailureRule {
  readonly method?: string
  /** Below the base path: how it begins, or a pattern. */
  readonly path?: RegExp | string
  readonly productId?: number
  readonly mode: FailureMode
  /** Default: for ever. */
  readonly times?: number
  /** The request has its effect although its answer is replaced. */
  readonly commit?: boolean
}

interface LiveRule {
  readonly rule: FailureRule
  left: number
}

export class FailureRules {
  private readonly basePath: string
  private scripted: Array<LiveRule> = []
  private rules: Array<LiveRule> = []

  constructor(basePath: string) {
    this.basePath = basePath
  }

  get unusedOutcomes(): number {
    return this.scripted.length
  }

  add(rule: FailureRule): () => void {
    const live = { rule, left: rule.times ?? Number.POSITIVE_INFINITY }
    this.rules.push(live)
    return () => {
      this.rules = this.rules.filter((other) => other !== live)
    }
  }

  script(match: Omit<FailureRule, "mode" | "times">, outcomes: ReadonlyArray<FailureMode>): void {
    for (const mode of outcomes) this.scripted.push({ rule: { ...match, mode }, left: 1 })
  }

  clear(): void {
    this.scripted = []
    this.rules = []
  }

  /** The rule that this request falls under, one use of it spent. */
  take(method: string, path: string, body: Buffer): FailureRule | undefined {
    if (this.rules.length === 0 && this.scripted.length === 0) return undefined
    const fits = ({ rule }: LiveRule) =>
      (rule.method === undefined || rule.method.toUpperCase() === method) &&
      (rule.path === undefined || this.isOnPath(rule.path, path)) &&
      (rule.productId === undefined || rule.productId === productIdOf(path, body))
    const live = this.scripted.find(fits) ?? this.rules.find(fits)
    if (live === undefined) return undefined
    live.left -= 1
    if (live.left <= 0) {
      this.scripted = this.scripted.filter((other) => other !== live)
      this.rules = this.rules.filter((other) => other !== live)
    }
    return live.rule
  }

  private isOnPath(wanted: RegExp | string, path: string): boolean {
    if (typeof wanted !== "string") return wanted.test(path)
    return path.startsWith(wanted.startsWith(this.basePath) ? wanted.slice(this.basePath.length) : wanted)
  }
}

const productIdOf = (path: string, body: Buffer): number | undefined =>
  idOf(/\/products\/(?:[a-z-]+\/)?(\d+)/.exec(path)?.[1]) ??
  idOf(new URLSearchParams(path.split("?")[1]).get("id")) ??
  (body.length > 0 ? idOf(objectOf(body)?.["id"]) : undefined)
