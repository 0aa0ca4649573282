import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "../auth/Access.ts"
import { ShopAccess } from "../auth/Access.ts"
import { bodyFaults } from "../shared/BodyFault.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { Overloaded } from "../shared/Overloaded.ts"
import { Flag, numberInText } from "../shared/QueryValue.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import { ShopNotFound } from "../shops/Shop.ts"
import { listQuery } from "./listQuery.ts"
import {
  ProductId,
  ProductImage,
  ProductImageId,
  ProductImageNotFound,
  ProductImagesTooMany,
  ProductNotFound,
} from "./Product.ts"
import { ImageCreate, ProductCreate, ProductUpdate, StatusChange } from "./ProductInput.ts"
import { ProductRead } from "./ProductView.ts"

const params = { product_id: numberInText(ProductId) }
const Message = Schema.Struct({ message: Schema.String })
const changeFaults = [...bodyFaults, ProductNotFound, DatabaseUnavailable] as const

/** Goods of one's own shop. */
export class ProductsApi extends HttpApiGroup.make("products")
  .add(
    HttpApiEndpoint.get("findOwn", "/admin", {
      query: {
        ...listQuery,
        enabled_only: Schema.optionalKey(Flag).annotate({ description: "Only what is on the shelf" }),
      },
      success: Schema.Array(ProductRead),
      error: [Overloaded, ValidationFailed, DatabaseUnavailable],
    })
      .middleware(ShopAccess)
      .annotateMerge(Access.permission("view_products"))
      .annotateMerge(
        OpenApi.annotations({ summary: "Goods of my shop, also those not for sale, newest first" }),
      ),
    HttpApiEndpoint.post("create", "/", {
      payload: ProductCreate,
      success: ProductRead,
      error: [...bodyFaults, ShopNotFound, DatabaseUnavailable],
    })
      .middleware(ShopAccess)
      .annotateMerge(Access.permission("create_products"))
      .annotateMerge(
        OpenApi.annotations({
          summary: "Add a product to my shop",
          description: "Bitrix does not know what is added here.",
        }),
      ),
    HttpApiEndpoint.put("update", "/:product_id", {
      params,
      payload: ProductUpdate,
      success: ProductRead,
      error: changeFaults,
    })
      .middleware(ShopAccess)
      .annotateMerge(Access.permission("update_products"))
      .annotateMerge(
        OpenApi.annotations({
          summary: "Change a product of my shop",
          description:
            "Only the given fields change; null empties those that may be empty. Bitrix is told without anybody waiting for it; `bitrix_sync` says how far that is.",
        }),
      ),
    HttpApiEndpoint.patch("setEnabled", "/:product_id/status", {
      params,
      query: { enabled: Schema.optionalKey(Flag) },
      payload: StatusChange,
      success: ProductRead,
      error: changeFaults,
    })
      .middleware(ShopAccess)
      .annotateMerge(Access.permission("update_products"))
      .annotateMerge(
        OpenApi.annotations({
          summary: "Take a product off the shelf, or put it back",
          description: "By body or query; the body counts.",
        }),
      ),
    HttpApiEndpoint.delete("remove", "/:product_id", {
      params,
      success: Message,
      error: [ProductNotFound, ValidationFailed, DatabaseUnavailable],
    })
      .middleware(ShopAccess)
      .annotateMerge(Access.permission("delete_products"))
      .annotateMerge(OpenApi.annotations({ summary: "Delete a product of my shop; orders keep its name" })),
    HttpApiEndpoint.post("addImage", "/:product_id/images", {
      params,
      payload: ImageCreate,
      success: ProductImage,
      error: [...changeFaults, ProductImagesTooMany],
    })
      .middleware(ShopAccess)
      .annotateMerge(Access.permission("update_products"))
      .annotateMerge(OpenApi.annotations({ summary: "Add an image, at most 10, one of them primary" })),
    HttpApiEndpoint.delete("removeImage", "/:product_id/images/:image_id", {
      params: { ...params, image_id: numberInText(ProductImageId) },
      success: Message,
      error: [ProductNotFound, ProductImageNotFound, ValidationFailed, DatabaseUnavailable],
    })
      .middleware(ShopAccess)
      .annotateMerge(Access.permission("update_products"))
      .annotateMerge(OpenApi.annotations({ summary: "Remove an image" })),
  )
  .prefix("/api/v1/products")
  .annotateMerge(OpenApi.annotations({ title: "Goods of my shop" })) {}
