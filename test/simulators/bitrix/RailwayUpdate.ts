/**
 * `PUT /products/update-from-railway`, with the id in the body or at the end of the path.
 *
 * Checked in this order: method, token, JSON, id, product. Both spellings of the fields are understood:
 *
 *   title | name              not empty -> NAME
 *   price                     text, verbatim -> PRICE
 *   image                     URL -> Bitrix downloads a copy and keeps the copy's own URL -> PREVIEW_PICTURE
 *   isAvailable | enabled     present, true or "Y" -> ACTIVE
 *   description               not empty -> DETAIL_TEXT
 */
import { type Answer, type Exchange, idOf, json, objectOf } from "./Exchange.ts"
import type { SimProduct } from "./SimProduct.ts"
import { zoneless } from "./SimulatorClock.ts"
import type { World } from "./World.ts"

const IMAGE_TIMEOUT_MS = 30_000

export const updateFromRailway = (
  world: World,
  exchange: Exchange,
  idInPath?: string,
): Answer | Promise<Answer> => {
  const body = objectOf(exchange.body)
  if (body === undefined) return failed(400, "Invalid JSON payload")
  const id = idOf(idInPath ?? body["id"])
  if (id === undefined) return failed(400, "Missing or invalid product id")
  if (!world.products.has(id)) return failed(404, "Product not found")
  const { image } = body
  if (typeof image !== "string" || image === "") return write(world, id, body, undefined)
  const copy = copyOf(world, image)
  return typeof copy === "string" || copy === undefined
    ? write(world, id, body, copy)
    : copy.then((made) => write(world, id, body, made))
}

export const failed = (status: number, error: string): Answer => json(status, { status: false, error })

const write = (
  world: World,
  id: number,
  body: Readonly<Record<string, unknown>>,
  copy: string | undefined,
): Answer | Promise<Answer> => {
  const before = world.products.get(id)
  if (before === undefined) return failed(404, "Product not found")
  const { change, fields } = changeIn(body)
  // What we were told by Bitrix comes back as it is: there is nothing to download.
  const isOwn =
    before.image !== null && typeof body["image"] === "string" && body["image"].endsWith(before.image)
  if (copy !== undefined && !isOwn) {
    change.image = copy
    fields.push("PREVIEW_PICTURE")
  }
  const after = world.change(id, change)
  const changed = (Object.keys(change) as Array<keyof SimProduct>).some((key) => before[key] !== after[key])
  world.recordWrite(id, body, changed)
  const told = world.echo(id)
  const answer = answerOf(world, id, fields)
  return told === undefined ? answer : told.then(() => answer)
}

type Change = { -readonly [Key in keyof SimProduct]?: SimProduct[Key] }

const changeIn = (body: Readonly<Record<string, unknown>>) => {
  const change: Change = {}
  const fields = ["MODIFIED_BY", "DATE_MODIFY"]
  const title = body["title"] ?? body["name"]
  if (typeof title === "string" && title !== "") {
    change.title = title
    fields.push("NAME")
  }
  const enabled = body["isAvailable"] ?? body["enabled"]
  if (enabled !== undefined && enabled !== null) {
    change.isAvailable = enabled !== "N" && enabled !== "0" && Boolean(enabled)
    fields.push("ACTIVE")
  }
  if (typeof body["description"] === "string" && body["description"] !== "") {
    change.description = body["description"]
    fields.push("DETAIL_TEXT")
  }
  if (typeof body["price"] === "string") {
    change.price = body["price"]
    fields.push("PRICE")
  }
  return { change, fields }
}

const answerOf = (world: World, id: number, fields: ReadonlyArray<string>): Answer => {
  const report = { product_id: id, message: "Product updated", updated_fields: fields }
  switch (world.settings.updateAnswer) {
    case "status":
      return json(200, { status: true, ...report })
    case "success":
      return json(200, { success: true, ...report })
    case "diagram":
      return json(200, { status: "success", product_id: id, updated_at: zoneless(world.clock.nowMs()) })
  }
}

/** Undefined when the download fails, which nobody is told. */
const copyOf = (world: World, url: string): string | undefined | Promise<string | undefined> => {
  if (!/^https?:\/\//.test(url)) return undefined
  if (!world.settings.fetchImages) return copyName(world, url)
  return fetch(url, { signal: AbortSignal.timeout(IMAGE_TIMEOUT_MS) }).then(
    async (response) => {
      await response.arrayBuffer()
      return response.ok ? copyName(world, url) : undefined
    },
    () => undefined,
  )
}

const copyName = (world: World, url: string): string => {
  if (world.settings.freshCopies) world.fileCount += 1
  return `/upload/iblock/${hash(url)}${world.settings.freshCopies ? `_${world.fileCount}` : ""}.jpg`
}

/** FNV-1a, twice from different ends: short, stable, and quick enough for every write of a bench. */
const hash = (text: string): string => {
  let forward = 0x81_1c_9d_c5
  let backward = 0x81_1c_9d_c5
  for (let at = 0; at < text.length; at += 1) {
    forward = Math.imul(forward ^ text.charCodeAt(at), 0x01_00_01_93)
    backward = Math.imul(backward ^ text.charCodeAt(text.length - 1 - at), 0x01_00_01_93)
  }
  return [forward, backward].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("")
}
