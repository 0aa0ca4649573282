/**
 * What leaves for Bitrix when a product changed here: the fields of its `update-from-railway` script and of the system
 * diagrams together. A field that did not change here is sent as Bitrix itself last said it, and left out where we could
 * not read that, or cannot repeat it whole.
 *
 * The script ignores an empty title, description or picture, so those cannot be cleared over there. It downloads a
 * picture whenever it is given one and keeps a new copy, so a picture that it has is not sent again.
 */
import { Tiyn } from "../shared/Tiyn.ts"
import type { Ledger, Mirrored, Sent, SomeFields } from "./MirroredProduct.ts"
import { isSame, toldFields } from "./MirroredProduct.ts"
import * as PriceText from "./PriceText.ts"

export interface ProductParcel {
  readonly id: number
  readonly name?: string
  readonly title?: string
  /** As Bitrix keeps it: `"5 000 ₸"`. */
  readonly price?: string
  readonly image: string | null
  readonly description?: string
  readonly enabled?: "Y" | "N"
  readonly isAvailable?: boolean
}

/** `agreed` is null before the two sides have met over this product. */
export const toParcel = (id: number, local: Mirrored, agreed: Ledger | null): ProductParcel => {
  const value = <F extends Told>(field: F): Mirrored[F] => {
    const said = agreed?.theirs[field] as Mirrored[F] | undefined
    return said !== undefined && isSame(local[field], agreed?.ours[field]) ? said : local[field]
  }
  const told = (field: Told) => !isLeftOut(field, local, agreed)
  return {
    id,
    ...(told("name") ? { name: value("name"), title: value("name") } : {}),
    ...(told("price") ? { price: PriceText.format(Tiyn.make(value("price"))) } : {}),
    image: hasNewPicture(local, agreed) ? local.image : null,
    ...(told("description") ? { description: value("description") ?? "" } : {}),
    ...(told("enabled") ? { enabled: value("enabled") ? "Y" : "N", isAvailable: value("enabled") } : {}),
  }
}

/** The push as it will be met again. */
export const toSent = (local: Mirrored, agreed: Ledger): Sent => {
  const sent = toldFields.filter((field) =>
    field === "image" ? hasNewPicture(local, agreed) : !isLeftOut(field, local, agreed),
  )
  return { ours: only(local, sent), theirs: only(asBitrixSays(local), sent), isDelivered: false }
}

type Told = (typeof toldFields)[number]

const isLeftOut = (field: Told, local: Mirrored, agreed: Ledger | null): boolean =>
  (field === "price" && local.price > 0 && wholeTenge(local.price) === 0) ||
  (agreed !== null && agreed.blurred.includes(field) && isSame(local[field], agreed.ours[field]))

const only = (some: SomeFields, wanted: ReadonlyArray<Told>): SomeFields =>
  Object.fromEntries(wanted.flatMap((field) => (field in some ? [[field, some[field]]] : []))) as SomeFields

/** Only what has an address in the world: a path would mean a file of Bitrix's own disk. */
const hasNewPicture = (local: Mirrored, agreed: Ledger | null): boolean =>
  (local.image === null || /^https?:\/\//.test(local.image)) &&
  (agreed === null || !isSame(local.image, agreed.ours.image))

/** The told fields as Bitrix says them once it took them; what it ignores or renames is left out. */
export const asBitrixSays = (local: Mirrored): SomeFields => ({
  ...(local.name.trim() === "" ? {} : { name: local.name.trim() }),
  price: wholeTenge(local.price),
  ...(local.description === null || local.description === "" ? {} : { description: local.description }),
  enabled: local.enabled,
})

const wholeTenge = (price: number): number => {
  const parsed = PriceText.parse(PriceText.format(Tiyn.make(price)))
  return "price" in parsed ? parsed.price : price
}
