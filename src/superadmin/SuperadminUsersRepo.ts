/** The SQL of the operators on accounts. What changes one runs in the tenant of its shop, or by the door of identity. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type { UserRole } from "../auth/Role.ts"
import type { UserId } from "../auth/User.ts"
import { User } from "../auth/User.ts"
import { userColumns } from "../auth/userColumns.ts"
import type { Query } from "../platform/Query.ts"
import { rows, sql } from "../platform/Query.ts"
import { containing } from "../shared/LikePattern.ts"
import type { Phone } from "../shared/Phone.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { Page } from "./Page.ts"

export class SuperadminUsersRepo extends Context.Service<
  SuperadminUsersRepo,
  {
    /** Newest first. */
    readonly find: (
      filter: Page & {
        readonly shopId: ShopId | null
        readonly role: UserRole | null
        readonly isActive: boolean | null
        readonly search: string | null
      },
    ) => Query<ReadonlyArray<User>>
    readonly findById: (id: UserId) => Query<ReadonlyArray<User>>
    /** Nobody when it is a superadmin's; who is blocked has no session left. */
    readonly setActive: (id: UserId, isActive: boolean) => Query<ReadonlyArray<User>>
    /** Nobody when it is a superadmin's; ends every session. */
    readonly resetPassword: (id: UserId, passwordHash: string) => Query<ReadonlyArray<User>>
    /** By the door of identity. */
    readonly grant: (phone: Phone) => Query<ReadonlyArray<User>>
    /** By the door of identity. An account that is of no shop is only the platform's, and is blocked. */
    readonly revoke: (phone: Phone) => Query<ReadonlyArray<User>>
  }
>()("cvety/superadmin/SuperadminUsersRepo") {
  static readonly layer = Layer.succeed(SuperadminUsersRepo, {
    find: ({ shopId, role, isActive, search, skip, limit }) =>
      rows(
        User,
        sql`
          SELECT ${columns}
          FROM "user"
          WHERE ${sql.and([
            sql`true`,
            ...(shopId === null ? [] : [sql`shop_id = ${shopId}`]),
            ...(role === null ? [] : [sql`role = ${role}`]),
            ...(isActive === null ? [] : [sql`is_active = ${isActive}`]),
            ...(search === null
              ? []
              : [sql`(name ILIKE ${containing(search)} OR phone LIKE ${containing(search)})`]),
          ])}
          ORDER BY created_at DESC, id DESC
          LIMIT ${limit} OFFSET ${skip}`,
      ),
    findById: (id) => rows(User, sql`SELECT ${columns} FROM "user" WHERE id = ${id}`),
    setActive: (id, isActive) =>
      rows(
        User,
        sql`
          UPDATE "user"
          SET is_active = ${isActive},
              token_version = token_version + CASE WHEN is_active = ${isActive} THEN 0 ELSE 1 END,
              updated_at = CASE WHEN is_active = ${isActive} THEN updated_at ELSE now() END
          WHERE id = ${id} AND NOT is_superadmin
          RETURNING ${columns}`,
      ),
    resetPassword: (id, passwordHash) =>
      rows(
        User,
        sql`
          UPDATE "user"
          SET password_hash = ${passwordHash}, token_version = token_version + 1, updated_at = now()
          WHERE id = ${id} AND NOT is_superadmin
          RETURNING ${columns}`,
      ),
    grant: (phone) =>
      rows(
        User,
        sql`
          UPDATE "user"
          SET is_superadmin = true, is_active = is_active OR shop_id IS NULL, updated_at = now()
          WHERE phone = ${phone}
          RETURNING ${columns}`,
      ),
    revoke: (phone) =>
      rows(
        User,
        sql`
          UPDATE "user"
          SET is_superadmin = shop_id IS NULL,
              is_active = is_active AND shop_id IS NOT NULL,
              role = CASE WHEN role = 'SUPERADMIN' AND shop_id IS NOT NULL THEN 'ADMIN' ELSE role END,
              token_version = token_version + 1,
              updated_at = now()
          WHERE phone = ${phone} AND is_superadmin
          RETURNING ${columns}`,
      ),
  })
}

const columns = userColumns('"user"')
