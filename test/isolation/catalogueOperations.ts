/** Places of goods: as customers find them, and as the people of their shop change them. */
import { insertProduct, insertWholeProduct, PRODUCT } from "../support/MarkedShop.ts"
import type { Places } from "./places.ts"

/** What anybody may read of a product in a list. */
export const publishedOfProduct = [
  "id",
  "name",
  "description",
  "image",
  "colors",
  "occasions",
  "cities",
  "tags",
  "images.id",
  "images.product_id",
  "images.url",
]

const within = (list: string) => publishedOfProduct.map((field) => `${list}.${field}`)

export const catalogue: Places = {
  "GET /api/v1/products": {
    success: 200,
    record: { of: "shop" },
    unknown: 200,
    publishes: publishedOfProduct,
    call: ({ id }) => ({ query: { shop_id: id } }),
  },
  "GET /api/v1/products/public/featured": {
    success: 200,
    isDirectory: true,
    publishes: publishedOfProduct,
    call: () => ({ query: { limit: "100" } }),
  },
  "GET /api/v1/products/public/bestsellers": {
    success: 200,
    isDirectory: true,
    publishes: publishedOfProduct,
    call: () => ({ query: { limit: "100" } }),
  },
  "GET /api/v1/products/home": {
    success: 200,
    record: { of: "shop" },
    unknown: 200,
    publishes: [
      "available_tags",
      "bestsellers.shop_id",
      "featured.shop_id",
      ...within("bestsellers"),
      ...within("featured"),
    ],
    call: ({ id }) => ({ query: { shop_id: id } }),
  },
  "GET /api/v1/products/filters": {
    success: 200,
    record: { of: "shop" },
    unknown: 200,
    publishes: ["tags", "cities"],
    call: ({ id }) => ({ query: { shop_id: id } }),
  },
  "GET /api/v1/products/search/suggestions": {
    success: 200,
    record: { of: "shop" },
    unknown: 200,
    publishes: ["suggestions"],
    call: ({ id }) => ({ query: { shop_id: id, q: "букет" } }),
  },
  "GET /api/v1/products/stats/summary": {
    success: 200,
    record: { of: "shop" },
    unknown: 200,
    call: ({ id }) => ({ query: { shop_id: id } }),
  },
  "GET /api/v1/products/{product_id}": {
    success: 200,
    record: { of: PRODUCT },
    publishes: publishedOfProduct,
    call: () => ({}),
  },
  "GET /api/v1/products/{product_id}/detail": {
    success: 200,
    record: { of: PRODUCT },
    publishes: [
      ...publishedOfProduct,
      "variants.id",
      "variants.product_id",
      "variants.size",
      "addons.id",
      "addons.product_id",
      "addons.name",
      "addons.description",
      "frequently_bought.id",
      "frequently_bought.name",
      "frequently_bought.image",
      "pickup_locations",
      "reviews.company.items.id",
      "reviews.company.items.author_name",
      "reviews.company.items.text",
      "reviews.company.items.shop_id",
    ],
    call: () => ({}),
  },
  "GET /api/v1/products/{product_id}/availability": {
    success: 200,
    record: { of: PRODUCT },
    unknown: 200,
    echoes: true,
    publishes: ["product_id", "product_name"],
    call: () => ({}),
  },
  "GET /api/v1/colors": { success: 200, call: () => ({}) },
}

export const products: Places = {
  "GET /api/v1/products/admin": { success: 200, isForMachines: true, call: () => ({}) },
  "POST /api/v1/products": {
    success: 200,
    isForMachines: true,
    call: ({ shop }) => ({ body: { name: `Ещё букет ${shop}`, price: 1_200_000 } }),
  },
  "PUT /api/v1/products/{product_id}": {
    success: 200,
    isForMachines: true,
    record: { of: insertProduct },
    call: ({ shop }) => ({ body: { name: `Новое имя ${shop}`, description: null } }),
  },
  "PATCH /api/v1/products/{product_id}/status": {
    success: 200,
    isForMachines: true,
    record: { of: insertProduct },
    call: () => ({ query: { enabled: "false" } }),
  },
  "DELETE /api/v1/products/{product_id}": {
    success: 200,
    isForMachines: true,
    record: { of: insertProduct },
    call: () => ({}),
  },
  "POST /api/v1/products/{product_id}/images": {
    success: 200,
    isForMachines: true,
    record: { of: insertProduct },
    call: ({ shop }) => ({ body: { url: `https://images.example/${shop}-3.jpg`, is_primary: true } }),
  },
  "DELETE /api/v1/products/{product_id}/images/{image_id}": {
    success: 200,
    isForMachines: true,
    record: { of: insertWholeProduct },
    call: () => ({}),
  },
}
