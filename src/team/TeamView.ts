import * as Schema from "effect/Schema"
import type { User } from "../auth/User.ts"
import { UserId } from "../auth/User.ts"
import { toUserRead, UserRead } from "../auth/UserView.ts"
import { toWireTime, WireTime } from "../shared/WireTime.ts"
import type { Invitation } from "./Invitation.ts"
import { InvitationId, InvitationStatus, TeamRole } from "./Invitation.ts"

export const TeamInvitationRead = Schema.Struct({
  id: InvitationId,
  phone: Schema.String,
  name: Schema.String,
  role: TeamRole,
  invited_by: UserId,
  status: InvitationStatus,
  invitation_code: Schema.String.annotate({
    description:
      "Six digits, for the invited person; asterisks for whoever has a lower role than the invited one",
  }),
  expires_at: WireTime,
  created_at: WireTime,
  updated_at: WireTime,
  invited_by_user: Schema.NullOr(UserRead),
})

export const toTeamInvitationRead = (
  invitation: Invitation,
  inviter: User | null,
): typeof TeamInvitationRead.Type => ({
  id: invitation.id,
  phone: invitation.phone,
  name: invitation.name,
  role: invitation.role,
  invited_by: invitation.invited_by,
  status: invitation.status,
  invitation_code: invitation.invitation_code,
  expires_at: toWireTime(invitation.expires_at),
  created_at: toWireTime(invitation.created_at),
  updated_at: toWireTime(invitation.updated_at),
  invited_by_user: inviter === null ? null : toUserRead(inviter),
})
