import * as Layer from "effect/Layer"
import { Actors } from "./Actors.ts"
import { Audit } from "./audit/Audit.ts"
import { Accounts } from "./auth/Accounts.ts"
import { FailedAttempts } from "./auth/FailedAttempts.ts"
import { PasswordHasher } from "./auth/PasswordHasher.ts"
import { ServiceCredentials } from "./auth/ServiceCredentials.ts"
import { Tokens } from "./auth/Tokens.ts"
import { Visitors } from "./auth/Visitors.ts"
import { BitrixClient } from "./bitrix/BitrixClient.ts"
import { BitrixConnections } from "./bitrix/BitrixConnections.ts"
import { BitrixPass } from "./bitrix/BitrixPass.ts"
import { BitrixSettings } from "./bitrix/BitrixSettings.ts"
import { OrderStatusReplay } from "./bitrix/OrderStatusReplay.ts"
import { OrderStatusSync } from "./bitrix/OrderStatusSync.ts"
import { ProductSync } from "./bitrix/ProductSync.ts"
import { Sync } from "./bitrix/Sync.ts"
import { DemoSeed } from "./demo/DemoSeed.ts"
import { Http } from "./Http.ts"
import { ImageReferences } from "./images/ImageReferences.ts"
import { Images } from "./images/Images.ts"
import { Orders } from "./orders/Orders.ts"
import * as Actor from "./platform/Actor.ts"
import { Db } from "./platform/Db.ts"
import { Inbox } from "./platform/Inbox.ts"
import { Lifecycle } from "./platform/Lifecycle.ts"
import { Migrations } from "./platform/Migrations.ts"
import { Outbox } from "./platform/Outbox.ts"
import { R2 } from "./platform/R2.ts"
import { Sealed } from "./platform/Sealed.ts"
import { Catalogue } from "./products/Catalogue.ts"
import { ProductDetails } from "./products/ProductDetails.ts"
import { ProductImages } from "./products/ProductImages.ts"
import { Products } from "./products/Products.ts"
import { Marketplace } from "./shops/Marketplace.ts"
import { Registration } from "./shops/Registration.ts"
import { ShopSettings } from "./shops/ShopSettings.ts"
import { SuperadminFromSettings } from "./superadmin/SuperadminFromSettings.ts"
import { SuperadminOrders } from "./superadmin/SuperadminOrders.ts"
import { SuperadminProducts } from "./superadmin/SuperadminProducts.ts"
import { SuperadminShops } from "./superadmin/SuperadminShops.ts"
import { SuperadminStats } from "./superadmin/SuperadminStats.ts"
import { Superadmins } from "./superadmin/Superadmins.ts"
import { SuperadminUsers } from "./superadmin/SuperadminUsers.ts"
import { Invitations } from "./team/Invitations.ts"
import { Profile } from "./team/Profile.ts"
import { Team } from "./team/Team.ts"

/**
 * The whole service on a given database. Secrets are looked at before anything else is opened. What is provided later
 * outlives what is provided before it: on the way down the lame-duck time comes first, then the server closes, the
 * database goes last.
 */
export const Service = Layer.mergeAll(Lifecycle.lameDuck, Actors).pipe(
  Layer.provideMerge(Http),
  Layer.provide(BitrixPass.layer),
  Layer.provide([OrderStatusSync.layer, OrderStatusReplay.layer, ProductSync.layer, Sync.layer]),
  Layer.provide([BitrixConnections.layer, BitrixClient.layer]),
  Layer.provide([
    SuperadminShops.layer,
    SuperadminUsers.layer,
    SuperadminProducts.layer,
    SuperadminOrders.layer,
    SuperadminStats.layer,
    SuperadminFromSettings.pipe(Layer.provide(Superadmins.layer)),
  ]),
  Layer.provide([
    Accounts.layer,
    Audit.layer,
    Invitations.layer,
    Profile.layer,
    Team.layer,
    Registration.layer,
    ShopSettings.layer,
    Marketplace.layer,
    Products.layer,
    ProductImages.layer,
    ProductDetails.layer,
    Catalogue.layer,
    Images.layer,
    ImageReferences.layer,
    Visitors.layer,
    Orders.layer,
    Inbox.layer,
    Outbox.layer,
    Lifecycle.layer,
    Actor.Actors.layer,
  ]),
  Layer.provide([FailedAttempts.layer, ServiceCredentials.layer]),
  Layer.provide(DemoSeed),
  Layer.provideMerge(Db.layer),
  Layer.provide(Migrations.layer),
  Layer.provide([R2.layer, Tokens.layer, PasswordHasher.layer, BitrixSettings.layer, Sealed.layer]),
)
