import * as Context from "effect/Context"
import type { ShopId } from "../shared/ShopId.ts"

/**
 * The shop on whose behalf the current work runs. `Db` reads it, and nothing else tells the database which rows
 * may be seen: without it a query does not compile, and without it in a session every table is empty.
 */
export class TenantContext extends Context.Service<TenantContext, { readonly shopId: ShopId }>()(
  "cvety/platform/TenantContext",
) {}
