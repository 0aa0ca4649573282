/**
 * Both sides of one product and what travels between them, step by step and without a clock, a wire or a database.
 *
 *   here --edit--> fact --leave--> push --arrive--> Bitrix --event--> hear | lose
 *                                   '--answer | fail                    read (Bitrix itself)
 *
 * The rules are those of `ProductMerge` and of `BitrixOutbound`; who really said what is remembered beside them, so
 * that the laws do not rest on what the rules believe. A law that is broken throws.
 */
import type { Ledger, Mirrored, SomeFields } from "../../src/bitrix/MirroredProduct.ts"
import { isSame, toldFields } from "../../src/bitrix/MirroredProduct.ts"
import * as PriceText from "../../src/bitrix/PriceText.ts"
import { assumed, delivered, merge, needsTelling, noted, untold } from "../../src/bitrix/ProductMerge.ts"
import type { ProductParcel } from "../../src/bitrix/ProductParcel.ts"
import { asBitrixSays, toParcel, toSent } from "../../src/bitrix/ProductParcel.ts"

export type Told = (typeof toldFields)[number]

export type Step =
  | { readonly kind: "editHere" | "editThere"; readonly field: Told; readonly pick: number }
  | { readonly kind: "leave" | "arrive" | "answer" | "fail" | "read" }
  | { readonly kind: "hear"; readonly pick: number; readonly again: boolean }
  | { readonly kind: "lose"; readonly pick: number }

export interface Habits {
  /** Events carry ids and times, so that repeats and old ones are known for what they are. */
  readonly hasTimes: boolean
  /** The handler reads the product when it sends, not when it changed. */
  readonly readsLate: boolean
  /** The two sides have looked at each other before. */
  readonly haveMet: boolean
}

interface Said {
  /** In our units. */
  readonly value: unknown
  readonly author: "start" | "florist" | "push"
  /** What it is here: of a push, the value that it told. */
  readonly ours: unknown
  /** When it was said; rises with every change over there. */
  readonly turn: number
}
type Snapshot = Readonly<Record<Told, Said>>

interface Push {
  readonly body: ProductParcel
  readonly local: Mirrored
  readonly generation: number
  readonly knownTurn: ReadonlyMap<Told, number>
  hasArrived: boolean
}

const ORIGIN = "https://bitrix.example"

const START: Mirrored = {
  name: "Розы",
  price: 500_000,
  description: "Красные",
  image: `${ORIGIN}/upload/start.jpg`,
  enabled: true,
  type: "catalog",
  width: null,
  height: null,
  images: [],
}

/** Few, so that what was once said is said again. */
const HERE: Readonly<Record<Told, ReadonlyArray<unknown>>> = {
  name: ["Розы", "Пионы", "Лилии"],
  price: [500_000, 612_350, 700_000],
  description: ["Красные", "Белые", "Жёлтые"],
  image: ["https://shop.example/a.jpg", "https://shop.example/b.jpg"],
  enabled: [true, false],
}
const THERE: Readonly<Record<Told, ReadonlyArray<unknown>>> = {
  ...HERE,
  name: ["Розы", "Пионы", "Тюльпаны"],
  price: [500_000, 612_400, 800_000],
  image: [`${ORIGIN}/upload/x.jpg`, `${ORIGIN}/upload/y.jpg`],
}

export class ProductSyncModel {
  local: Mirrored = START
  bitrix: Snapshot
  ledger: Ledger | undefined
  conflicts = 0
  editsHere = 0
  editsThere = 0
  /** How often what came from Bitrix changed something here. */
  changesHere = 0
  /** How often a push changed something there. */
  changesThere = 0
  private readonly habits: Habits
  private fact: { before: Record<string, unknown>; generation: number } | undefined
  private push: Push | undefined
  private events: Array<{ readonly turn: number; readonly snapshot: () => Snapshot }> = []
  private readonly heard = new Set<number>()
  private lastEventTurn = -1
  private turn = 0
  private copies = 0
  private hasPictureOfFlorist = false
  private hasFailedPicture = false
  /** Both sides said the same of themselves, so that an event of the one looks like that of the other. */
  private hasCoincidence = false
  private readonly saidBy = { here: new Set<string>(), there: new Set<string>() }
  /** What was once said on both sides at a time: a push that was under way then may still land. */
  private readonly disputed = new Set<Told>()
  private readonly authorHere = new Map<Told, "here" | "there">()
  private readonly knownTurn = new Map<Told, number>()

