import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as ByteSize from "effect/ByteSize"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiScalar from "effect/http-api/HttpApiScalar"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Api } from "./Api.ts"
import { AuditHttp } from "./audit/AuditHttp.ts"
import { AccessHttp } from "./auth/AccessHttp.ts"
import { AuthHttp } from "./auth/AuthHttp.ts"
import { ServiceCredentialsHttp } from "./auth/ServiceCredentialsHttp.ts"
import { BitrixWebhooksHttp } from "./bitrix/BitrixWebhooksHttp.ts"
import { SyncHttp } from "./bitrix/SyncHttp.ts"
import { WebhookSecretHttp } from "./bitrix/WebhookSecretHttp.ts"
import { ImagesHttp } from "./images/ImagesHttp.ts"
import { OrdersHttp } from "./orders/OrdersHttp.ts"
import * as HttpFaults from "./platform/HttpFaults.ts"
import * as HttpObserver from "./platform/HttpObserver.ts"
import * as RouteTable from "./platform/RouteTable.ts"
import * as TrustedProxies from "./platform/TrustedProxies.ts"
import { CatalogueHttp } from "./products/CatalogueHttp.ts"
import { ColorsHttp } from "./products/ColorsHttp.ts"
import { ProductsHttp } from "./products/ProductsHttp.ts"
import { ShopProductsHttp } from "./products/ShopProductsHttp.ts"
import { BODY_BYTES_MAX } from "./shared/BodyFault.ts"
import { MarketplaceHttp } from "./shops/MarketplaceHttp.ts"
import { RegistrationHttp } from "./shops/RegistrationHttp.ts"
import { ShopSettingsHttp } from "./shops/ShopSettingsHttp.ts"
import { SuperadminOrdersHttp } from "./superadmin/SuperadminOrdersHttp.ts"
import { SuperadminProductsHttp } from "./superadmin/SuperadminProductsHttp.ts"
import { SuperadminShopsHttp } from "./superadmin/SuperadminShopsHttp.ts"
import { SuperadminStatsHttp } from "./superadmin/SuperadminStatsHttp.ts"
import { SuperadminUsersHttp } from "./superadmin/SuperadminUsersHttp.ts"
import { SystemHttp } from "./system/SystemHttp.ts"
import { InvitationsHttp } from "./team/InvitationsHttp.ts"
import { TeamHttp } from "./team/TeamHttp.ts"

const PORT = 8014
/** 0 takes any free port. */
const PortNumber = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 }))
/** With the body: a picture of 10 MiB takes so long at 0.7 Mbit/s. */
const REQUEST_TIMEOUT_MS = 120_000
const HEADERS_TIMEOUT_MS = 10_000
const KEEP_ALIVE_TIMEOUT_MS = 65_000
const HEADER_BYTES_MAX = 16_384

const routes = RouteTable.make(Api, ["/docs", "/openapi.json"])

const api = HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }).pipe(
  Layer.provide([
    SystemHttp,
    AuthHttp,
    ServiceCredentialsHttp,
    AuditHttp,
    InvitationsHttp,
    TeamHttp,
    RegistrationHttp,
    ShopSettingsHttp,
    MarketplaceHttp,
    ImagesHttp,
    OrdersHttp,
    BitrixWebhooksHttp,
    SyncHttp,
    ShopProductsHttp,
    CatalogueHttp,
    ProductsHttp,
    ColorsHttp,
    SuperadminShopsHttp,
    SuperadminUsersHttp,
    SuperadminProductsHttp,
    SuperadminOrdersHttp,
    SuperadminStatsHttp,
  ]),
  Layer.provide([AccessHttp, WebhookSecretHttp]),
)

// Opens with the form to log in, and asks nobody else for fonts.
const scalar = { authentication: { preferredSecurityScheme: "login" }, withDefaultFonts: false } as const

// The page brings its 3 MB of script along; it is loaded when somebody first asks for it.
const docs = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const page = yield* Effect.cached(
      HttpRouter.toHttpEffect(HttpApiScalar.layer(Api, { path: "/docs", scalar })),
    )
    yield* router.add("GET", "/docs", Effect.flatten(page))
  }),
)

// Browsers of the shop and the admin, with credentials, from the listed origins only.
const cors = Layer.unwrap(
  Effect.gen(function* () {
    const list = yield* Config.String("CORS_ORIGINS").pipe(Config.withDefault(""))
    const allowedOrigins = list.split(",").flatMap((origin) => (origin.trim() === "" ? [] : [origin.trim()]))
    return allowedOrigins.length === 0
      ? Layer.empty
      : HttpRouter.cors({ allowedOrigins, credentials: true, exposedHeaders: ["x-request-id"], maxAge: 600 })
  }),
)

const server = Layer.unwrap(
  Effect.gen(function* () {
    const host = yield* Config.String("HOST").pipe(Config.withDefault("127.0.0.1"))
    const port = yield* Config.schema(PortNumber, "PORT").pipe(Config.withDefault(PORT))
    return NodeHttpServer.layer(
      () =>
        createServer({
          requestTimeout: REQUEST_TIMEOUT_MS,
          headersTimeout: HEADERS_TIMEOUT_MS,
          keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
          maxHeaderSize: HEADER_BYTES_MAX,
          // We speak no other protocol: a request that offers one, such as h2c, is served as it is.
          shouldUpgradeCallback: () => false,
        }),
      { host, port, gracefulShutdownTimeout: "4 seconds" },
    )
  }),
)

// HttpObserver makes the one span of a request, named by its route and free of addresses and URLs.
const withoutBuiltInSpans = Layer.succeed(HttpMiddleware.TracerDisabledWhen, () => true)

// For the bodies that the framework reads itself; those that JsonBody reads are bounded there.
const withBoundedBodies = Layer.succeed(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(BODY_BYTES_MAX))

/** Serves the contract. Whatever handlers need must be provided outside, so that it outlives the last request. */
export const Http = Layer.unwrap(
  Effect.map(TrustedProxies.middleware, (trustingProxies) =>
    HttpRouter.serve(
      Layer.mergeAll(api, docs).pipe(Layer.provide(HttpFaults.layer(routes).pipe(Layer.provideMerge(cors)))),
      {
        disableLogger: true,
        disableListenLog: true,
        routerConfig: { ignoreTrailingSlash: true, caseSensitive: true },
        middleware: (serve) => trustingProxies(HttpObserver.make(routes)(serve)),
      },
    ),
  ),
).pipe(Layer.provide([withoutBuiltInSpans, withBoundedBodies]), Layer.provideMerge(server))
