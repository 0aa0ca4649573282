import * as HttpApi from "effect/http-api/HttpApi"
import * as OpenApi from "effect/http-api/OpenApi"
import { AuditApi } from "./audit/AuditApi.ts"
import { AuthApi } from "./auth/AuthApi.ts"
import { DocsLogin } from "./auth/DocsLogin.ts"
import { ServiceCredentialsApi } from "./auth/ServiceCredentialsApi.ts"
import { BitrixWebhooksApi } from "./bitrix/BitrixWebhooksApi.ts"
import { SyncApi } from "./bitrix/SyncApi.ts"
import { ImagesApi } from "./images/ImagesApi.ts"
import { OrdersApi } from "./orders/OrdersApi.ts"
import { CatalogueApi } from "./products/CatalogueApi.ts"
import { ColorsApi } from "./products/ColorsApi.ts"
import { ProductsApi } from "./products/ProductsApi.ts"
import { ShopProductsApi } from "./products/ShopProductsApi.ts"
import { MarketplaceApi } from "./shops/MarketplaceApi.ts"
import { RegistrationApi } from "./shops/RegistrationApi.ts"
import { ShopSettingsApi } from "./shops/ShopSettingsApi.ts"
import { SuperadminOrdersApi } from "./superadmin/SuperadminOrdersApi.ts"
import { SuperadminProductsApi } from "./superadmin/SuperadminProductsApi.ts"
import { SuperadminShopsApi } from "./superadmin/SuperadminShopsApi.ts"
import { SuperadminStatsApi } from "./superadmin/SuperadminStatsApi.ts"
import { SuperadminUsersApi } from "./superadmin/SuperadminUsersApi.ts"
import { SystemApi } from "./system/SystemApi.ts"
import { InvitationsApi } from "./team/InvitationsApi.ts"
import { TeamApi } from "./team/TeamApi.ts"

export class Api extends HttpApi.make("cvety")
  .add(SystemApi)
  .add(AuthApi)
  .add(ServiceCredentialsApi)
  .add(InvitationsApi)
  .add(TeamApi)
  .add(RegistrationApi)
  .add(ShopSettingsApi)
  .add(MarketplaceApi)
  .add(ShopProductsApi)
  .add(CatalogueApi)
  .add(ProductsApi)
  .add(ColorsApi)
  .add(ImagesApi)
  .add(AuditApi)
  .add(OrdersApi)
  .add(BitrixWebhooksApi)
  .add(SyncApi)
  .add(SuperadminShopsApi)
  .add(SuperadminUsersApi)
  .add(SuperadminProductsApi)
  .add(SuperadminOrdersApi)
  .add(SuperadminStatsApi)
  .annotateMerge(DocsLogin)
  .annotateMerge(
    OpenApi.annotations({
      title: "cvety",
      version: "1.0.0",
      description:
        "Backend of a flower-delivery marketplace. Money is in tiyn (1/100 tenge) unless a field says otherwise.",
    }),
  ) {}
