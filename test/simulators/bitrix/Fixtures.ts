/** The oddities that Bitrix is known for, at least one product or order for each. */
import type { SimOrder } from "./SimOrder.ts"
import type { SimProduct } from "./SimProduct.ts"

export interface PriceSpelling {
  readonly label: string
  readonly price: string | number | null
  /** What a person reads in it, in kopecks; null when it is no price in tenge. */
  readonly kopecks: number | null
}

export const PRICE_SPELLINGS: ReadonlyArray<PriceSpelling> = [
  { label: "ordinary space", price: "7 500 ₸", kopecks: 750_000 },
  { label: "no-break space", price: "7\u00A0500\u00A0₸", kopecks: 750_000 },
  { label: "narrow no-break space", price: "7\u202F500\u202F₸", kopecks: 750_000 },
  { label: "comma between thousands", price: "7,500 ₸", kopecks: 750_000 },
  { label: "comma before the fraction", price: "7 500,50 ₸", kopecks: 750_050 },
  { label: "point before the fraction", price: "7500.50 ₸", kopecks: 750_050 },
  { label: "no currency sign", price: "7 500", kopecks: 750_000 },
  { label: "digits only", price: "12990", kopecks: 1_299_000 },
  { label: "a number", price: 7_500, kopecks: 750_000 },
  { label: "millions", price: "1 234 567 ₸", kopecks: 123_456_700 },
  { label: "zero", price: "0 ₸", kopecks: 0 },
  { label: "another currency", price: "65 USD", kopecks: null },
  { label: "empty", price: "", kopecks: null },
  { label: "null", price: null, kopecks: null },
]

const FIRST_PRICE_ID = 700_001
const FIRST_ODD_ID = 710_001
const FIRST_ORDER_ID = 123_456

type Seed<A> = Partial<A> & { readonly id: number }

export const pricedProducts: ReadonlyArray<Seed<SimProduct>> = PRICE_SPELLINGS.map(
  ({ label, price }, index) => ({
    id: FIRST_PRICE_ID + index,
    title: `Цена: ${label}`,
    price,
  }),
)

const oddities: ReadonlyArray<Partial<SimProduct>> = [
  { title: "Без цветов и состава", colors: false, composition: null },
  {
    title: "С цветами и составом",
    colors: ["red", "white"],
    composition: [{ id: 1, name: "Роза", amount: 25 }],
  },
  { title: "Размеры с единицей", width: "", height: null, catalogWidth: "50 см", catalogHeight: "70 см" },
  {
    title: "Свои картинки",
    image: "/upload/iblock/a.jpg",
    images: ["/upload/iblock/b.jpg", "/upload/iblock/c.jpg"],
  },
  {
    title: "Чужие картинки",
    image: "https://images.example/a.jpg",
    images: ["https://images.example/b.jpg"],
  },
  { title: "Без картинок", image: null, images: null },
  { title: "Под заказ", type: "catalog", productionTime: "medium", duration: "60", discount: null },
  { title: "Не продаётся", isAvailable: false },
  { title: "Без раздела", sectionId: null },
  { title: "Только в Алматы", cityId: 1, video: "https://images.example/v.mp4" },
  { title: 'Кавычки "и" <b>теги</b> & эмодзи 🌷', description: "Первая строка\nвторая" },
]

export const oddProducts: ReadonlyArray<Seed<SimProduct>> = oddities.map((product, index) =>
  Object.assign({ id: FIRST_ODD_ID + index }, product),
)

export const oddOrders: ReadonlyArray<Seed<SimOrder>> = (
  [
    {},
    { statusId: "AP", executors: [{ id: "42", name: "Флорист", avatar: null, source: "manual" }] },
    {
      statusId: "CO",
      postcardText: "\\u0421 \\u043f\\u0440\\u0430\\u0437\\u0434\\u043d\\u0438\\u043a\\u043e\\u043c",
    },
    { statusId: "DE", recipient: { name: null, phone: null }, askAddress: true },
    { statusId: "F", isPaid: true, paymentAmount: "65 USD" },
    { statusId: "UN", deliveryType: "18:30" },
    { pickup: true, deliveryAddress: "Самовывоз из магазина", deliveryPriceTenge: 0 },
  ] satisfies ReadonlyArray<Partial<SimOrder>>
).map((order, index) => Object.assign({ id: FIRST_ORDER_ID + index }, order))
