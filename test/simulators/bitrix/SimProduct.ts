/** A product as Bitrix keeps it, and the forms in which its API tells it. */
import { isoSeconds } from "./SimulatorClock.ts"

export interface SimProduct {
  readonly id: number
  readonly title: string
  /** Exactly as stored: text such as "7 500 ₸" as a rule, but the property takes anything. */
  readonly price: string | number | null
  readonly image: string | null
  readonly images: ReadonlyArray<string> | null
  readonly isAvailable: boolean
  readonly createdAt: string
  readonly type: "vitrina" | "catalog"
  readonly width: string | null
  readonly height: string | null
  readonly catalogWidth: string | null
  readonly catalogHeight: string | null
  readonly video: string | null
  readonly duration: string | null
  readonly discount: string | null
  readonly composition: ReadonlyArray<unknown> | null
  readonly colors: ReadonlyArray<string> | false
  readonly productionTime: "short" | "medium" | "long" | null
  /** DETAIL_TEXT; the list does not tell it unless the option says so. */
  readonly description: string
  readonly xmlId: string | null
  /** Null: sold in every city. */
  readonly cityId: number | null
  /** Null makes the event handler call an update a creation. */
  readonly sectionId: number | null
}

const CREATED_AT_MS = Date.UTC(2025, 8, 26, 9, 59, 39)

export const complete = (given: Partial<SimProduct> & { readonly id: number }): SimProduct => ({
  title: `Букет № ${given.id}`,
  price: "7 500 ₸",
  image: `/upload/iblock/${given.id}.jpg`,
  images: [],
  isAvailable: true,
  createdAt: isoSeconds(CREATED_AT_MS),
  type: "vitrina",
  width: "",
  height: "",
  catalogWidth: null,
  catalogHeight: null,
  video: null,
  duration: null,
  discount: "0",
  composition: null,
  colors: false,
  productionTime: null,
  description: "",
  xmlId: null,
  cityId: null,
  sectionId: 1,
  ...given,
})

export const listItem = (product: SimProduct, withDescription: boolean) => ({
  id: product.id,
  title: product.title,
  price: product.price,
  image: product.image,
  images: product.images,
  isAvailable: product.isAvailable,
  createdAt: product.createdAt,
  type: product.type,
  width: product.width,
  height: product.height,
  catalogWidth: product.catalogWidth,
  catalogHeight: product.catalogHeight,
  video: product.video,
  duration: product.duration,
  discount: product.discount,
  composition: product.composition,
  colors: product.colors,
  productionTime: product.productionTime,
  ...(withDescription ? { description: product.description } : {}),
})

export const detail = (product: SimProduct) => ({ ...listItem(product, true), xmlId: product.xmlId })

/** 750000 -> "7 500 ₸" */
export const tengeText = (kopecks: number): string =>
  `${String(Math.round(kopecks / 100)).replaceAll(/\B(?=(\d{3})+$)/g, " ")} ₸`
