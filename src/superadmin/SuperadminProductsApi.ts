import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "../auth/Access.ts"
import { SuperadminAccess } from "../auth/Access.ts"
import {
  DESCRIPTION_CHARS_MAX,
  NAME_CHARS_MAX,
  Price,
  ProductId,
  ProductNotFound,
  ProductType,
} from "../products/Product.ts"
import { bodyFaults } from "../shared/BodyFault.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { Flag, numberInText } from "../shared/QueryValue.ts"
import { ShopId } from "../shared/ShopId.ts"
import { filledTextUpTo, textUpTo } from "../shared/Text.ts"
import { Tiyn } from "../shared/Tiyn.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import { WireTime } from "../shared/WireTime.ts"
import { pageQuery, SearchWords } from "./Page.ts"

const params = { product_id: numberInText(ProductId) }
const Message = Schema.Struct({ message: Schema.String })
const Money = Tiyn.annotate({ description: "Tiyn, 1/100 tenge" })

export const ProductEdit = Schema.Struct({
  name: Schema.optionalKey(filledTextUpTo(NAME_CHARS_MAX)),
  price: Schema.optionalKey(Price).annotate({ description: "Tiyn, 1/100 tenge" }),
  description: Schema.optionalKey(Schema.NullOr(textUpTo(DESCRIPTION_CHARS_MAX))),
  enabled: Schema.optionalKey(Schema.Boolean),
}).annotate({ examples: [{ name: "Букет роз", price: Tiyn.make(1_200_000), enabled: true }] })

const SuperadminProductRead = Schema.Struct({
  id: ProductId,
  name: Schema.String,
  price: Money,
  type: ProductType,
  description: Schema.NullOr(Schema.String),
  enabled: Schema.Boolean,
  shop_id: ShopId,
  shop_name: Schema.String,
  created_at: WireTime,
  image: Schema.NullOr(Schema.String),
})

/** Goods of every shop. */
export class SuperadminProductsApi extends HttpApiGroup.make("superadminProducts")
  .add(
    HttpApiEndpoint.get("find", "/", {
      query: {
        ...pageQuery,
        shop_id: Schema.optionalKey(numberInText(ShopId)),
        enabled: Schema.optionalKey(Flag),
        search: SearchWords,
      },
      success: Schema.Array(SuperadminProductRead),
      error: [ValidationFailed, DatabaseUnavailable],
    })
      .middleware(SuperadminAccess)
      .annotateMerge(Access.superadmin)
      .annotateMerge(OpenApi.annotations({ summary: "Goods, newest first; `search` looks into names" })),
    HttpApiEndpoint.put("update", "/:product_id", {
      params,
      query: {
        name: ProductEdit.fields.name,
        price: Schema.optionalKey(numberInText(Price)),
        description: Schema.optionalKey(textUpTo(DESCRIPTION_CHARS_MAX)),
        enabled: Schema.optionalKey(Flag),
      },
      payload: ProductEdit,
      success: Schema.Struct({
        ...Message.fields,
        product: Schema.Struct({
          id: ProductId,
          name: Schema.String,
          price: Money,
          enabled: Schema.Boolean,
          shop_id: ShopId,
        }),
      }),
      error: [...bodyFaults, ProductNotFound, DatabaseUnavailable],
    })
      .middleware(SuperadminAccess)
      .annotateMerge(Access.superadmin)
      .annotateMerge(
        OpenApi.annotations({
          summary: "Change a product",
          description: "By body or query; the body counts.",
        }),
      ),
    HttpApiEndpoint.delete("remove", "/:product_id", {
      params,
      success: Message,
      error: [ProductNotFound, ValidationFailed, DatabaseUnavailable],
    })
      .middleware(SuperadminAccess)
      .annotateMerge(Access.superadmin)
      .annotateMerge(OpenApi.annotations({ summary: "Delete a product; orders keep its name" })),
    HttpApiEndpoint.put("toggle", "/:product_id/toggle", {
      params,
      success: Schema.Struct({
        ...Message.fields,
        product: Schema.Struct({ id: ProductId, name: Schema.String, enabled: Schema.Boolean }),
      }),
      error: [ProductNotFound, ValidationFailed, DatabaseUnavailable],
    })
      .middleware(SuperadminAccess)
      .annotateMerge(Access.superadmin)
      .annotateMerge(OpenApi.annotations({ summary: "Take a product off the shelf, or put it back" })),
  )
  .prefix("/api/v1/superadmin/products")
  .annotateMerge(OpenApi.annotations({ title: "Superadmin: products" })) {}
