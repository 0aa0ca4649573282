import * as Schema from "effect/Schema"
import { fault } from "../shared/Fault.ts"

export class ProductIdMissing extends Schema.Error<ProductIdMissing>("ProductIdMissing")(
  fault("ProductIdMissing", "Missing product id"),
  { httpApiStatus: 400 },
) {}

export class ProductOfAnotherShop extends Schema.Error<ProductOfAnotherShop>("ProductOfAnotherShop")(
  fault("ProductOfAnotherShop", "Product id belongs to another shop"),
  { httpApiStatus: 409 },
) {}
