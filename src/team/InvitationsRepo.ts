/** The only SQL on invitations. */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { UserRole } from "../auth/Role.ts"
import type { UserId } from "../auth/User.ts"
import { User } from "../auth/User.ts"
import type { Query } from "../platform/Query.ts"
import { command, rows, sql } from "../platform/Query.ts"
import type { Phone } from "../shared/Phone.ts"
import type { ShopId } from "../shared/ShopId.ts"
import type { InvitationId, InvitationStatus } from "./Invitation.ts"
import { Invitation, LIFETIME_DAYS, WRONG_CODES_MAX } from "./Invitation.ts"

export class InvitationsRepo extends Context.Service<
  InvitationsRepo,
  {
    /** Newest first, each with who invited. One that time has run out for is expired, settled or not. */
    readonly findAll: (
      shopId: ShopId,
      status: typeof InvitationStatus.Type | null,
    ) => Query<ReadonlyArray<typeof InvitationWithInviter.Type>>
    /** Those that time has run out for. */
    readonly expireOld: (shopId: ShopId, phone: Phone) => Query<void>
    /** Nobody when one is pending, or the phone is a colleague's. */
    readonly insertUnlessColleague: (
      shopId: ShopId,
      invitation: {
        readonly phone: Phone
        readonly name: string
        readonly role: UserRole
        readonly invitedBy: UserId
        readonly code: string
      },
    ) => Query<ReadonlyArray<Invitation>>
    readonly lockById: (shopId: ShopId, id: InvitationId) => Query<ReadonlyArray<Invitation>>
    /** Still pending and in time, of a shop that is open. */
    readonly lockAcceptable: (shopId: ShopId, id: InvitationId) => Query<ReadonlyArray<Invitation>>
    readonly settle: (shopId: ShopId, id: InvitationId, status: "accepted" | "expired") => Query<void>
    readonly countPending: (shopId: ShopId) => Query<ReadonlyArray<{ readonly count: number }>>
    /** Through the door of identity: what is open for a phone in shops that are open, locked. */
    readonly lockOpen: (phone: Phone) => Query<ReadonlyArray<Invitation>>
    /** Through the door of identity: a wrong code against all that is open for the phone. */
    readonly countWrongCode: (phone: Phone) => Query<void>
  }
>()("cvety/team/InvitationsRepo") {
  static readonly layer = Layer.succeed(InvitationsRepo, {
    findAll: (shopId, status) =>
      rows(
        InvitationWithInviter,
        sql`
          SELECT ${columnsNow},
                 jsonb_build_object(
                   'id', u.id, 'name', u.name, 'phone', u.phone, 'role', u.role, 'is_active', u.is_active,
                   'is_superadmin', u.is_superadmin, 'invited_by', u.invited_by, 'shop_id', u.shop_id,
                   'created_at', u.created_at, 'updated_at', u.updated_at) AS inviter
          FROM team_invitation i
          JOIN "user" u ON u.shop_id = i.shop_id AND u.id = i.invited_by
          WHERE i.shop_id = ${shopId} AND (${status}::text IS NULL OR ${statusNow} = ${status}::text)
          ORDER BY i.created_at DESC, i.id DESC
          LIMIT ${INVITATIONS_MAX}`,
      ),
    expireOld: (shopId, phone) =>
      command(sql`
        UPDATE team_invitation
        SET status = 'expired', updated_at = now()
        WHERE shop_id = ${shopId} AND phone = ${phone} AND status = 'pending' AND expires_at <= now()`),
    insertUnlessColleague: (shopId, { phone, name, role, invitedBy, code }) =>
      rows(
        Invitation,
        sql`
          INSERT INTO team_invitation AS i (shop_id, phone, name, role, invited_by, invitation_code, expires_at)
          SELECT ${shopId}, ${phone}, ${name}, ${role}, ${invitedBy}, ${code},
                 now() + make_interval(days => ${LIFETIME_DAYS}::integer)
          WHERE NOT EXISTS (SELECT FROM "user" WHERE shop_id = ${shopId} AND phone = ${phone})
          ON CONFLICT (shop_id, phone) WHERE status = 'pending' DO NOTHING
          RETURNING ${columns}`,
      ),
    lockById: (shopId, id) =>
      rows(
        Invitation,
        sql`
          SELECT ${columns}
          FROM team_invitation i
          WHERE i.shop_id = ${shopId} AND i.id = ${id}
          FOR UPDATE`,
      ),
    lockAcceptable: (shopId, id) =>
      rows(
        Invitation,
        sql`
          SELECT ${columns}
          FROM team_invitation i
          JOIN shop s ON s.id = i.shop_id AND s.is_active
          WHERE i.shop_id = ${shopId} AND i.id = ${id} AND i.status = 'pending' AND i.expires_at > now()
          FOR UPDATE OF i`,
      ),
    settle: (shopId, id, status) =>
      command(sql`
        UPDATE team_invitation
        SET status = ${status}, updated_at = now()
        WHERE shop_id = ${shopId} AND id = ${id}`),
    countPending: (shopId) =>
      rows(
        Count,
        sql`
          SELECT count(*)::integer AS count
          FROM team_invitation
          WHERE shop_id = ${shopId} AND status = 'pending' AND expires_at > now()`,
      ),
    lockOpen: (phone) =>
      rows(
        Invitation,
        sql`
          SELECT ${columns}
          FROM team_invitation i
          JOIN shop s ON s.id = i.shop_id AND s.is_active
          WHERE i.phone = ${phone} AND i.status = 'pending' AND i.expires_at > now()
          ORDER BY i.id
          FOR UPDATE OF i`,
      ),
    countWrongCode: (phone) =>
      command(sql`
        UPDATE team_invitation
        SET wrong_codes = wrong_codes + 1,
            status = CASE WHEN wrong_codes + 1 >= ${WRONG_CODES_MAX}::integer THEN 'expired' ELSE status END,
            updated_at = now()
        WHERE phone = ${phone} AND status = 'pending'`),
  })
}

const INVITATIONS_MAX = 500

const STATUS_NOW = "CASE WHEN i.status = 'pending' AND i.expires_at <= now() THEN 'expired' ELSE i.status END"
const statusNow = sql.literal(STATUS_NOW)

const columnsWith = (status: string) =>
  sql.literal(
    `i.id, i.shop_id, i.phone, i.name, i.role, i.invited_by, ${status} AS status, i.invitation_code, i.expires_at,
     i.created_at, i.updated_at`,
  )
const columns = columnsWith("i.status")
const columnsNow = columnsWith(STATUS_NOW)

/** The account of the inviter comes as JSON, its times as text. */
const InvitationWithInviter = Schema.Struct({
  ...Invitation.fields,
  inviter: Schema.Struct({
    ...User.fields,
    created_at: Schema.DateFromString,
    updated_at: Schema.DateFromString,
  }),
})

const Count = Schema.Struct({ count: Schema.Int })
