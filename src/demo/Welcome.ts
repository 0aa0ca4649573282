/** What a person sees who starts the service at home: where it is and a request to try. Not in production. */
import { join } from "node:path"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as DemoSeed from "./DemoSeed.ts"

export const Welcome = Layer.effectDiscard(
  Effect.gen(function* () {
    const environment = yield* Config.String("APP_ENV").pipe(Config.withDefault("development"))
    const url = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
    yield* Effect.logInfo("listening").pipe(Effect.annotateLogs({ url }))
    if (environment === "production") return

    const configured = yield* Config.option(Config.Redacted("WEBHOOK_SECRET"))
    const dataDir = yield* Config.String("DATA_DIR").pipe(Config.withDefault(".data"))
    const secret = Option.isSome(configured) ? "$WEBHOOK_SECRET" : `$(cat ${join(dataDir, "webhook-secret")})`
    const body = JSON.stringify({
      order_id: DemoSeed.order.bitrixOrderId,
      status: "AP",
      changed_by_id: 42,
      notes: "Принят флорист",
    })
    const director = DemoSeed.shops.find(({ id }) => id === DemoSeed.ORDER_SHOP_ID)?.director.phone ?? ""
    yield* Effect.sync(() =>
      process.stdout.write(`
  cvety  ${url}
  docs   ${url}/docs

  Log in as the director of shop 17008, here or in the docs:

  curl -s ${url}/api/v1/auth/login -H 'Content-Type: application/json' \\
    -d "{\\"phone\\":\\"${director}\\",\\"password\\":\\"$(cat ${join(dataDir, "demo-password")})\\"}"

  A florist accepts the demo order:

  curl -s -X POST ${url}/api/v1/webhooks/order-status-sync \\
    -H 'Content-Type: application/json' -H "X-Webhook-Secret: ${secret}" \\
    -d '${body}'

`),
    )
  }),
)
