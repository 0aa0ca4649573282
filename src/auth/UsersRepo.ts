/**
 * The SQL that a login and a session need: accounts with their hashes, versions, ended sessions. Lists and roles of a
 * team are in `team/TeamRepo.ts`, those of operators in `superadmin/`.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Verdict } from "../platform/Caller.ts"
import type { Query } from "../platform/Query.ts"
import { command, rows, sql } from "../platform/Query.ts"
import type { Phone } from "../shared/Phone.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { UserRole } from "./Role.ts"
import type { Session } from "./Token.ts"
import { Account, User, UserId } from "./User.ts"
import { userColumns } from "./userColumns.ts"

export interface NewUser {
  readonly name: string
  readonly phone: Phone
  readonly role: UserRole
  readonly shopId: ShopId | null
  readonly isSuperadmin: boolean
  readonly invitedBy: UserId | null
  readonly passwordHash: string
}

export class UsersRepo extends Context.Service<
  UsersRepo,
  {
    /** Through the door of identity: accounts of any shop. */
    readonly findAccountByPhone: (phone: Phone) => Query<ReadonlyArray<Account>>
    /** Nobody when the session was ended. */
    readonly findAccountOfSession: (session: Session) => Query<ReadonlyArray<Account>>
    /** For people of a shop, in a transaction of theirs: whether the session may act. */
    readonly guard: (session: Session) => Query<Verdict>
    readonly findColleagues: (shopId: ShopId) => Query<ReadonlyArray<User>>
    readonly findDirectors: (shopId: ShopId) => Query<ReadonlyArray<Account>>
    /** Nobody when the phone has an account already, of whatever shop. */
    readonly insert: (user: NewUser) => Query<ReadonlyArray<{ readonly id: UserId }>>
    /** Breaks `user_phone_key` when the phone has an account already, of whatever shop. */
    readonly create: (user: NewUser) => Query<void>
    /** The same password, hashed anew: unless it was changed meanwhile. */
    readonly replaceHash: (id: UserId, old: string, next: string) => Query<void>
    /** Ends every session of the account. */
    readonly savePassword: (id: UserId, passwordHash: string) => Query<ReadonlyArray<Account>>
    /** Ends every session of the account. */
    readonly raiseTokenVersion: (id: UserId) => Query<void>
    readonly endSession: (session: Session) => Query<void>
    /** Rows about tokens that are over anyway. */
    readonly forgetExpiredSessions: () => Query<void>
  }
>()("cvety/auth/UsersRepo") {
  static readonly layer = Layer.succeed(UsersRepo, {
    findAccountByPhone: (phone) =>
      rows(
        Account,
        sql`
          ${accounts}
          WHERE u.phone = ${phone}`,
      ),
    findAccountOfSession: ({ id, userId, version }) =>
      rows(
        Account,
        sql`
          ${accounts}
          WHERE u.id = ${userId} AND u.is_active AND u.token_version = ${version}
            AND NOT EXISTS (SELECT FROM ended_session WHERE id = ${id})`,
      ),
    guard: ({ id, userId, version, role }) => ({
      statement: sql`
        SELECT CASE WHEN s.is_active THEN 'may act' ELSE 'shop blocked' END AS verdict
        FROM "user" u
        JOIN shop s ON s.id = u.shop_id
        WHERE u.id = ${userId} AND u.is_active AND u.token_version = ${version} AND u.role = ${role}
          AND NOT EXISTS (SELECT FROM ended_session WHERE id = ${id})`,
      decode: ([row]) => (row === undefined ? "session ended" : decodeVerdict(row).verdict),
    }),
    findColleagues: (shopId) =>
      rows(
        User,
        sql`
          SELECT ${columns}
          FROM "user" u
          WHERE u.shop_id = ${shopId} AND u.is_active
          ORDER BY u.name, u.id
          LIMIT ${COLLEAGUES_MAX}`,
      ),
    findDirectors: (shopId) =>
      rows(
        Account,
        sql`
          ${accounts}
          WHERE u.shop_id = ${shopId} AND u.role = 'DIRECTOR' AND u.is_active
          ORDER BY u.id
          LIMIT 1`,
      ),
    insert: (user) =>
      rows(
        Schema.Struct({ id: UserId }),
        sql`
          ${insertUser(user)}
          ON CONFLICT (phone) DO NOTHING
          RETURNING id`,
      ),
    create: (user) => command(insertUser(user)),
    replaceHash: (id, old, next) =>
      command(sql`
        UPDATE "user"
        SET password_hash = ${next}
        WHERE id = ${id} AND password_hash = ${old}`),
    savePassword: (id, passwordHash) =>
      rows(
        Account,
        sql`
          UPDATE "user" u
          SET password_hash = ${passwordHash}, token_version = token_version + 1, updated_at = now()
          WHERE u.id = ${id}
          RETURNING ${columns}, u.password_hash, u.token_version, NULL::boolean AS is_shop_active`,
      ),
    raiseTokenVersion: (id) =>
      command(sql`UPDATE "user" SET token_version = token_version + 1 WHERE id = ${id}`),
    endSession: ({ id, userId, shopId, expiresAt }) =>
      command(sql`
        INSERT INTO ended_session (id, shop_id, user_id, expires_at)
        VALUES (${id}, ${shopId}, ${userId}, ${expiresAt})
        ON CONFLICT DO NOTHING`),
    forgetExpiredSessions: () =>
      command(sql`
        DELETE FROM ended_session
        WHERE id IN (SELECT id FROM ended_session WHERE expires_at < now() LIMIT ${FORGOTTEN_MAX})`),
  })
}

const COLLEAGUES_MAX = 1_000
const FORGOTTEN_MAX = 100

const columns = userColumns("u")
const accounts = sql`
  SELECT ${columns}, u.password_hash, u.token_version, s.is_active AS is_shop_active
  FROM "user" u
  LEFT JOIN shop s ON s.id = u.shop_id`

const insertUser = (user: NewUser) => sql`
  INSERT INTO "user" (name, phone, role, shop_id, is_superadmin, invited_by, password_hash)
  VALUES (${user.name}, ${user.phone}, ${user.role}, ${user.shopId}, ${user.isSuperadmin}, ${user.invitedBy},
          ${user.passwordHash})`

const decodeVerdict = Schema.decodeUnknownSync(
  Schema.Struct({ verdict: Schema.Literals(["may act", "shop blocked"]) }),
)
