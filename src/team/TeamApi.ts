import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Access from "../auth/Access.ts"
import { AccountAccess, StaffAccess } from "../auth/Access.ts"
import { AttemptsTooMany, PasswordIncorrect } from "../auth/AccountFault.ts"
import { GivenPassword, NewPassword } from "../auth/Password.ts"
import { roles, UserRole } from "../auth/Role.ts"
import { UserId, UserNotFound } from "../auth/User.ts"
import { UserRead } from "../auth/UserView.ts"
import { bodyFaults } from "../shared/BodyFault.ts"
import { DatabaseUnavailable } from "../shared/DatabaseUnavailable.ts"
import { Overloaded } from "../shared/Overloaded.ts"
import { Phone, PhoneInput } from "../shared/Phone.ts"
import { Flag, intBetween, numberInText } from "../shared/QueryValue.ts"
import { filledTextUpTo, textUpTo } from "../shared/Text.ts"
import { ValidationFailed } from "../shared/ValidationFailed.ts"
import { InvitationId, InvitationStatus, TeamRole } from "./Invitation.ts"
import {
  ColleagueExists,
  DirectorsOnly,
  InvitationNotFound,
  InvitationPending,
  InvitationSettled,
  LastDirector,
  OwnAccountProtected,
  PhoneInUse,
  RoleChangeRefused,
} from "./TeamFault.ts"
import { TeamInvitationRead } from "./TeamView.ts"

const NAME_CHARS_MAX = 100
const SEARCH_CHARS_MAX = 100
const SKIP_MAX = 10_000
const PAGE_MAX = 100

export const ProfileUpdate = Schema.Struct({
  name: Schema.optionalKey(filledTextUpTo(NAME_CHARS_MAX)),
  phone: Schema.optionalKey(PhoneInput),
  role: Schema.optionalKey(UserRole),
  is_active: Schema.optionalKey(Schema.Boolean).annotate({ description: "Nobody deactivates themselves" }),
  password: Schema.optionalKey(NewPassword),
  current_password: Schema.optionalKey(GivenPassword).annotate({
    description: "Needed beside a new password",
  }),
}).annotate({ examples: [{ name: "Айгерим" }] })

export const NewInvitation = Schema.Struct({
  phone: PhoneInput,
  name: filledTextUpTo(NAME_CHARS_MAX),
  role: TeamRole,
}).annotate({ examples: [{ phone: Phone.make("+77000000000"), name: "Айгерим", role: "FLORIST" }] })

const Message = Schema.Struct({ message: Schema.String })

/** One's own profile, and the people of one's shop. */
export class TeamApi extends HttpApiGroup.make("profile")
  .add(
    HttpApiEndpoint.get("get", "/", { success: UserRead })
      .middleware(AccountAccess)
      .annotateMerge(Access.account)
      .annotateMerge(OpenApi.annotations({ summary: "My profile" })),
    HttpApiEndpoint.put("update", "/", {
      payload: ProfileUpdate,
      success: UserRead,
      error: [
        ...bodyFaults,
        RoleChangeRefused,
        OwnAccountProtected,
        PhoneInUse,
        PasswordIncorrect,
        AttemptsTooMany,
        Overloaded,
        DatabaseUnavailable,
      ],
    })
      .middleware(AccountAccess)
      .annotateMerge(Access.account)
      .annotateMerge(
        OpenApi.annotations({
          summary: "Change my profile",
          description: "A new password ends every session. Nobody raises their own role.",
        }),
      ),
    HttpApiEndpoint.get("team", "/team", {
      query: {
        skip: Schema.optionalKey(intBetween(0, SKIP_MAX)),
        limit: Schema.optionalKey(intBetween(1, PAGE_MAX)),
        role: Schema.optionalKey(UserRole),
        active_only: Schema.optionalKey(Flag),
        search: Schema.optionalKey(textUpTo(SEARCH_CHARS_MAX)),
      },
      success: Schema.Array(UserRead),
      error: [ValidationFailed, DatabaseUnavailable],
    })
      .middleware(StaffAccess)
      .annotateMerge(Access.permission("view_team_members"))
      .annotateMerge(OpenApi.annotations({ summary: "People of my shop, newest first" })),
    HttpApiEndpoint.post("invite", "/team/invite", {
      payload: NewInvitation,
      success: TeamInvitationRead,
      error: [
        ...bodyFaults,
        DirectorsOnly,
        RoleChangeRefused,
        ColleagueExists,
        InvitationPending,
        DatabaseUnavailable,
      ],
    })
      .middleware(StaffAccess)
      .annotateMerge(Access.permission("invite_team_members"))
      .annotateMerge(
        OpenApi.annotations({
          summary: "Invite somebody into my shop",
          description: "The code is for the invited person, who accepts with it within seven days.",
        }),
      ),
    HttpApiEndpoint.get("invitations", "/team/invitations", {
      query: { status_filter: Schema.optionalKey(InvitationStatus) },
      success: Schema.Array(TeamInvitationRead),
      error: [ValidationFailed, DatabaseUnavailable],
    })
      .middleware(StaffAccess)
      .annotateMerge(Access.permission("invite_team_members"))
      .annotateMerge(OpenApi.annotations({ summary: "Invitations of my shop, newest first" })),
    HttpApiEndpoint.delete("cancelInvitation", "/team/invitations/:invitation_id", {
      params: { invitation_id: numberInText(InvitationId) },
      success: Message,
      error: [InvitationNotFound, InvitationSettled, ValidationFailed, DatabaseUnavailable],
    })
      .middleware(StaffAccess)
      .annotateMerge(Access.permission("invite_team_members"))
      .annotateMerge(OpenApi.annotations({ summary: "Cancel an invitation" })),
    HttpApiEndpoint.delete("remove", "/team/:user_id", {
      params: { user_id: numberInText(UserId) },
      success: Message,
      error: [
        UserNotFound,
        OwnAccountProtected,
        DirectorsOnly,
        RoleChangeRefused,
        ValidationFailed,
        DatabaseUnavailable,
      ],
    })
      .middleware(StaffAccess)
      .annotateMerge(Access.permission("remove_team_members"))
      .annotateMerge(OpenApi.annotations({ summary: "Take somebody out of the team; their sessions end" })),
    HttpApiEndpoint.put("changeRole", "/team/:user_id/role", {
      params: { user_id: numberInText(UserId) },
      query: { new_role: TeamRole },
      success: UserRead,
      error: [
        UserNotFound,
        OwnAccountProtected,
        DirectorsOnly,
        RoleChangeRefused,
        LastDirector,
        ValidationFailed,
        DatabaseUnavailable,
      ],
    })
      .middleware(StaffAccess)
      .annotateMerge(Access.permission("update_team_roles"))
      .annotateMerge(OpenApi.annotations({ summary: "Give somebody another role" })),
    HttpApiEndpoint.get("stats", "/stats", {
      success: Schema.Struct({
        total_active_users: Schema.Int,
        users_by_role: Schema.Struct(
          Object.fromEntries(roles.map((role) => [role, Schema.Int])) as Record<UserRole, typeof Schema.Int>,
        ),
        pending_invitations: Schema.Int,
      }),
      error: [DatabaseUnavailable],
    })
      .middleware(StaffAccess)
      .annotateMerge(Access.permission("view_team_members"))
      .annotateMerge(OpenApi.annotations({ summary: "How many people my shop has" })),
  )
  .prefix("/api/v1/profile")
  .annotateMerge(OpenApi.annotations({ title: "Profile and team" })) {}
