/**
 * The SQL on accounts that a team needs: it writes name, phone, role and whether somebody is active. Passwords and
 * sessions belong to `auth/UsersRepo.ts`.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { UserRole } from "../auth/Role.ts"
import { UserRole as Role } from "../auth/Role.ts"
import { User, UserId } from "../auth/User.ts"
import { userColumns } from "../auth/userColumns.ts"
import type { Query } from "../platform/Query.ts"
import { rows, sql } from "../platform/Query.ts"
import { containing } from "../shared/LikePattern.ts"
import type { Phone } from "../shared/Phone.ts"
import type { ShopId } from "../shared/ShopId.ts"

export interface ProfileChange {
  readonly name: string | undefined
  readonly phone: Phone | undefined
  readonly role: UserRole | undefined
}

export class TeamRepo extends Context.Service<
  TeamRepo,
  {
    /** Newest first. */
    readonly findMembers: (
      shopId: ShopId,
      filter: {
        readonly role: UserRole | null
        readonly isActiveOnly: boolean
        readonly search: string | null
        readonly skip: number
        readonly limit: number
      },
    ) => Query<ReadonlyArray<User>>
    readonly findById: (shopId: ShopId, id: UserId) => Query<ReadonlyArray<User>>
    /** Locked in the order of their ids. */
    readonly lockMembers: (shopId: ShopId, ids: ReadonlyArray<UserId>) => Query<ReadonlyArray<User>>
    /** The active directors, locked in the order of their ids. */
    readonly lockDirectors: (shopId: ShopId) => Query<ReadonlyArray<{ readonly id: UserId }>>
    readonly findByPhone: (shopId: ShopId, phone: Phone) => Query<ReadonlyArray<{ readonly id: UserId }>>
    /** Ends the sessions of the member as well. */
    readonly deactivate: (shopId: ShopId, id: UserId) => Query<ReadonlyArray<User>>
    readonly saveRole: (shopId: ShopId, id: UserId, role: UserRole) => Query<ReadonlyArray<User>>
    readonly countByRole: (shopId: ShopId) => Query<ReadonlyArray<typeof RoleCount.Type>>
    /** Through the door of identity: an account's own change of itself. */
    readonly saveProfile: (id: UserId, change: ProfileChange) => Query<ReadonlyArray<User>>
  }
>()("cvety/team/TeamRepo") {
  static readonly layer = Layer.succeed(TeamRepo, {
    findMembers: (shopId, { role, isActiveOnly, search, skip, limit }) => {
      const pattern = search === null ? null : containing(search)
      return rows(
        User,
        sql`
          SELECT ${columns}
          FROM "user"
          WHERE shop_id = ${shopId}
            AND (${role}::text IS NULL OR role = ${role}::text)
            AND (is_active OR NOT ${isActiveOnly}::boolean)
            AND (${pattern}::text IS NULL OR name ILIKE ${pattern}::text OR phone LIKE ${pattern}::text)
          ORDER BY created_at DESC, id DESC
          LIMIT ${limit} OFFSET ${skip}`,
      )
    },
    findById: (shopId, id) =>
      rows(User, sql`SELECT ${columns} FROM "user" WHERE shop_id = ${shopId} AND id = ${id}`),
    lockMembers: (shopId, ids) =>
      rows(
        User,
        sql`
          SELECT ${columns}
          FROM "user"
          WHERE shop_id = ${shopId} AND id = ANY (${ids}::integer[])
          ORDER BY id
          FOR UPDATE`,
      ),
    lockDirectors: (shopId) =>
      rows(
        OnlyId,
        sql`
          SELECT id
          FROM "user"
          WHERE shop_id = ${shopId} AND role = 'DIRECTOR' AND is_active
          ORDER BY id
          FOR UPDATE`,
      ),
    findByPhone: (shopId, phone) =>
      rows(OnlyId, sql`SELECT id FROM "user" WHERE shop_id = ${shopId} AND phone = ${phone}`),
    deactivate: (shopId, id) =>
      rows(
        User,
        sql`
          UPDATE "user"
          SET is_active = false, token_version = token_version + 1, updated_at = now()
          WHERE shop_id = ${shopId} AND id = ${id}
          RETURNING ${columns}`,
      ),
    saveRole: (shopId, id, role) =>
      rows(
        User,
        sql`
          UPDATE "user"
          SET role = ${role}, updated_at = now()
          WHERE shop_id = ${shopId} AND id = ${id}
          RETURNING ${columns}`,
      ),
    countByRole: (shopId) =>
      rows(
        RoleCount,
        sql`
          SELECT role, count(*)::integer AS count
          FROM "user"
          WHERE shop_id = ${shopId} AND is_active
          GROUP BY role`,
      ),
    saveProfile: (id, { name, phone, role }) =>
      rows(
        User,
        sql`
          UPDATE "user"
          SET name = coalesce(${name ?? null}::text, name),
              phone = coalesce(${phone ?? null}::text, phone),
              role = coalesce(${role ?? null}::text, role),
              updated_at = now()
          WHERE id = ${id}
          RETURNING ${columns}`,
      ),
  })
}

const columns = userColumns('"user"')

const OnlyId = Schema.Struct({ id: UserId })
const RoleCount = Schema.Struct({ role: Role, count: Schema.Int })
