/**
 * What the operators of the platform are told of shops, as facts for the edge that speaks to Telegram. The texts stand
 * here, in Telegram's HTML: what people wrote is escaped, so that no name of a shop can break a message. Other domains
 * bring their own lines to `tell`.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Outbox } from "../platform/Outbox.ts"
import type { Query } from "../platform/Query.ts"
import type { Phone } from "../shared/Phone.ts"
import type { ShopId } from "../shared/ShopId.ts"
import { SHOP_ZONE } from "../shared/WireTime.ts"
import type { City, Shop } from "./Shop.ts"

export interface Told {
  readonly shop: Pick<Shop, "id" | "name" | "city" | "address" | "created_at">
  readonly owner: { readonly name: string | null; readonly phone: Phone | null }
  readonly at: Date
  readonly traceParent: string | null
}

export class ShopNotifications extends Context.Service<
  ShopNotifications,
  {
    readonly registered: (told: Told) => Query<void>
    readonly named: (told: Told, formerName: string) => Query<void>
    readonly opened: (told: Told) => Query<void>
    readonly completed: (told: Told) => Query<void>
    /** For what other domains tell of: lines of HTML about a record of the shop, told once for each. */
    readonly tell: (event: string, recordId: number, told: Told, lines: ReadonlyArray<string>) => Query<void>
  }
>()("cvety/shops/ShopNotifications") {
  static readonly layerNoDeps = Layer.effect(
    ShopNotifications,
    Effect.gen(function* () {
      const outbox = yield* Outbox
      const adminUrl = yield* Config.String("FRONTEND_ADMIN_URL").pipe(Config.withDefault(""))

      const tell: ShopNotifications["Service"]["tell"] = (
        event,
        recordId,
        { shop, owner, at, traceParent },
        lines,
      ) =>
        outbox.record(shop.id, {
          target: "telegram",
          aggregateType: `notification.${event}`,
          aggregateId: String(recordId),
          traceParent,
          payload: {
            event,
            text: [
              ...lines,
              ...contacts(owner, shop.name),
              ...adminLink(adminUrl, shop.id),
              `🕒 ${momentOf(at)}`,
            ].join("\n"),
            parse_mode: "HTML",
            disable_web_page_preview: true,
          },
        })

      return {
        registered: (told) =>
          tell("shop_registered", told.shop.id, told, [
            "🌱 <b>Новая регистрация</b>",
            shopLine(told.shop),
            `Город: ${cityOf(told.shop.city)}`,
            `Адрес: ${escape(told.shop.address ?? "не указан")}`,
            "",
            "Шаги до открытия: название, город, первый товар, открытие магазина",
          ]),
        named: (told, formerName) =>
          tell("shop_named", told.shop.id, told, [
            "✏️ <b>Магазин получил название</b>",
            shopLine(told.shop),
            `Было: ${escape(formerName)}`,
            `Город: ${cityOf(told.shop.city)}`,
          ]),
        opened: (told) =>
          tell("shop_opened", told.shop.id, told, ["🎉 <b>Магазин открыт</b>", shopLine(told.shop)]),
        completed: (told) =>
          tell("onboarding_completed", told.shop.id, told, [
            "🏁 <b>Магазин полностью настроен</b>",
            shopLine(told.shop),
            `Времени от регистрации: ${durationOf(told.at.getTime() - told.shop.created_at.getTime())}`,
          ]),
        tell,
      }
    }),
  )

  static readonly layer = ShopNotifications.layerNoDeps.pipe(Layer.provide(Outbox.layer))
}

export const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")

export const shopLine = ({ id, name }: Told["shop"]): string => `Магазин: ${escape(name)} (№ ${id})`

const cities: Readonly<Record<City, string>> = { Almaty: "Алматы", Astana: "Астана" }
const cityOf = (city: City | null): string => (city === null ? "не указан" : cities[city])

const contacts = ({ name, phone }: Told["owner"], shopName: string): ReadonlyArray<string> => [
  ...(name === null ? [] : [`Владелец: ${escape(name)}`]),
  ...(phone === null ? [] : [`Телефон: ${phone} · ${whatsAppLink(phone, shopName)}`]),
]

const whatsAppLink = (phone: Phone, shopName: string): string => {
  const greeting = encodeURIComponent(`Здравствуйте! Пишу по поводу магазина «${shopName}»`)
  return `<a href="https://wa.me/${phone.slice(1)}?text=${greeting}">WhatsApp</a>`
}

const adminLink = (adminUrl: string, shopId: ShopId): ReadonlyArray<string> =>
  adminUrl === ""
    ? []
    : [`<a href="${escape(adminUrl.replace(/\/+$/, ""))}/shop/${shopId}">Открыть в админке</a>`]

// The operators sit in Almaty, wherever the shop is.
const moments = new Intl.DateTimeFormat("ru-RU", {
  timeZone: SHOP_ZONE,
  day: "2-digit",
  month: "2-digit",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
})
const momentOf = (at: Date): string => moments.format(at)

const MINUTE_MS = 60_000

const durationOf = (elapsedMs: number): string => {
  const minutes = Math.max(0, Math.floor(elapsedMs / MINUTE_MS))
  return `${Math.floor(minutes / 60)} ч ${minutes % 60} мин`
}
