/** Prints a bearer token of a shop's director, for development only. */
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Tokens } from "../auth/Tokens.ts"
import { UsersRepo } from "../auth/UsersRepo.ts"
import { Db } from "../platform/Db.ts"
import { TenantContext } from "../platform/TenantContext.ts"
import { ShopId } from "../shared/ShopId.ts"
import { VERSION } from "../system/SystemApi.ts"
import { run } from "./run.ts"

class TokenRefused extends Schema.TaggedError<TokenRefused>()("TokenRefused", { message: Schema.String }) {}

const shop = Flag.Int("shop").pipe(
  Flag.withDescription("Id of the shop whose director the token speaks for"),
  Flag.withSchema(ShopId),
)

const token = Command.make(
  "token",
  { shop },
  Effect.fn(function* ({ shop }) {
    const environment = yield* Config.String("APP_ENV").pipe(Config.withDefault("development"))
    if (environment === "production") {
      return yield* new TokenRefused({ message: "tokens are printed in development only" })
    }
    const db = yield* Db
    const users = yield* UsersRepo
    const tokens = yield* Tokens
    const [[director]] = yield* Effect.provideService(db.read([users.findDirectors(shop)]), TenantContext, {
      shopId: shop,
    })
    if (director === undefined) {
      return yield* new TokenRefused({ message: `shop ${shop} has no director` })
    }
    yield* Console.log(yield* tokens.sign(director))
  }),
).pipe(Command.withDescription("Print a development bearer token"))

run(Command.run(token, { version: VERSION }).pipe(Effect.provide([Tokens.layer, UsersRepo.layer])))