  constructor(habits: Habits) {
    this.habits = habits
    if (habits.haveMet) this.ledger = assumed(START, {})
    this.bitrix = Object.fromEntries(
      toldFields.map((field) => [
        field,
        { value: START[field], ours: START[field], author: "start", turn: 0 },
      ]),
    ) as never
  }

  take(step: Step): void {
    switch (step.kind) {
      case "editHere":
        return this.editHere(step.field, pickFrom(HERE[step.field], step.pick))
      case "editThere":
        return this.editThere(step.field, pickFrom(THERE[step.field], step.pick))
      case "leave":
        return this.leave()
      case "arrive":
        return this.arrive()
      case "answer":
        return this.answer()
      case "fail":
        if (this.push?.body.image != null) this.hasFailedPicture = true
        this.push = undefined
        return
      case "hear":
        return this.hear(step.pick, step.again)
      case "lose":
        if (this.events.length > 0) this.events.splice(step.pick % this.events.length, 1)
        return
      case "read":
        // What was said before is heard before: a walk through the list takes longer than an event.
        if (this.push === undefined && this.events.length === 0) this.apply(this.bitrix, true)
    }
  }

  /** The storm is over: what is under way ends, and each side looks at the other until nothing is left to tell. */
  settle(): void {
    this.arrive()
    this.answer()
    while (this.events.length > 0) this.hear(0, false)
    for (let round = 0; round < 4; round += 1) {
      this.apply(this.bitrix, true)
      this.leave()
      this.arrive()
      this.answer()
      while (this.events.length > 0) this.hear(0, false)
    }
    for (const field of toldFields) {
      const { value, ours, author } = this.bitrix[field]
      const isEqual = isSame(asBitrixSays(this.local)[field], value) || isSame(this.local[field], ours)
      const isOfDoubt = field === "image" && this.isPictureOfDoubt && isSame(this.ledger?.theirs.image, value)
      this.law(isEqual || isOfDoubt, `${field} is ${author}'s ${value} there, ${this.local[field]} here`)
    }
    const told = this.ledger === undefined ? [] : untold(this.local, this.ledger)
    this.law(told.length === 0, `nobody was told of ${told.join()}`)
  }

  private editHere(field: Told, value: unknown): void {
    if (isSame(this.local[field], value)) return
    this.editsHere += 1
    this.fact = {
      before: { [field]: this.local[field], ...this.fact?.before },
      generation: (this.fact?.generation ?? 0) + 1,
    }
    this.local = { ...this.local, [field]: value }
    this.note("here", field, asBitrixSays(this.local)[field])
    this.authorHere.set(field, "here")
  }

  private editThere(field: Told, value: unknown): void {
    if (isSame(this.bitrix[field].value, value)) return
    this.editsThere += 1
    if (field === "image") this.hasPictureOfFlorist = true
    this.note("there", field, value)
    this.say({ [field]: { value, ours: value, author: "florist", turn: ++this.turn } })
  }

  private note(side: "here" | "there", field: Told, value: unknown): void {
    const words = `${field}: ${value}`
    this.saidBy[side].add(words)
    if (this.saidBy[side === "here" ? "there" : "here"].has(words)) this.hasCoincidence = true
  }

  private say(change: Partial<Snapshot>): void {
    this.bitrix = { ...this.bitrix, ...change }
    const now = this.bitrix
    this.events.push({ turn: this.turn, snapshot: this.habits.readsLate ? () => this.bitrix : () => now })
  }

  private leave(): void {
    if (this.fact === undefined || this.push !== undefined) return
    const agreed = this.ledger ?? assumed(this.local, this.fact.before)
    if (this.ledger !== undefined && !needsTelling(this.local, agreed)) {
      this.fact = undefined
      return
    }
    this.push = {
      body: toParcel(1, this.local, this.ledger ?? null),
      local: this.local,
      generation: this.fact.generation,
      knownTurn: new Map(this.knownTurn),
      hasArrived: false,
    }
    this.ledger = noted(agreed, toSent(this.local, agreed))
  }

