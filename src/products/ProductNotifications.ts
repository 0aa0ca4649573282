/** What the operators of the platform are told of goods that are added by hand. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Query } from "../platform/Query.ts"
import type { Told } from "../shops/ShopNotifications.ts"
import { escape, ShopNotifications, shopLine } from "../shops/ShopNotifications.ts"
import type { Product } from "./Product.ts"

type Added = Pick<Product, "id" | "name" | "price">

export class ProductNotifications extends Context.Service<
  ProductNotifications,
  {
    /** The first that a shop has ever added. */
    readonly firstAdded: (told: Told, product: Added) => Query<void>
    readonly added: (told: Told, product: Added, productCount: number) => Query<void>
  }
>()("cvety/products/ProductNotifications") {
  static readonly layerNoDeps = Layer.effect(
    ProductNotifications,
    Effect.map(ShopNotifications, ({ tell }): ProductNotifications["Service"] => ({
      firstAdded: (told, product) =>
        tell("first_product_added", product.id, told, [
          "💐 <b>Первый товар магазина</b>",
          shopLine(told.shop),
          ...linesOf(product),
        ]),
      added: (told, product, productCount) =>
        tell("product_added", product.id, told, [
          "🌷 <b>Новый товар</b>",
          shopLine(told.shop),
          ...linesOf(product),
          `Всего товаров: ${productCount}`,
        ]),
    })),
  )

  static readonly layer = ProductNotifications.layerNoDeps.pipe(Layer.provide(ShopNotifications.layer))
}

const linesOf = ({ name, price }: Added): ReadonlyArray<string> => [
  `Товар: ${escape(name)}`,
  `Цена: ${inTenge(price)}`,
]

const TIYN_PER_TENGE = 100

const tenge = new Intl.NumberFormat("ru-RU", { maximumFractionDigits: 2 })
const inTenge = (tiyn: number): string => `${tenge.format(tiyn / TIYN_PER_TENGE)} ₸`
