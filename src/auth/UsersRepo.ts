/** The only SQL on users. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Query } from "../platform/Query.ts"
import { rows, sql } from "../platform/Query.ts"
import { ShopId } from "../shared/ShopId.ts"
import { UserRole } from "./Token.ts"

const UserRow = Schema.Struct({ id: Schema.Int, phone: Schema.String, role: UserRole, shop_id: ShopId })

export class UsersRepo extends Context.Service<
  UsersRepo,
  { readonly findDirectors: (shopId: ShopId) => Query<ReadonlyArray<typeof UserRow.Type>> }
>()("cvety/auth/UsersRepo") {
  static readonly layer = Layer.succeed(UsersRepo, {
    findDirectors: (shopId) =>
      rows(
        UserRow,
        sql`
          SELECT id, phone, role, shop_id
          FROM "user"
          WHERE shop_id = ${shopId} AND role = 'DIRECTOR' AND is_active
          ORDER BY id
          LIMIT 1`,
      ),
  })
}