  private arrive(): void {
    const { push } = this
    if (push === undefined || push.hasArrived) return
    push.hasArrived = true
    const { body, local } = push
    const price = PriceText.parse(body.price)
    if (!("price" in price)) throw new Error(`a price that nobody reads: ${body.price}`)
    const told: Record<Told, unknown> = {
      name: body.title,
      price: price.price,
      description: body.description,
      image: body.image,
      enabled: body.isAvailable,
    }
    const turn = ++this.turn
    const change: Record<string, Said> = {}
    for (const field of toldFields) {
      const value = told[field]
      const said = this.bitrix[field]
      if (value === null || value === "" || isSame(value, said.value)) continue
      // A push tells every field, so it takes back what a florist said and nobody here heard.
      if (said.author === "florist" && said.turn > (push.knownTurn.get(field) ?? 0)) this.disputed.add(field)
      change[field] = {
        value: field === "image" ? `${ORIGIN}/upload/copy${++this.copies}.jpg` : value,
        ours: local[field],
        author: "push",
        turn,
      }
    }
    if (Object.keys(change).length > 0) this.changesThere += 1
    this.say(change)
  }

  private answer(): void {
    const { push } = this
    if (push === undefined || !push.hasArrived || this.ledger === undefined) return
    this.push = undefined
    this.ledger = delivered(this.ledger)
    if (this.fact?.generation === push.generation) this.fact = undefined
    else if (this.fact !== undefined) this.fact.before = {}
  }

  private hear(pick: number, again: boolean): void {
    const at = pick % Math.max(1, this.events.length)
    const event = this.events[at]
    if (event === undefined) return
    if (!again) this.events.splice(at, 1)
    const { turn, snapshot } = event
    if (this.habits.hasTimes) {
      if (this.heard.has(turn) || turn < this.lastEventTurn) return
      this.heard.add(turn)
      this.lastEventTurn = turn
    }
    this.apply(snapshot(), false)
  }

  private apply(said: Snapshot, isAuthoritative: boolean): void {
    const incoming = Object.fromEntries(toldFields.map((field) => [field, said[field].value])) as SomeFields
    const agreed = this.ledger ?? assumed(this.local, this.fact?.before ?? {})
    const merged = merge({ local: this.local, agreed, incoming, isAuthoritative })
    for (const { field, ours, theirs } of merged.conflicts) {
      const told = field as Told
      const { author, turn } = said[told]
      this.conflicts += 1
      if (this.isAnybodysGuess) continue
      if (field === "image" ? this.isPictureOfDoubt : this.disputed.has(told)) continue
      this.disputed.add(told)
      this.law(this.authorHere.get(told) === "here", `a conflict over ${field}, which nobody changed here`)
      this.law(
        author === "florist",
        `a conflict over ${field} with what ${author} said: ${theirs}, here ${ours}`,
      )
      this.law(
        isAuthoritative || !this.habits.hasTimes || turn > (this.knownTurn.get(told) ?? 0),
        `a conflict over ${field} with what was known already: ${theirs}, here ${ours}`,
      )
    }
    const changed = toldFields.filter((field) => field in merged.changes)
    if (changed.length > 0) this.changesHere += 1
    const isEcho =
      !this.isAnybodysGuess &&
      this.editsThere === 0 &&
      changed.some((field) => field !== "image" || !this.isPictureOfDoubt)
    this.law(!isEcho, `our own words came back as news: ${changed.join()}`)
    for (const field of toldFields) {
      if (changed.includes(field)) this.authorHere.set(field, "there")
      if (isSame(merged.ledger.theirs[field], said[field].value))
        this.knownTurn.set(field, Math.max(this.knownTurn.get(field) ?? 0, said[field].turn))
    }
    this.local = { ...this.local, ...merged.changes }
    this.ledger = merged.ledger
    if (needsTelling(this.local, this.ledger)) this.fact ??= { before: {}, generation: 1 }
  }

  /** A copy has an address that nobody foretells; taking it in the place of ours shows the same picture. */
  private get isPictureOfDoubt(): boolean {
    const isUnclear =
      this.hasPictureOfFlorist ||
      this.hasFailedPicture ||
      this.hasCoincidence ||
      this.disputed.size > 0 ||
      this.isAnybodysGuess
    return !this.habits.haveMet || this.copies > 0 || isUnclear
  }

  /** Old news that nobody can tell from new ones: then both sides end up equal, and no more is promised. */
  private get isAnybodysGuess(): boolean {
    return !this.habits.hasTimes && !this.habits.readsLate
  }

  private law(holds: boolean, otherwise: string): void {
    if (!holds) throw new Error(otherwise)
  }
}

const pickFrom = (values: ReadonlyArray<unknown>, pick: number): unknown => values[pick % values.length]
