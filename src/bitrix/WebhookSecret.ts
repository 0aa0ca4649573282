/** How Bitrix proves who it is: the header `X-Webhook-Secret`. Provides the shop that it speaks for. */

import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSecurity from "effect/http-api/HttpApiSecurity"
import * as Schema from "effect/Schema"
import type { TenantContext } from "../platform/TenantContext.ts"
import { fault } from "../shared/Fault.ts"

export class WebhookSecretInvalid extends Schema.Error<WebhookSecretInvalid>("WebhookSecretInvalid")(
  fault("WebhookSecretInvalid", "Invalid webhook secret"),
  { httpApiStatus: 401 },
) {}

export class WebhookSecret extends HttpApiMiddleware.Service<WebhookSecret, { provides: TenantContext }>()(
  "cvety/bitrix/WebhookSecret",
  {
    security: { secret: HttpApiSecurity.apiKey({ key: "X-Webhook-Secret", in: "header" }) },
    error: WebhookSecretInvalid,
  },
) {}
