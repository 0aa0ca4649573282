import * as Schema from "effect/Schema"
import { fault } from "../shared/Fault.ts"

export class ShopNotFound extends Schema.Error<ShopNotFound>("ShopNotFound")(
  fault("ShopNotFound", "Shop not found"),
  { httpApiStatus: 404 },
) {}
