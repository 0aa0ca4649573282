import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "../auth/Access.ts"
import { Color } from "./Color.ts"

/** The colours that goods are sold by. */
export class ColorsApi extends HttpApiGroup.make("colors")
  .add(
    HttpApiEndpoint.get("find", "/", { success: Schema.Struct({ colors: Schema.Array(Color) }) })
      .annotateMerge(Access.everyone)
      .annotateMerge(
        OpenApi.annotations({
          summary: "Colours of flowers",
          description: "The colours of a product are given by the names that stand here.",
        }),
      ),
  )
  .prefix("/api/v1/colors")
  .annotateMerge(OpenApi.annotations({ title: "Colours" })) {}
